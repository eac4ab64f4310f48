"""Keys of the trail, apart from all others: PONTE_AUDIT_KEYS, newest first. Old ones stay as long as their rows."""

from hmac import compare_digest

from django.conf import settings

from audit import canonical


def newest() -> tuple[str, bytes]:
    """Id and bytes of the key that signs now."""
    key_id = next(iter(settings.AUDIT_KEYS))
    return key_id, settings.AUDIT_KEYS[key_id]


def known(key_id: str) -> bytes | None:
    return settings.AUDIT_KEYS.get(key_id)


def has_signed(key_id: str, text: str, mac: bytes) -> bool:
    """Whether the MAC of this canonical text of a segment is ours."""
    key = known(key_id)
    return key is not None and compare_digest(canonical.segment_mac(key, text), mac)
