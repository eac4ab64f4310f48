"""Fixtures of the proofs: the connected clinic of the bridge's tests."""

from tests.bridge.connected_clinic import bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]
