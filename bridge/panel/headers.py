"""Response headers of the panel: strict scripts, framed by one Chatwoot only."""

from urllib.parse import urlsplit

from django.http import HttpResponseBase

from bridge.models import Connection

STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'"


def origin_of(address: str) -> str:
    """Scheme, host and port of an address, as browsers write origins: without a scheme's own port."""
    parts = urlsplit(address)
    own = {"https": 443, "http": 80}.get(parts.scheme)
    port = f":{parts.port}" if parts.port and parts.port != own else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def for_frame(response: HttpResponseBase, connection: Connection) -> None:
    """Only this connection's Chatwoot may frame the answer."""
    origin = origin_of(connection.chatwoot_url)
    response["Content-Security-Policy"] = f"{STRICT}; form-action 'none'; frame-ancestors {origin}"
    response.xframe_options_exempt = True  # type: ignore[attr-defined]
    _private(response)


def for_window(response: HttpResponseBase) -> None:
    """The window hands its token to its opener: the link must survive, which Django's own default would cut."""
    response["Content-Security-Policy"] = f"{STRICT}; form-action 'self'; frame-ancestors 'none'"
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    _private(response)


def for_data(response: HttpResponseBase) -> None:
    response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    _private(response)


def _private(response: HttpResponseBase) -> None:
    response["Cache-Control"] = "no-store"
