"""Health check of a container without a port: 0 while its main process gets on, 1 when it is frozen or gone.

Every worker of Ponte looks for work at least each second, so the processor time of its process grows between two looks.
A container that ends is started again by the restart rule; this finds the one that neither works nor ends.
"""

import sys
from pathlib import Path

SEEN = Path("/tmp/alive")  # noqa: S108 - the container's own, in memory


def processor_time(proc: Path) -> int:
    """Ticks that the first process below the init process, and all it waited for, have used."""
    for status in sorted(proc.glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        fields = status.read_text().rpartition(")")[2].split()
        if fields[1] == "1":  # its parent is init
            return sum(map(int, fields[11:15]))
    raise FileNotFoundError("no process below init")


def main(proc: Path = Path("/proc"), seen: Path = SEEN) -> int:
    try:
        now = processor_time(proc)
        before = int(seen.read_text()) if seen.exists() else -1
        seen.write_text(str(now))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"not alive: {error}\n")
        return 1
    return 0 if now != before else 1


if __name__ == "__main__":
    sys.exit(main())
