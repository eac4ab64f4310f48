"""The whole fault run, small: real servers and processes, killed all the time; nothing lost, nothing doubled."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
LIMIT_S = 1500  # a run waits up to 600 s for quiet, on a machine that may be busy with everything else
KINDS = {"web", "web_master", "web_worker", "lanes", "celery", "beat", "spool", "broker", "pause", "postgres"}


def fault_run(seed: int) -> tuple[int, dict[str, Any], str]:
    """Exit status, the line of JSON, and what a person would have read."""
    arguments = ("--events", "300", "--kills", "12", "--ambiguous", "0.2", "--postgres", "--rate", "25", "--json")
    done = subprocess.run(
        [sys.executable, str(MANAGE), "faults", *arguments, "--seed", str(seed)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_and_nothing_doubled(seed: int) -> None:
    status, result, told = fault_run(seed)
    assert result["differences"] == []
    assert (status, result["passed"], result["seed"]) == (0, True, seed)
    assert sum(result["kills"].values()) == 12
    assert set(result["kills"]) == KINDS
    assert result["acknowledged"] >= 300
    assert result["persons"] == result["leads"] >= 5
    assert result["notes"] > result["leads"]
    assert f"seed {seed}: passed" in told
