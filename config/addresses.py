"""Where a request comes from."""

import ipaddress
from collections.abc import Mapping
from typing import Any


def address_of(meta: Mapping[str, Any]) -> str:
    """The address a call comes from; needs no setting.

    A public peer is itself. A private or local peer is taken for our own reverse proxy, so its word counts: the last
    entry of X-Forwarded-For, which the nearest proxy wrote.
    """
    peer = str(meta.get("REMOTE_ADDR", ""))
    forwarded = str(meta.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    if is_public(peer) or not is_address(forwarded):
        return peer
    return forwarded


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_public(text: str) -> bool:
    return is_address(text) and ipaddress.ip_address(text).is_global
