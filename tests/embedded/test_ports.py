import socket
from pathlib import Path
from urllib.parse import urlsplit

from config.embedded import Servers
from tests.embedded.conftest import Launch
from tests.embedded.observing import answers


def ports(servers: Servers) -> list[int | None]:
    return [urlsplit(url).port for url in (servers.database_url, servers.redis_url)]


def test_a_restart_keeps_the_ports(start: Launch, tmp_path: Path) -> None:
    with start(tmp_path) as servers:
        before = ports(servers)

    assert ports(start(tmp_path)) == before


def test_ports_taken_meanwhile_by_others_are_avoided(start: Launch, tmp_path: Path) -> None:
    with start(tmp_path) as servers:
        before = ports(servers)

    with socket.create_server(("127.0.0.1", before[0] or 0)), socket.create_server(("127.0.0.1", before[1] or 0)):
        servers = start(tmp_path)

        assert set(ports(servers)).isdisjoint(before)
        assert answers(servers)


def test_the_servers_listen_on_the_loopback_address_only(start: Launch, tmp_path: Path) -> None:
    servers = start(tmp_path)

    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line}
    ours = [address for address in listening if int(address.partition(":")[2], 16) in ports(servers)]

    assert sorted(address.partition(":")[0] for address in ours) == ["0100007F", "0100007F"]
