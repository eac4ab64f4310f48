"""What the export of a person reads: Ponte's own rows, Chatwoot, Krayin; partners always below live traffic."""

from bridge.export import chatwoot, krayin, ponte
from consent.export.sources import register as hand_over


def register() -> None:
    """Called in `ready()`."""
    ponte.register()
    hand_over("ponte.bridge", ponte.sources)
    hand_over("ponte.chatwoot", chatwoot.sources)
    hand_over("ponte.krayin", krayin.sources)
