"""Whether partners can reach us: https, a certificate, a public address (Chatwoot contract section 2)."""

import ipaddress
import socket
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.clients.base import forbid_open_transaction
from bridge.connecting.checks.base import Check, Finding
from bridge.connecting.look import Look

OWN_PAGE = "/healthz"
ANSWER_S = 8
POLLING = gettext_lazy("Not needed: this connection only polls.")


class Https(Check):
    code = "ADDRESS_HTTPS"
    title = gettext_lazy("Public address with https")
    why = gettext_lazy("Chatwoot and Krayin send personal data to it; without https anybody on the way can read them.")
    fix = gettext_lazy(
        "Set PONTE_PUBLIC_URL to the https address of this installation and restart, or choose only polling."
    )

    def look(self, look: Look) -> Finding:
        if look.is_polling_only:
            return self.ok(POLLING)
        if urlsplit(look.public_url).scheme == "https":
            return self.ok(look.public_url)
        return self.warn(_("%(address)s is not encrypted.") % {"address": look.public_url})


class Public(Check):
    code = "ADDRESS_PUBLIC"
    title = gettext_lazy("Address reachable from outside")
    why = gettext_lazy("Chatwoot 4.14 and newer sends nothing to private addresses, unless its installation allows it.")
    fix = gettext_lazy(
        "Use a name that leads to a public address; or set SAFE_FETCH_ALLOW_PRIVATE_NETWORK=true in your own Chatwoot "
        "(4.14.1 or newer); or choose only polling."
    )

    def look(self, look: Look) -> Finding:
        if look.is_polling_only:
            return self.ok(POLLING)
        host = urlsplit(look.public_url).hostname or ""
        try:
            addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
        except OSError:
            return self.fail(
                _("The name %(host)s leads nowhere.") % {"host": host}, _("Make its DNS entry, or correct the name.")
            )
        if all(ipaddress.ip_address(str(address).split("%")[0]).is_global for address in addresses):
            return self.ok(_("%(host)s leads to a public address.") % {"host": host})
        return self.warn(_("%(host)s leads to a private address.") % {"host": host})


class Answers(Check):
    code = "ADDRESS_ANSWERS"
    title = gettext_lazy("Address answers, with a valid certificate")
    why = gettext_lazy("Chatwoot sends each event once: what does not arrive is only found by the poll, minutes later.")
    fix = gettext_lazy(
        "Check DNS, firewall and the proxy in front of Ponte; from outside, open this address in a browser."
    )

    def look(self, look: Look) -> Finding:
        if look.is_polling_only:
            return self.ok(POLLING)
        forbid_open_transaction()
        address = look.public_url + OWN_PAGE
        try:
            answer = requests.get(address, timeout=ANSWER_S, allow_redirects=False)
        except requests.exceptions.SSLError:
            return self.fail(
                _("The certificate of %(address)s is not valid.") % {"address": look.public_url},
                _("Renew it, with its whole chain: Chatwoot verifies certificates and sends nothing otherwise."),
            )
        except requests.RequestException:
            return self.fail(_("%(address)s does not answer, asked from this server.") % {"address": look.public_url})
        if answer.status_code != 200:
            return self.fail(
                _("%(address)s answers %(status)d: something else listens there, or the proxy leads elsewhere.")
                % {"address": address, "status": answer.status_code}
            )
        return self.ok(_("%(address)s answers.") % {"address": look.public_url})
