"""A run listens where the last one did, unless another program does now."""

import socket
from pathlib import Path

import pytest

from config.running import ports
from config.running.telling import CannotRun


def listen(port: int = 0) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def test_the_ports_of_the_last_run_are_kept(tmp_path: Path) -> None:
    first = ports.choose(tmp_path / "ports.json")
    assert ports.choose(tmp_path / "ports.json") == first
    assert len(set(first.values())) == 3


def test_a_busy_port_is_avoided_and_the_new_one_kept(tmp_path: Path) -> None:
    first = ports.choose(tmp_path / "ports.json")
    with listen(first["web"]):
        second = ports.choose(tmp_path / "ports.json")
    assert second["web"] != first["web"]
    assert {name: second[name] for name in ("chatwoot", "krayin")} == {
        name: first[name] for name in ("chatwoot", "krayin")
    }
    assert ports.choose(tmp_path / "ports.json") == second


def test_a_port_that_was_asked_for_is_used_or_the_reason_told(tmp_path: Path) -> None:
    with listen() as listener:
        taken = listener.getsockname()[1]
        with pytest.raises(CannotRun, match=f"Port {taken} is in use"):
            ports.choose(tmp_path / "ports.json", web=taken)
    assert ports.choose(tmp_path / "ports.json", web=taken)["web"] == taken


def test_an_impossible_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="Port 70000"):
        ports.choose(tmp_path / "ports.json", web=70000)


@pytest.mark.parametrize("text", ["", "{", "[8000]", '{"web": "8000", "krayin": 99999999}'])
def test_an_unreadable_memory_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    assert set(ports.choose(tmp_path / "ports.json")) == {"web", "chatwoot", "krayin"}
