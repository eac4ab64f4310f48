"""The environment file: the keys of this installation, made once and never overwritten."""

from __future__ import annotations

import base64
import os
import secrets
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from config.embedded.processes import write_private
from config.running.telling import CannotRun

EXPLANATION = """\
# Keys of this installation, made at the first start. Keep a copy in a safe place: without PONTE_MASTER_KEYS and
# PONTE_BLIND_KEYS nobody can read what the database holds. deploy/env.example explains each variable.
"""


def new_key() -> str:
    """32 random bytes under the name k1, as PONTE_MASTER_KEYS and PONTE_BLIND_KEYS want them."""
    return "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()


MAKERS: Mapping[str, Callable[[], str]] = {
    "PONTE_SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "PONTE_MASTER_KEYS": new_key,
    "PONTE_BLIND_KEYS": new_key,
    "PONTE_AUDIT_KEYS": new_key,
}

# Keys of a later version: an installation made before it has nothing that an older one of them would be needed for.
ADDED_LATER = frozenset({"PONTE_AUDIT_KEYS"})


def keys(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the keys: those of the environment before those of the file; the first time the file is made.

    Raises CannotRun for a file without all keys: making a new one would lock the data away.
    """
    if not path.exists():
        made = {name: environ.get(name) or make() for name, make in MAKERS.items()}
        write_private(path, EXPLANATION + as_text(made))
    path.chmod(0o600)
    held = parsed(path.read_text(encoding="utf-8"))
    found = {name: environ.get(name) or held.get(name, "") for name in MAKERS}
    missing = [name for name, value in found.items() if not value]
    if missing and ADDED_LATER.issuperset(missing):
        added = {name: MAKERS[name]() for name in missing}
        with path.open("a", encoding="utf-8") as file:
            file.write(as_text(added))
        return {**found, **added}
    if missing:
        raise CannotRun(
            f"{path} lacks {', '.join(missing)}. Restore the file from a copy; without the keys the data in "
            f"{path.parent} cannot be read. To begin afresh, remove {path.parent}.",
            f"falta {', '.join(missing)} em {path}. Restaure o arquivo de uma cópia; sem as chaves os dados em "
            f"{path.parent} não podem ser lidos. Para recomeçar do zero, apague {path.parent}.",
        )
    return found


def as_text(values: Mapping[str, str]) -> str:
    """Lines a shell can read: `set -a; . file; set +a`."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def parsed(text: str) -> dict[str, str]:
    """Read what `as_text` wrote, or a person: comments, empty lines and a leading `export` are allowed."""
    values = {}
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            values[name.strip()] = "".join(shlex.split(value))
    return values


def of_children(environ: Mapping[str, str], *, web_url: str) -> dict[str, str]:
    """The environment of every process of a run. Local calls are answered, and never go through a proxy."""
    here = ("127.0.0.1", "localhost")
    away = ",".join(filter(None, [environ.get("NO_PROXY") or environ.get("no_proxy"), *here]))
    hosts = ",".join(filter(None, [environ.get("PONTE_ALLOWED_HOSTS"), *here]))
    return {
        **environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PONTE_PUBLIC_URL": web_url,
        "PONTE_ALLOWED_HOSTS": hosts,
        "PONTE_EXAMPLE_DATA": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": away,
        "no_proxy": away,
    }


def for_the_shell(path: Path, environ: Mapping[str, str]) -> None:
    """Write what other commands need to join this run; the addresses change, so it is written anew each time."""
    names = ("DATABASE_URL", "REDIS_URL", "PONTE_VAR", "PONTE_PUBLIC_URL", "PONTE_EXAMPLE_DATA")
    write_private(path, "# Addresses of the last run.\n" + as_text({name: environ[name] for name in names}))


def directory(environ: Mapping[str, str], default: Path) -> Path:
    """Where data, keys and logs are: PONTE_VAR, else `default`; absolute."""
    return Path(os.path.abspath(environ.get("PONTE_VAR") or default))
