"""Fixtures of the imports' tests: the clinic that is connected to both sandboxes over HTTP."""

from tests.bridge.connected_clinic import bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]
