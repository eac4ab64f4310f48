"""Which ports a run listens on: those of the last run, else the usual ones, else any that is free."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.embedded.processes import free_port, is_free, write_private
from config.running.telling import CannotRun

USUAL = {"web": 8000, "chatwoot": 8091, "krayin": 8092}
ATTEMPTS = 20


def choose(path: Path, *, web: int | None = None) -> dict[str, int]:
    """Return a free port for each of `USUAL` and remember them in `path`. Raises CannotRun if `web` is asked and taken."""
    if web is not None and not (0 < web < 65536 and is_free(web)):
        raise CannotRun(
            f"Port {web} is in use by another program. Stop that program, or choose another port with --port.",
            f"A porta {web} está em uso por outro programa. Pare esse programa ou escolha outra porta com --port.",
        )
    earlier = remembered(path)
    chosen: dict[str, int] = {}
    for name in USUAL:
        asked = web if name == "web" else None
        taken = set(chosen.values())
        chosen[name] = asked or next(p for p in candidates(name, earlier) if p not in taken and is_free(p))
    write_private(path, json.dumps(chosen))
    return chosen


def candidates(name: str, earlier: Mapping[str, int]) -> Iterator[int]:
    if name in earlier:
        yield earlier[name]
    yield USUAL[name]
    for _ in range(ATTEMPTS):
        yield free_port()


def remembered(path: Path) -> dict[str, int]:
    """The ports of the last run; none when there was none or its file is unreadable."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: port for name, port in found.items() if isinstance(port, int) and 0 < port < 65536}
