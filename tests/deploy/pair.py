"""Primary, streaming replica and PgBouncer, each with the configuration that is deployed; only places differ."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from config.embedded.accounts import Placement, moved_root, place
from config.embedded.binaries import Programs, Search, Source, postgres_programs
from config.embedded.postgres import NAME, SUPERUSER, PostgresServer
from config.embedded.processes import LOOPBACK, Options, free_port, wait_until, write_private
from tests.intake.server import NOBODY, database_address

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
PATIENCE_S = 60
REPLICATOR = "ponte_replicator"


class Node(PostgresServer):
    """A server that reads deploy/postgres/ponte.conf. Not durable: only processes are killed here, never the machine."""

    cluster = "ponte_a"

    def prepare(self, placement: Placement) -> None:
        if self.data.exists():
            return
        draft = self.home / "data.new"
        draft.mkdir(mode=0o700)
        placement.account.own(draft)
        self._initialise(placement, draft)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write((DEPLOY / "postgres" / "ponte.conf").read_text(encoding="utf-8"))
        draft.rename(self.data)

    def command(self, placement: Placement, port: int) -> list[str | Path]:
        return [*super().command(placement, port), "-c", f"cluster_name={self.cluster}", "-c", "fsync=off"]

    @property
    def place(self) -> str:
        """As databases.ini names it."""
        return f"host={LOOPBACK} port={self.running.port}"

    def admin(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        """A superuser's connection, in autocommit."""
        return psycopg.connect(
            f"{self.place} user={SUPERUSER} dbname={database}", password=self.password(SUPERUSER), autocommit=True
        )

    def crash(self) -> None:
        os.kill(self.running.pid, signal.SIGQUIT)
        pid = self.running.pid
        assert wait_until(lambda: not self._is_alive(self.running), PATIENCE_S), pid


class Replica(Node):
    """Made by deploy/postgres/replica.sh from the primary it is given."""

    cluster = "ponte_replica"
    primary: Node

    def prepare(self, placement: Placement) -> None:
        if self.data.exists():
            return
        for name in (NAME, SUPERUSER):
            write_private(self.home / f"{name}.password", self.primary.password(name))
        self.data.mkdir(mode=0o700)
        placement.account.own(self.data)
        script = self.home / "replica.sh"
        shutil.copy(DEPLOY / "postgres" / "replica.sh", script)
        script.chmod(0o644)
        self.run(
            placement,
            *(
                "/usr/bin/env",
                f"PGPASSWORD={self.primary.password(REPLICATOR)}",
                f"PG_BIN={placement.main.resolve().parent}",
            ),
            *("sh", script, LOOPBACK, str(self.primary.running.port), REPLICATOR, self.data),
        )


@dataclass
class Pooler:
    """PgBouncer with deploy/pgbouncer/databases.ini and pgbouncer.ini."""

    directory: Path
    node: Node
    placement: Placement
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes]" = field(init=False)

    @property
    def databases(self) -> Path:
        return self.directory / "databases.ini"

    def url(self, pool: str = NAME) -> str:
        return f"postgresql://{NAME}:{self.node.password(NAME)}@{LOOPBACK}:{self.port}/{pool}"

    def start(self) -> None:
        users, settings = self.directory / "users", self.directory / "pgbouncer.ini"
        users.write_text("".join(f'"{user}" "{self.node.password(NAME)}"\n' for user in (NAME, "ponte_intake")))
        places = {
            "/etc/pgbouncer/databases.ini": str(self.databases),
            "listen_addr = *": f"listen_addr = {LOOPBACK}",
            "listen_port = 6432": f"listen_port = {self.port}",
            "/run/secrets/pgbouncer_users": str(users),
        }
        settings.write_text(replaced((DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text(encoding="utf-8"), places))
        deployed = (DEPLOY / "pgbouncer" / "databases.ini").read_text(encoding="utf-8")
        assert deployed.count("host=postgres-a port=5432 ") == 4
        text = replaced(deployed, {"host=postgres-a port=5432": self.node.place})
        # `postgres`: where a test runner asks which databases there are.
        self.databases.write_text(f"{text}\npostgres = {self.node.place} dbname=postgres\n")
        for path in (users, settings, self.databases):
            path.chmod(0o644)
        with (self.directory / "pgbouncer.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self.placement.account.prefix, program("pgbouncer"), str(settings)],
                cwd=self.directory,
                stdout=log,
                stderr=log,
                **self.placement.account.options(),
            )
        assert wait_until(self.answers, PATIENCE_S), self.said()

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def said(self) -> str:
        return (self.directory / "pgbouncer.log").read_text(errors="replace")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)


