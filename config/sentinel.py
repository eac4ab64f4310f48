"""Redis under Sentinel: who is the master is asked at each connection, so that a failover needs no restart.

The address is one variable: `redis+sentinel://:password@host:26379,host:26379/name-of-the-master/0`. The password is that
of Redis and of the Sentinels. Imports nothing of the project: `config.env` checks addresses with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from redis import ConnectionPool, Redis
from redis.exceptions import RedisError
from redis.sentinel import Sentinel, SentinelConnectionPool

SCHEME = "redis+sentinel"
PORT = 26379
ASK_S = 2.0


@dataclass(frozen=True)
class Sentinels:
    """The parsed address. `nodes` are (host, port) of the Sentinels."""

    nodes: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    password: str = field(default="", repr=False)

    def pool(self, **options: Any) -> ConnectionPool:
        """Connections to whoever is the master; `options` as of redis.Connection. Times out as they say."""
        secret = {"password": self.password} if self.password else {}
        times = {name: value for name, value in options.items() if name in ("socket_timeout", "socket_connect_timeout")}
        manager = Sentinel(list(self.nodes), sentinel_kwargs={**times, **secret})  # type: ignore[no-untyped-call]
        pool: ConnectionPool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            self.master, manager, db=self.database, **secret, **options
        )
        return pool

    @property
    def broker_url(self) -> str:
        """As Celery's transport wants it."""
        secret = f":{quote(self.password, safe='')}@" if self.password else ""
        return ";".join(f"sentinel://{secret}{host}:{port}/{self.database}" for host, port in self.nodes)

    @property
    def broker_options(self) -> dict[str, Any]:
        """Transport options of Celery beside the times."""
        secret = {"password": self.password} if self.password else {}
        return {"master_name": self.master, "sentinel_kwargs": {"socket_timeout": ASK_S, **secret}}

    def known(self) -> list[str] | None:
        """Names of the masters that the first answering Sentinel watches; None when none answers."""
        for host, port in self.nodes:
            sentinel = Redis(
                host, port, password=self.password or None, socket_timeout=ASK_S, socket_connect_timeout=ASK_S
            )
            try:
                with sentinel:
                    found: Any = sentinel.sentinel_masters()  # a dictionary by name
                    return sorted(found)
            except (RedisError, OSError):
                continue
        return None


def sentinels(url: str) -> Sentinels | None:
    """Parse the address; None when it names a single server. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    if scheme != SCHEME:
        return None
    access, _, place = rest.rpartition("@")
    hosts, _, path = place.partition("/")
    name, _, database = path.partition("/")
    if not name or any(character.isspace() for character in url) or not (database or "0").isdecimal():
        raise ValueError("no name of a master, or no number of a database")
    return Sentinels(tuple(_node(word) for word in hosts.split(",")), name, int(database or 0), _password(access))


def _node(word: str) -> tuple[str, int]:
    host, _, port = word.rpartition(":") if ":" in word else (word, "", str(PORT))
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("not a host and a port")
    return host, int(port)


def _password(access: str) -> str:
    user, _, password = access.partition(":")
    if user:
        raise ValueError("users are not supported: leave the part before the colon empty")
    return unquote(password)


def client(url: str, **options: Any) -> Redis:
    """Redis at this address, the present master under Sentinel; `options` as of redis.Connection."""
    found = sentinels(url)
    return Redis(connection_pool=found.pool(**options)) if found else Redis.from_url(url, **options)


class MasterPool(ConnectionPool):
    """For Django's cache, which makes its pools from addresses."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """Return the pool of one server, or of the master the Sentinels know."""
        found = sentinels(url)
        return found.pool(**options) if found else ConnectionPool.from_url(url, **options)


def problem(url: str) -> str:
    """What is wrong with the name of the master, for people; empty when it is right or nobody can tell."""
    found = sentinels(url)
    known = found.known() if found else None
    if found is None or known is None or found.master in known:
        return ""
    return f"REDIS_URL asks the Sentinels for the master {found.master!r}; they know: {', '.join(known) or 'none'}"
