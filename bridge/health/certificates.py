"""Until when certificates hold: our own address' and the partners'. Looked at hourly, never while a page is drawn."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings

from bridge.health import readings
from bridge.models import Connection

TIMEOUT_S = 5.0
OVER = -1.0  # days left of a certificate nobody can use


def look(now: datetime) -> dict[str, int]:
    """Keep the days left of every https host; a host that does not answer is left out: other checks tell of it."""
    values = []
    for address in addresses():
        parts = urlsplit(address)
        if parts.scheme == "https" and parts.hostname:
            days = days_left(parts.hostname, parts.port or 443, now)
            if days is not None:
                values.append((readings.CERTIFICATE, parts.hostname, days))
    readings.put(values, now)
    return {"certificates": len(values)}


def addresses() -> set[str]:
    """Ours, and those of the partners of every connection at work."""
    rows = Connection.objects.exclude(state=Connection.State.OFF).values_list("chatwoot_url", "krayin__base_url")
    return {settings.PUBLIC_URL, *(address for pair in rows for address in pair)}


def days_left(host: str, port: int, now: datetime) -> float | None:
    """Days until the end of the certificate, OVER for one that is not accepted today; None without an answer."""
    try:
        with (
            socket.create_connection((host, port), TIMEOUT_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as sealed,
        ):
            held = sealed.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError:
        return OVER
    except (OSError, ValueError):
        return None
    if not held:
        return None
    ends = x509.load_der_x509_certificate(held).not_valid_after_utc
    return (ends.astimezone(UTC) - now) / timedelta(days=1)
