"""What an erasure removes of the bridge and at the partners (lgpd 5.5 step 4, section 16)."""

from bridge.erasure import chatwoot, krayin, rows, waiting
from consent.erasure import systems


def register() -> None:
    """Called in `ready()`. Krayin before Chatwoot: what Chatwoot still tells must not be written again."""
    systems.register(krayin.systems, place=10)
    systems.register(chatwoot.systems, place=20)
    waiting.register()
    rows.register()