@dataclass
class Pair:
    """The three servers, and what a process of Ponte needs to use them."""

    directory: Path
    primary: Node
    replica: Replica
    pooler: Pooler
    primary_place: str = ""
    guard: "subprocess.Popen[bytes] | None" = None

    @property
    def environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.pooler.url(),
            "DATABASE_DIRECT_URL": self.pooler.url("ponte_direct"),
            "DATABASE_REPLICA_URL": self.replica.url,
            "PONTE_PGBOUNCER": "1",
            "REDIS_URL": NOBODY,
        }

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Through the pooler, so of whoever is the primary."""
        with psycopg.connect(self.pooler.url(), prepare_threshold=None) as connection:
            return connection.execute(statement, values).fetchall()

    def promote(self) -> "subprocess.CompletedProcess[str]":
        """As the runbook says."""
        admin = f"user={SUPERUSER} dbname=postgres"
        command = ["sh", str(DEPLOY / "postgres" / "promote.sh"), f"{self.replica.place} {admin}"]
        command += [f"{self.primary_place} {admin}", str(self.pooler.databases), self.primary_place, self.replica.place]
        command += [f"kill -HUP {self.pooler.process.pid}"]
        environ = {"PATH": os.environ["PATH"], "PG_BIN": str(self.replica.programs.main.resolve().parent)}
        environ |= {"PGPASSWORD": self.replica.password(SUPERUSER)}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE_S * 2)

    def deliveries_wait_for_two(self) -> bool:
        """Whether the primary lets the intake wait for the replica now."""
        with self.primary.admin() as primary:
            return primary.execute("SHOW synchronous_standby_names").fetchone() != ("",)

    def replica_has_everything(self) -> bool:
        with self.primary.admin() as primary, self.replica.admin() as replica:
            written = primary.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
            assert written is not None
            return replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", written).fetchone() == (True,)


def replaced(text: str, places: dict[str, str]) -> str:
    """The text with other places; each must be there."""
    for deployed, here in places.items():
        assert deployed in text, deployed
        text = text.replace(deployed, here)
    return text


def program(name: str) -> str:
    """Debian puts PgBouncer where only root's PATH leads. Fails with the command that installs it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"these tests need {name}: apt-get install {name}"
    return found


def same_as_the_suites() -> Programs:
    """PostgreSQL of the version the suite runs on, so that its schema can be copied."""
    with psycopg.connect(database_address()) as connection:
        major = connection.info.server_version // 10000
    found = postgres_programs(Search(path=os.environ.get("PATH", os.defpath)), Source.AUTO)
    return next(programs for programs in found if programs.major == major)


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Start all three; the database is a copy of the suite's own, which saves the migrations."""
    directory = Path(tempfile.mkdtemp(prefix="ponte-pair-"))
    directory.chmod(0o711)
    programs, options = same_as_the_suites(), Options(durable=True, max_connections=120)
    primary, replica = Node(directory / "a", programs, options), Replica(directory / "b", programs, options)
    replica.primary = primary
    pair = Pair(directory, primary, replica, Pooler(directory, primary, placement_for(directory, programs)))
    try:
        primary.start(os.environ, lambda line: None)
        pair.primary_place = primary.place
        first_start(directory, primary)
        copy_suites_database(primary)
        replica.start(os.environ, lambda line: None)
        pair.pooler.start()
        pair.guard = start_guard(pair)
        yield pair
    finally:
        if pair.guard:
            pair.guard.kill()
            pair.guard.wait(PATIENCE_S)
        if hasattr(pair.pooler, "process"):
            pair.pooler.stop()
        replica.stop()
        primary.stop()
        for left in (directory, moved_root(directory)):
            shutil.rmtree(left, ignore_errors=True)


def placement_for(directory: Path, programs: Programs) -> Placement:
    """Who may run PgBouncer, which refuses root as PostgreSQL does."""
    home = directory / "pooler"
    home.mkdir()
    return place(home, programs, os.environ, lambda line: None)


def first_start(directory: Path, primary: Node) -> None:
    """deploy/postgres/first_start.sh, which containers run in a new cluster."""
    secrets = directory / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "database_password").write_text(primary.password(NAME))
    (secrets / "replication_password").write_text(primary.password(REPLICATOR))
    environ = {
        "PATH": os.environ["PATH"],
        "PG_BIN": str(primary.programs.main.resolve().parent),
        "PGHOST": LOOPBACK,
        "PGPORT": str(primary.running.port),
        "PGUSER": SUPERUSER,
        "PGPASSWORD": primary.password(SUPERUSER),
        "PGDATA": str(primary.data),
        "SECRETS": str(secrets),
    }
    subprocess.run(["sh", str(DEPLOY / "postgres" / "first_start.sh")], env=environ, check=True)


def start_guard(pair: Pair) -> "subprocess.Popen[bytes]":
    """deploy/postgres/in_step.sh beside the primary."""
    environ = {
        "PATH": os.environ["PATH"],
        "PG_BIN": str(pair.primary.programs.main.resolve().parent),
        "PGHOST": LOOPBACK,
        "PGPORT": str(pair.primary.running.port),
        "PASSWORD_FILE": str(pair.directory / "secrets" / "replication_password"),
        "LOOK_S": "0.3",
    }
    with (pair.directory / "in_step.log").open("wb") as log:
        return subprocess.Popen(["sh", str(DEPLOY / "postgres" / "in_step.sh")], env=environ, stdout=log, stderr=log)


def copy_database(programs: Path, target: str) -> None:
    """The suite's database, as it is now, into an empty one."""
    dump = subprocess.run([programs / "pg_dump", "--no-owner", database_address()], capture_output=True, check=True)
    copy = [programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", target]
    done = subprocess.run(copy, input=dump.stdout, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:].decode(errors="replace")


def copy_suites_database(primary: Node) -> None:
    programs = primary.programs.main.resolve().parent
    dump = subprocess.run(
        [programs / "pg_dump", "--no-owner", database_address()], capture_output=True, check=True
    ).stdout
    done = subprocess.run(
        [programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", primary.url],
        input=dump,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:].decode(errors="replace")
    with primary.admin("ponte") as admin:
        # The suite says it in each session, which a pooler in transaction mode does not keep.
        admin.execute("ALTER DATABASE ponte SET ponte.retention = 'on'")
        # A test cuts off connections of the intake's role, too.
        admin.execute("GRANT pg_signal_backend TO ponte")
