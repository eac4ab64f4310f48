"""Redis under Sentinel, and RabbitMQ, started by the scripts of production (deploy/redis, deploy/rabbitmq)."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from config.embedded.binaries import Search, Source, valkey_programs
from config.embedded.processes import LOOPBACK, free_port
from tests.intake.server import PROJECT
from tests.spool.host import until

START = PROJECT / "deploy" / "redis" / "start.sh"
RABBITMQ = Path("/usr/lib/rabbitmq/bin")
PATIENCE_S = 90


@dataclass
class RedisNode:
    """One Redis or Sentinel of the group."""

    port: int
    password: str
    process: "subprocess.Popen[bytes]"

    def asked(self) -> Redis:
        return Redis(LOOPBACK, self.port, password=self.password, socket_timeout=5, decode_responses=True)

    def answers(self) -> bool:
        with suppress(RedisError, OSError), self.asked() as client:
            return bool(client.ping())
        return False


@dataclass
class RedisGroup:
    """A master, two replicas, three Sentinels."""

    servers: list[RedisNode]
    sentinels: list[RedisNode]
    password: str

    def url(self, master: str = "ponte") -> str:
        hosts = ",".join(f"{LOOPBACK}:{node.port}" for node in self.sentinels)
        return f"redis+sentinel://:{self.password}@{hosts}/{master}/0"

    def master_port(self) -> int:
        with self.sentinels[0].asked() as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name("ponte")[1])

    def kill_master(self) -> int:
        """SIGKILL, nothing is handed over; return its port."""
        port = self.master_port()
        next(node for node in self.servers if node.port == port).process.kill()
        return port

    def agrees(self) -> bool:
        """Every Sentinel knows both replicas and the other two Sentinels."""
        for node in self.sentinels:
            with node.asked() as sentinel:
                state = sentinel.sentinel_master("ponte")
                if (state["num-slaves"], state["num-other-sentinels"]) != (2, 2):
                    return False
        return True


def program(path: Path) -> str:
    """Fails with the command that installs it."""
    assert path.exists(), f"these tests need {path}: apt-get install rabbitmq-server"
    return str(path)


@contextmanager
def redis_group() -> Iterator[RedisGroup]:
    with own_directory() as directory, ExitStack() as stack:
        password = secrets.token_hex(16)
        (directory / "password").write_text(password)
        server = valkey_programs(Search(path=os.environ.get("PATH", os.defpath)), Source.AUTO)[0].main

        def start(role: str, *arguments: str) -> RedisNode:
            port = free_port()
            home = directory / f"{role}-{port}"
            home.mkdir()
            environ = {
                "REDIS_PASSWORD_FILE": str(directory / "password"),
                "REDIS_PORT": str(port),
                "REDIS_DIR": str(home),
            }
            environ |= {"REDIS_BIND": LOOPBACK, "REDIS_SERVER": str(server)}
            process = stack.enter_context(running(["sh", str(START), role, *arguments], environ, home / "log"))
            return RedisNode(port, password, process)

        first = start("server")
        master = (LOOPBACK, str(first.port))
        others = [start("server", *master) for _ in range(2)]
        assert until(lambda: all(node.answers() for node in (first, *others)))
        # Before the Sentinels look for the first time: their next look is 10 s later.
        assert until(lambda: first.asked().info("replication")["connected_slaves"] == 2)
        sentinels = [start("sentinel", *master) for _ in range(3)]
        assert until(lambda: all(node.answers() for node in sentinels))
        group = RedisGroup([first, *others], sentinels, password)
        assert until(group.agrees)
        for node in sentinels:
            with node.asked() as sentinel:
                # In production 5 s, so that a slow moment is no failover.
                sentinel.sentinel_set("ponte", "down-after-milliseconds", "1000")
        yield group


@contextmanager
def rabbitmq() -> Iterator[str]:
    """One node; yields its address. Its name service is its own as well, and ends with it."""
    with own_directory() as directory, ExitStack() as stack:
        (directory / "password").write_text(secrets.token_hex(16))
        (directory / "cookie").write_text(secrets.token_hex(16))
        port, names = free_port(), free_port()
        name = f"ponte{port}@localhost"
        environ = {
            "RABBITMQ_SERVER": program(RABBITMQ / "rabbitmq-server"),
            "RABBITMQ_HOME": str(directory),
            "RABBITMQ_PASSWORD_FILE": str(directory / "password"),
            "RABBITMQ_COOKIE_FILE": str(directory / "cookie"),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "ERL_EPMD_PORT": str(names),
            "HOME": str(directory),
        }
        (directory / "plugins").write_text("[].\n")
        stack.callback(end_name_service, names)
        start = PROJECT / "deploy" / "rabbitmq" / "start.sh"
        process = stack.enter_context(running(["sh", str(start)], environ, directory / "said"))

        def serves() -> bool:
            ready = [str(RABBITMQ / "rabbitmqctl"), "-q", "-n", name, "await_startup", "--timeout", "60"]
            done = subprocess.run(ready, env={**path(), **environ}, capture_output=True, check=False)
            return done.returncode == 0

        assert until(lambda: process.poll() is not None or serves(), PATIENCE_S), (directory / "said").read_text()
        yield f"amqp://ponte:{(directory / 'password').read_text()}@{LOOPBACK}:{port}//"


def end_name_service(port: int) -> None:
    epmd = shutil.which("epmd")
    if epmd:
        relaxed = {**path(), "ERL_EPMD_RELAXED_COMMAND_CHECK": "1", "ERL_EPMD_PORT": str(port)}
        subprocess.run([epmd, "-port", str(port), "-kill"], env=relaxed, capture_output=True, check=False)


@contextmanager
def own_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="ponte-broker-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running(command: list[str], environ: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server and its helpers, killed at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**path(), **environ}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def path() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
