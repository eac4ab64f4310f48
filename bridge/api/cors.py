"""Which web sites' pages may call the API from a browser: those that a live key lists, and no others (CORS)."""

import logging
from typing import Any

from corsheaders.signals import check_request_enabled
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.utils import timezone

from bridge.models import ApiKey

logger = logging.getLogger(__name__)


def is_listed(sender: object, request: HttpRequest, **kwargs: Any) -> bool:
    """Whether a live key lists the page's origin. A preflight carries no key, so any key of the origin will do."""
    origin = request.headers.get("Origin", "")
    if not request.path_info.startswith("/api/") or not 0 < len(origin) <= 200 or "\0" in origin:
        return False
    try:
        return ApiKey.objects.live(timezone.now()).filter(origins__contains=[origin]).exists()
    except (DatabaseError, InterfaceError) as error:
        # The browser refuses the page then; the call itself is answered as usual.
        logger.warning("api: origin not checked (%s)", type(error).__name__)
        return False


def listen() -> None:
    check_request_enabled.connect(is_listed, dispatch_uid="ponte-api-origins")
