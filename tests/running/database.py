"""The test's own database, as another process sees it."""

import base64
import os
import secrets
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from consent.encryption.keycheck import remember_keys


def environment_of_the_test(**more: str) -> dict[str, str]:
    """What a process needs to work on it with the keys it knows."""
    remember_keys()
    address = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
    return {**os.environ, "DATABASE_URL": urlunsplit(address), **more}


def wrong_master_keys() -> str:
    """Another key under the name of the newest one."""
    return f"{next(iter(settings.MASTER_KEYS))}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
