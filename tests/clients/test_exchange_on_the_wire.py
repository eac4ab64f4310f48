"""One exchange over real sockets: what was sent for certain, what may have been executed, and when it ends."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.clients.base import USER_AGENT, build_session
from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import LeadDraft
from bridge.errors import EffectUnknown, PartnerError, PartnerMisconfigured, PartnerUnavailable
from tests.clients.wire import CallLog, FreePace, MemoryTokens

PERSONS = b'{"data": []}'
COUNTED = b"X-RateLimit-Limit: 60\r\nX-RateLimit-Remaining: 41\r\n"
Behaviour = Callable[[socket.socket], None]


class Peer:
    """A server that treats each connection as one behaviour says and counts connections and bytes received."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._behaviour = behaviour
        self.connections = 0
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._treat, args=[connection], daemon=True).start()

    def _treat(self, connection: socket.socket) -> None:
        with closing(connection):
            try:
                self._behaviour(connection)
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def peers() -> Iterator[Callable[[Behaviour], Peer]]:
    started: list[Peer] = []

    def start(behaviour: Behaviour) -> Peer:
        started.append(Peer(behaviour))
        return started[-1]

    yield start
    for peer in started:
        peer.close()


def receive(connection: socket.socket) -> bytes:
    """One request with its body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, extra: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + COUNTED + extra
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def keeps_alive(connection: socket.socket) -> None:
    while receive(connection):
        connection.sendall(answer(PERSONS))


def closes_unread(connection: socket.socket) -> None:
    receive(connection)


def resets(connection: socket.socket) -> None:
    receive(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def stays_silent(connection: socket.socket) -> None:
    receive(connection)
    time.sleep(10)


def stops_half_way(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(answer(PERSONS)[:-3])


def drips(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def stalls_in_the_body(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    time.sleep(10)


def floods(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(200):
        connection.sendall(b" " * 100_000)


def speaks_no_http(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def client(port: int, log: CallLog | None = None, *, seconds: float = 5, scheme: str = "http") -> KrayinClient:
    return KrayinClient(
        f"{scheme}://127.0.0.1:{port}",
        session=build_session(),
        tokens=MemoryTokens(),
        pace=FreePace(),
        on_call=log or CallLog(),
        total_seconds=seconds,
    )


def read(krayin: KrayinClient) -> object:
    return krayin.person_search(email="maria.silva@example.com.br")


def write(krayin: KrayinClient) -> object:
    return krayin.lead_create(LeadDraft(title="Implante", stage_id=7))


def unused_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("call", [read, write])
def test_a_refused_connection_was_certainly_not_executed(call: Callable[[KrayinClient], object]) -> None:
    log = CallLog()

    with pytest.raises(PartnerUnavailable) as caught:
        call(client(unused_port(), log))

    assert caught.value.code == "cannot-connect"
    assert [record.status for record in log.records] == [None]


def test_a_name_nobody_knows_was_certainly_not_called() -> None:
    krayin = KrayinClient(
        "http://nobody.invalid", session=build_session(), tokens=MemoryTokens(), pace=FreePace(), on_call=CallLog()
    )

    with pytest.raises(PartnerUnavailable) as caught:
        write(krayin)

    assert caught.value.code == "cannot-connect"


@pytest.mark.parametrize("behaviour", [closes_unread, resets, stops_half_way, speaks_no_http])
def test_a_connection_lost_after_sending_leaves_a_write_unknown(
    peers: Callable[[Behaviour], Peer], behaviour: Behaviour
) -> None:
    peer = peers(behaviour)

    with pytest.raises(EffectUnknown) as caught:
        write(client(peer.port))
    with pytest.raises(PartnerUnavailable):
        read(client(peer.port))

    assert (caught.value.code, caught.value.finished) == ("interrupted", False)


@pytest.mark.parametrize("behaviour", [stays_silent, drips, stalls_in_the_body])
def test_a_slow_answer_is_cut_at_the_deadline(peers: Callable[[Behaviour], Peer], behaviour: Behaviour) -> None:
    peer = peers(behaviour)
    started = time.monotonic()

    with pytest.raises(EffectUnknown) as caught:
        write(client(peer.port, seconds=1.5))

    assert caught.value.code == "timeout"
    assert time.monotonic() - started < 5


def test_a_call_with_hardly_any_time_left_is_not_sent(peers: Callable[[Behaviour], Peer]) -> None:
    peer = peers(keeps_alive)

    with pytest.raises(PartnerUnavailable) as caught:
        write(client(peer.port, seconds=0.5))

    assert caught.value.code == "no-time-left"
    assert peer.connections == 0


def test_an_endless_answer_is_dropped(peers: Callable[[Behaviour], Peer]) -> None:
    peer = peers(floods)

    with pytest.raises(PartnerUnavailable) as caught:
        read(client(peer.port, seconds=20))

    assert caught.value.code == "too-large"


def test_a_server_without_the_certificate_we_trust_is_for_the_operator(
    peers: Callable[[Behaviour], Peer], tmp_path: Path
) -> None:
    context = self_signed(tmp_path)

    def greets(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True).recv(1)

    peer = peers(greets)

    with pytest.raises(PartnerMisconfigured) as caught:
        write(client(peer.port, scheme="https"))

    assert caught.value.code == "certificate-refused"


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_connection_is_used_again_for_the_next_call(peers: Callable[[Behaviour], Peer]) -> None:
    peer = peers(keeps_alive)
    krayin = client(peer.port)

    assert [read(krayin) for _ in range(3)] == [(), (), ()]
    assert peer.connections == 1


def test_cookies_of_an_answer_are_not_sent_back(peers: Callable[[Behaviour], Peer]) -> None:
    received: list[bytes] = []

    def sets_cookie(connection: socket.socket) -> None:
        while request := receive(connection):
            received.append(request)
            connection.sendall(answer(PERSONS, b"Set-Cookie: krayin_session=abc; Path=/\r\n"))

    krayin = client(peers(sets_cookie).port)
    read(krayin)
    read(krayin)

    assert len(received) == 2
    assert b"cookie" not in received[1].lower()
    assert b"User-Agent: Ponte/" in received[1]


def test_a_netrc_entry_does_not_replace_our_token(
    peers: Callable[[Behaviour], Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    received: list[bytes] = []

    def remembers(connection: socket.socket) -> None:
        received.append(receive(connection))
        connection.sendall(answer(PERSONS))

    read(client(peers(remembers).port))

    assert b"Authorization: Bearer 1|first" in received[0]


@pytest.mark.parametrize("behaviour", [closes_unread, stays_silent, floods])
def test_no_failure_shows_what_was_searched_for(
    peers: Callable[[Behaviour], Peer], behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="bridge")

    with pytest.raises(PartnerError) as caught:
        read(client(peers(behaviour).port, seconds=1.5))

    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert "maria" not in f"{error!s} {error!r} {vars(error)} {caplog.text}"


def test_search_terms_stay_out_of_the_http_librarys_log(
    peers: Callable[[Behaviour], Peer], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        read(client(peers(keeps_alive).port))

    assert "maria" not in caplog.text


@pytest.mark.parametrize(
    "address", ["crm.example.com", "ftp://crm.example.com", "https://", "https://crm.example.com/?a=b"]
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        KrayinClient(address, session=build_session(), tokens=MemoryTokens(), pace=FreePace(), on_call=CallLog())


def test_the_user_agent_names_the_released_version() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"

    assert f"Ponte/{tomllib.loads(pyproject.read_text())['project']['version']}" == USER_AGENT


def test_a_site_below_a_path_keeps_its_path(peers: Callable[[Behaviour], Peer]) -> None:
    received: list[bytes] = []

    def remembers(connection: socket.socket) -> None:
        received.append(receive(connection))
        connection.sendall(answer(json.dumps({"data": []}).encode()))

    peer = peers(remembers)
    krayin = KrayinClient(
        f"http://127.0.0.1:{peer.port}/crm/",
        session=build_session(),
        tokens=MemoryTokens(),
        pace=FreePace(),
        on_call=CallLog(),
    )

    assert krayin.leads_by_ids([1]) == ()
    assert received[0].startswith(b"GET /crm/api/v1/leads?id=1&limit=1 ")
