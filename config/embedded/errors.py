"""What can go wrong with the local servers, named for what the person at the keyboard must do."""

from __future__ import annotations


class EmbeddedServersError(RuntimeError):
    """Base of all errors of this package; the text says what happened and how to fix it."""


class ServersNotFound(EmbeddedServersError):
    """No usable PostgreSQL or Redis/Valkey programs: install them, or give a URL."""


class ServerStartFailed(EmbeddedServersError):
    """A server stopped or stayed silent while starting: read the quoted lines of its log."""


class ServersBusy(EmbeddedServersError):
    """Another launch holds the same directory and its servers did not become ready: stop that one."""


class ServerDataUnusable(EmbeddedServersError):
    """The data directory cannot be used by this account: change owner, or choose another directory."""


class ServerChoiceInvalid(EmbeddedServersError):
    """PONTE_SERVERS holds a word that is not auto, system or wheels: correct it."""
