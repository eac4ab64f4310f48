"""Fixtures of the bridge's tests; the builders live in `connected_clinic` so that tests can import them."""

from connected_clinic import bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]
