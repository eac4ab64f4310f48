"""Blind indexes: keyed digests by which encrypted identifiers are found without opening anything.

The kind is part of the message, so the same text as telephone and as name gives unrelated digests. Keys are those of
PONTE_BLIND_KEYS, apart from the master keys.
"""

import hashlib
import hmac

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

# `content` tells equal from different for values that are never searched (what was written, what was seen).
# `access` is for what people of the staff type to sign in.
KINDS = frozenset({"access", "content", "phone", "email", "identifier", "name"})


def blind(kind: str, normalised: str) -> bytes:
    """Return the 32-byte digest under the newest key. `normalised` comes from `consent.identifiers`.

    Raises ValueError for an unknown kind or empty text, which would make all unknown people equal.
    """
    return digest(blind_version(), kind, normalised)


def blinds(kind: str, normalised: str) -> list[bytes]:
    """Return the digests under all live keys, newest first: what to search for while keys are being rotated."""
    return [digest(key_id, kind, normalised) for key_id in settings.BLIND_KEYS]


def blind_version() -> str:
    """Return the id of the key `blind` uses; stored beside each digest."""
    return next(iter(settings.BLIND_KEYS))


@sensitive_variables()
def digest(key_id: str, kind: str, normalised: str) -> bytes:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of blind index; use one of {', '.join(sorted(KINDS))}.")
    if not normalised:
        raise ValueError(f"An empty {kind} has no blind index.")
    message = f"ponte.blind.v1|{kind}|{normalised}".encode()
    return hmac.new(settings.BLIND_KEYS[key_id], message, hashlib.sha256).digest()
