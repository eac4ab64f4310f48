"""What the tests of the servers look at: rows, keys, and the processes of the operating system."""

import os
from pathlib import Path

import psycopg
import redis

from config.embedded import Servers


def write(servers: Servers, text: str) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def read(servers: Servers) -> list[str]:
    with psycopg.connect(servers.database_url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY text")]


def answers(servers: Servers) -> bool:
    with psycopg.connect(servers.database_url) as connection, redis.Redis.from_url(servers.redis_url) as client:
        return connection.execute("SELECT 1").fetchone() == (1,) and client.ping() is True


def exists(pid: int) -> bool:
    """Tell whether the process runs; one that has ended and whose parent has not asked yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def has_rights_of_root(pid: int) -> bool:
    """Tell whether the process is root where it counts: as user 0 in the same user namespace as ourselves."""
    status = Path(f"/proc/{pid}/status").read_text()
    user = next(line.split()[2] for line in status.splitlines() if line.startswith("Uid:"))
    return user == "0" and os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user")
