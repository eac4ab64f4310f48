"""What people type or paste, made usable: addresses of partners as they stand in a browser's address bar."""

import re
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

ACCOUNT = re.compile(r"/accounts/(\d{1,18})(?:/|$)")
# What follows the installation's own path in addresses of its screens and of its interface.
BEHIND = {"chatwoot": re.compile(r"/(app|api|auth|super_admin)(/|$).*"), "krayin": re.compile(r"/(admin|api)(/|$).*")}


class UnusableAddress(ValueError):
    """The text is no address; the message says how to write it."""


def chatwoot_address(text: str) -> tuple[str, int | None]:
    """The installation's address, and the account number when the pasted address names one. Raises UnusableAddress."""
    account = ACCOUNT.search(urlsplit(text.strip()).path)
    return base_address(text, "chatwoot"), int(account[1]) if account else None


def krayin_address(text: str) -> str:
    """The site's address without `/admin/…` and `/api/v1`. Raises UnusableAddress."""
    return base_address(text, "krayin")


def base_address(text: str, partner: str) -> str:
    """Scheme and host in lower case, without default port, screens, query. Raises UnusableAddress."""
    try:
        parts = urlsplit(text.strip() if "://" in text else f"https://{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or " " in text.strip() or parts.username:
        raise UnusableAddress(
            _("This is no address: write it as in the browser, for instance https://crm.clinica.com.br.")
        )
    if "." not in host and host != "localhost" and ":" not in host:
        raise UnusableAddress(_("The name of the host is not complete: write it as in the browser."))
    host = f"[{host}]" if ":" in host else host
    is_default = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    path = BEHIND[partner].sub("", parts.path).rstrip("/")
    return f"{parts.scheme}://{host}{'' if is_default else f':{port}'}{path}"
