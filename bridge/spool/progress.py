"""How far each spool file is in PostgreSQL; written by the drainer, read by it, by the writer and by the status."""

from __future__ import annotations

import json
from pathlib import Path

from bridge.spool import folder
from bridge.spool.records import Position


def read(path: Path) -> Position | None:
    """Return the position behind the last stored record of a spool file; None when none is known to be stored."""
    try:
        offset, number = json.loads(path.with_suffix(folder.DONE).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return Position(offset, number)


def write(path: Path, position: Position) -> None:
    """Remember durably that all before the position is stored. Raises OSError."""
    content = json.dumps([position.offset, position.number]).encode()
    folder.put(path.with_suffix(folder.DONE), content)
