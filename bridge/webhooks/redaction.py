"""What is dropped from a Chatwoot body before it is stored (DESIGN section 3, contract Chatwoot 11)."""

from typing import Any

# Live credentials, addresses that work without a login, and the person's network address.
DROPPED_KEYS = frozenset(
    {"pubsub_token", "data_url", "thumb_url", "avatar", "avatar_url", "thumbnail", "created_at_ip", "channel_secret"}
)
# Text of internal notes stays in Chatwoot.
PRIVATE_KEYS = frozenset({"content", "processed_message_content", "content_attributes", "attachments"})
MAX_DEPTH = 60


class TooDeep(ValueError):
    """Nested deeper than any real body; park it."""


def redacted(value: Any, depth: int = 0) -> Any:
    """Return a copy without credentials and private-note text. Raises TooDeep."""
    if depth > MAX_DEPTH:
        raise TooDeep
    if isinstance(value, dict):
        dropped = DROPPED_KEYS | PRIVATE_KEYS if value.get("private") is True else DROPPED_KEYS
        return {k: redacted(v, depth + 1) for k, v in value.items() if k not in dropped}
    if isinstance(value, list):
        return [redacted(item, depth + 1) for item in value]
    return value
