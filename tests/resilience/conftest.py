"""A connected clinic for tests of endurance."""

from tests.bridge.connected_clinic import bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]
