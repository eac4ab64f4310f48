"""Keys of the trail, apart from all others: PONTE_AUDIT_KEYS, newest first. Old ones stay as long as their rows."""

from django.conf import settings


def newest() -> tuple[str, bytes]:
    """Id and bytes of the key that signs now."""
    key_id = next(iter(settings.AUDIT_KEYS))
    return key_id, settings.AUDIT_KEYS[key_id]


def known() -> dict[str, bytes]:
    return dict(settings.AUDIT_KEYS)
