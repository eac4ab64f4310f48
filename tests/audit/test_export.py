"""An exported trail is checked by one file anywhere, without Ponte."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured

from audit import keys
from audit.checkpoints import FILE
from audit.export import lines
from tests.audit.trail import sealed_trail

pytestmark = pytest.mark.django_db
VERIFIER = Path(configured.BASE_DIR) / "deploy" / "verify_audit_export.py"


@pytest.fixture
def exported(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "place")]
    sealed_trail(4, 6)
    path = tmp_path / "trail.jsonl"
    path.write_text("".join(lines()))
    return path


def verify(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(VERIFIER), str(path), *arguments], capture_output=True, text=True, check=False
    )


def own_key() -> str:
    key_id, key = keys.newest()
    return f"{key_id}:{base64.b64encode(key).decode()}"


def test_a_whole_export_passes_with_and_without_key_and_checkpoints(exported: Path) -> None:
    place = exported.parent / "place" / FILE
    for arguments in ((), ("--key", own_key()), ("--checkpoints", str(place), "--key", own_key())):
        ended = verify(exported, *arguments)
        assert (ended.returncode, ended.stdout) == (0, "10 rows: 0 findings\n")


def change(at: int, edit: Callable[[dict], object]) -> Callable[[list[str]], list[str]]:
    def tamper(told: list[str]) -> list[str]:
        held = json.loads(told[at])
        edit(held)
        return [*told[:at], json.dumps(held) + "\n", *told[at + 1 :]]

    return tamper


# Line 0 is the header, 1 the first segment, 2 to 5 its rows, 6 the second segment, 7 to 12 its rows.
TAMPERED = {
    "a changed row": (change(3, lambda held: held["row"].update(outcome="denied")), "segment 1: its rows"),
    "a removed row": (lambda told: told[:3] + told[4:], "position 2 is missing"),
    "swapped rows": (lambda told: [*told[:3], told[4], told[3], *told[5:]], "out of order"),
    "a removed segment": (lambda told: [told[0], *told[6:]], "segment 2"),
    "a changed segment": (change(6, lambda held: held["segment"].update(count=7)), "segment 2 was changed"),
    "no trail at all": (lambda told: ["{}\n"], "not an exported audit trail"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named(exported: Path, what: str) -> None:
    tamper, said = TAMPERED[what]
    exported.write_text("".join(tamper(exported.read_text().splitlines(keepends=True))))
    ended = verify(exported)
    assert ended.returncode == 1
    assert said in ended.stdout


def test_a_cut_end_is_told_by_the_checkpoints(exported: Path) -> None:
    exported.write_text("".join(exported.read_text().splitlines(keepends=True)[:6]))
    assert verify(exported).returncode == 0
    ended = verify(exported, "--checkpoints", str(exported.parent / "place" / FILE))
    assert (ended.returncode, "cut: checkpoints know segments up to 2" in ended.stdout) == (1, True)


def test_a_trail_signed_by_somebody_else_is_refused(exported: Path) -> None:
    key_id = keys.newest()[0]
    ended = verify(exported, "--key", f"{key_id}:{base64.b64encode(bytes(32)).decode()}")
    assert ended.returncode == 1
    assert "is forged" in ended.stdout
