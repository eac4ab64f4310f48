"""What is dropped from a Chatwoot body before it is stored (DESIGN section 3, contract Chatwoot 11)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.clients.interactive import is_apart

# Live credentials, addresses that work without a login, and the person's network address.
DROPPED_KEYS = frozenset(
    {
        "pubsub_token", "hmac_token", "secret", "channel_secret", "provider_config", "data_url", "thumb_url", "avatar",
        "avatar_url", "thumbnail", "created_at_ip",
    }
)  # fmt: skip
# Text of internal notes stays in Chatwoot.
DROPPED_IN_PRIVATE = DROPPED_KEYS | {"content", "processed_message_content", "content_attributes", "attachments"}
# What Ponte tells people about their own requests: the mark stays, so that the body is known for what it is.
DROPPED_APART = DROPPED_KEYS | {"content", "processed_message_content"}
MAX_DEPTH = 60
NESTED = (dict, list)  # a union would be taken apart for every value
_SECRET_IN_TEXT = re.compile(
    rb'("(?:' + b"|".join(key.encode() for key in sorted(DROPPED_KEYS)) + rb')"\s*:\s*)"(?:[^"\\]|\\.)*"?', re.DOTALL
)


@dataclass(frozen=True)
class Redacted:
    """A body as it may be stored. `was_cut`: it is nested deeper than any real one, and what lies deeper is gone."""

    data: bytes
    was_cut: bool


def redacted(body: Mapping[str, Any]) -> Redacted:
    """Serialise a body without credentials and private-note text. Never raises for what JSON can hold."""
    pruning = _Pruning()
    data = json.dumps(pruning.of(body, 0), ensure_ascii=False, separators=(",", ":"))
    # JSON can escape lone surrogates, UTF-8 cannot hold them.
    return Redacted(data.encode("utf-8", "replace"), pruning.was_cut)


def scrubbed(raw: bytes) -> bytes:
    """Bytes that are no JSON object, with the values of credential keys blanked as far as they can be recognised."""
    return _SECRET_IN_TEXT.sub(rb'\1""', raw)


class _Pruning:
    def __init__(self) -> None:
        self.was_cut = False

    def of(self, value: Any, depth: int) -> Any:
        """Copy a list or object without what must not be kept; called for every one in every body."""
        if depth > MAX_DEPTH:
            self.was_cut = True
            return None
        below = depth + 1
        if isinstance(value, list):
            return [self.of(item, below) if isinstance(item, NESTED) else item for item in value]
        dropped = DROPPED_IN_PRIVATE if value.get("private") is True else DROPPED_KEYS
        if "content_attributes" in value and is_apart(value["content_attributes"]):
            dropped = DROPPED_APART
        # A channel is a name in conversations, but in inboxes the whole row with its tokens (contract Chatwoot 5.9).
        if isinstance(value.get("channel"), dict):
            dropped = dropped | {"channel"}
        return {
            key: self.of(item, below) if isinstance(item, NESTED) else item
            for key, item in value.items()
            if key not in dropped
        }
