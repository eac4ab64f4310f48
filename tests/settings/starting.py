"""Start Ponte's processes with chosen variables, to their end."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PATIENCE_S = 120
KEY = "k1:" + "A" * 43 + "="
# Nobody listens on port 9: a process that goes on in spite of its settings fails differently.
USABLE = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "PONTE_SECRET_KEY": "x" * 40,
    "PONTE_MASTER_KEYS": KEY,
    "PONTE_BLIND_KEYS": KEY,
    "PONTE_AUDIT_KEYS": KEY,
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}
MANAGE = ("manage.py",)
GUNICORN = ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", "127.0.0.1:0", "config.wsgi")
CELERY = ("-m", "celery", "-A", "config")


@dataclass(frozen=True)
class Ended:
    """How a process ended and everything it wrote."""

    code: int
    said: str

    def names(self, variable: str) -> bool:
        return f"{variable} " in self.said and "ponte.E001" in self.said


def run(*command: str, **variables: str) -> Ended:
    """Run Python with these arguments; `variables` replace or, when empty, unset those of a usable environment."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environ = {name: value for name, value in (kept | USABLE | variables).items() if value}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)
