"""Posting an alert to a program of the clinic's: signed, and never led into our own network.

The name is looked up once, every address it leads to must be public, and the connection goes to exactly the address
that was looked at: a name that answers differently the second time leads nowhere else. Redirects are not followed.
Hosts of one's own network must be named in PONTE_ALERT_HOSTS.
"""

import hashlib
import hmac
import socket
from urllib.parse import SplitResult, urlsplit

import urllib3
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from bridge.clients.base import USER_AGENT, forbid_open_transaction
from config.addresses import is_public

TIMEOUT_S = 5.0
SIGNATURE, TIMESTAMP, DELIVERY = "X-Ponte-Signature", "X-Ponte-Timestamp", "X-Ponte-Delivery"


class NotDelivered(Exception):
    """The program did not take it; the message is a code."""


def validate_address(address: str) -> None:
    """Accept https addresses, and http for the hosts of PONTE_ALERT_HOSTS; where it leads is looked at when sending."""
    refused = ValidationError(_("Use an https address without user and password."), code="address")
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise refused from None
    may_be_plain = parts.scheme == "http" and parts.hostname in settings.ALERT_HOSTS
    if not is_whole or parts.username or parts.password or not (parts.scheme == "https" or may_be_plain):
        raise refused


def post(address: str, body: bytes, *, secret: bytes, delivery: str, timestamp: int) -> None:
    """Send one signed body. Raises NotDelivered.

    The signature is the hexadecimal HMAC-SHA-256 of `<timestamp>.<body>`, after `sha256=`.
    """
    forbid_open_transaction()
    parts = urlsplit(address)
    signature = hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Host": parts.netloc, "User-Agent": USER_AGENT, "Content-Type": "application/json", TIMESTAMP: str(timestamp),
        SIGNATURE: f"sha256={signature}", DELIVERY: delivery,
    }  # fmt: skip
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _pool(parts, looked_up(parts)) as pool:
        try:
            answer = pool.urlopen(
                "POST", path, body=body, headers=headers, redirect=False, retries=False, preload_content=False
            )
        except urllib3.exceptions.SSLError:
            code = "certificate"
        except urllib3.exceptions.HTTPError:
            code = "unreachable"
        else:
            answer.close()
            code = "" if answer.status < 300 else f"status_{answer.status}"
    # Outside the except blocks on purpose: the causes quote the address.
    if code:
        raise NotDelivered(code)


def looked_up(parts: SplitResult) -> str:
    """The address to connect to. Raises NotDelivered when the name leads nowhere, or to a network that is not public."""
    host = parts.hostname or ""
    try:
        found = [str(info[4][0]).split("%")[0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise NotDelivered("unknown_host")
    if host not in settings.ALERT_HOSTS and not all(is_public(one) for one in found):
        raise NotDelivered("private_address")
    return found[0]


def _pool(parts: SplitResult, ip: str) -> urllib3.HTTPConnectionPool:
    timeout = urllib3.Timeout(total=TIMEOUT_S)
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(ip, parts.port or 80, timeout=timeout)
    return urllib3.HTTPSConnectionPool(
        ip,
        parts.port or 443,
        timeout=timeout,
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
        cert_reqs="CERT_REQUIRED",
        ca_certs=DEFAULT_CA_BUNDLE_PATH,
    )
