"""Requests of data subjects where they touch the partners: answers and codes by chat, what is held where, who got it."""

from bridge.request_channel import correcting, scope, sharing
from bridge.request_channel.chat import Chat
from consent.requests import channels


def register() -> None:
    """Called in `ready()`."""
    channels.register(Chat())
    sharing.register()
    scope.register()
    correcting.register()
