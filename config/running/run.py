"""Second half of `up`: every process, the example clinic, the example conversations, the summary.

Runs inside `config.embedded`, with servers and keys in its environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections

from config.embedded.accounts import give_to_owner_of, make_directory
from config.running import conversations, environment, example, figures, http, ports
from config.running.comparison import Played, compare
from config.running.conversations import Partners
from config.running.launch import PROJECT, take
from config.running.processes import LOOK_EVERY_S, STOP_TIMEOUT_S, Child, Processes, stop_leftovers
from config.running.summary import Summary, summarise, table
from config.running.telling import CannotRun, StopAsked, say, say_step

READY_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Wishes:
    """What the person asked for."""

    once: bool = False
    conversations: int = 6
    port: int | None = None


@dataclass(frozen=True)
class Ready:
    """Everything runs and is connected."""

    partners: Partners
    connection_id: int
    ref_code: str
    web_url: str


def run(wishes: Wishes, var: Path) -> int:
    """Do one whole run; return the exit status. Raises CannotRun; every process is stopped in any case."""
    logs, state = var / "log", var / "run"
    for directory in (logs, state, var / "sandbox", var / "static"):
        make_directory(directory)
    # The first half's lock goes with it when it is killed; its second half may still be stopping then.
    lock = take(var / "inside.lock", wait_s=STOP_TIMEOUT_S * 2)
    if (state / "processes.json").exists():
        say_step("Stopping what a killed run left", "Parando o que uma execução interrompida deixou")
        stop_leftovers(state / "processes.json")
    chosen = ports.choose(var / "ports.json", web=wishes.port)
    web_url = f"http://127.0.0.1:{chosen['web']}"
    environ = environment.of_children(os.environ, web_url=web_url)
    environment.for_the_shell(var / "running.env", environ)
    processes = Processes(PROJECT, logs, state / "processes.json", environ)
    processes.listen()
    is_up = False
    try:
        ready = start(processes, var, chosen, web_url)
        summary = demonstrate(processes, ready, wishes.conversations)
        tell(summary, ready, var)
        is_up = True
        if not wishes.once:
            stay(processes)
        print(summary.as_json(), flush=True)
        return 0 if summary.is_exact else 1
    except StopAsked as asked:
        # Ctrl-C is how a run that is up ends.
        return 0 if is_up and asked.number == signal.SIGINT else 128 + asked.number
    finally:
        say_step("Stopping every process", "Parando todos os processos")
        processes.stop()
        connections.close_all()
        for path in (var / "sandbox").glob("*"):
            give_to_owner_of(var, path)
        lock.close()


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def manage(*arguments: str) -> list[str]:
    return python(str(PROJECT / "manage.py"), *arguments)


def start(processes: Processes, var: Path, chosen: Mapping[str, int], web_url: str) -> Ready:
    """Database, simulators, web, workers, beat and the connection of the example clinic."""
    say_step("Preparing the database", "Preparando o banco de dados")
    processes.run("migrate", manage("migrate", "--no-input", "-v", "1"))
    processes.run("partitions", manage("partitions", "--apply"))
    password = example.first_user()
    if password:  # at once: it is kept nowhere, and what follows may fail
        say()
        say(f"  Usuário / user: {example.USER}   Senha (mostrada só agora) / password (shown only now): {password}")
        say("  O primeiro acesso configura um segundo fator: tenha à mão um aplicativo autenticador.")
        say("  The first sign-in sets up a second factor: have an authenticator app at hand.")
        say()
    say_step("Starting the simulated Chatwoot and Krayin", "Iniciando o Chatwoot e o Krayin simulados")
    simulators = start_sandbox(processes, var, chosen)
    say_step("Starting web, spool, lane workers, Celery and beat", "Iniciando web, spool, workers, Celery e beat")
    start_ponte(processes, web_url)
    say_step("Connecting the example clinic", "Conectando a clínica de exemplo")
    made = connect(processes, var, simulators)
    partners = Partners(simulators["chatwoot"]["url"], simulators["krayin"]["url"])
    return Ready(partners, made["connection_id"], made["ref_code"], web_url)


def start_sandbox(processes: Processes, var: Path, chosen: Mapping[str, int]) -> dict[str, Any]:
    """Start the simulators; return their parts of a connection file."""
    numbers = ("--chatwoot-port", str(chosen["chatwoot"]), "--krayin-port", str(chosen["krayin"]))
    sandbox = processes.start("sandbox", manage("sandbox", *numbers, "--state", str(var / "sandbox")), outlives=True)
    wait_for(processes, sandbox, lambda: bool(json_lines(sandbox)))
    found: dict[str, Any] = json_lines(sandbox)[0]
    return found


def start_ponte(processes: Processes, web_url: str) -> None:
    bind = web_url.removeprefix("http://")
    gunicorn = ("-m", "gunicorn", "-c", str(PROJECT / "deploy" / "gunicorn.conf.py"), "--bind", bind, "config.wsgi")
    celery = ("-m", "celery", "-A", "config.celery")
    web = processes.start("web", python(*gunicorn))
    processes.start("lanes", manage("lanes"))
    processes.start("spool", manage("spool"))
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    processes.start("celery", python(*celery, "worker", "-Q", "lanes,jobs", "-c", "2", "-l", "INFO", *quiet))
    processes.start("beat", python(*celery, "beat", "-l", "INFO", "--pidfile="))
    wait_for(processes, web, lambda: http.answers(f"{web_url}/readyz"))


def wait_for(processes: Processes, child: Child, condition: Callable[[], bool]) -> None:
    if not processes.until(condition, READY_TIMEOUT_S):
        raise CannotRun(
            f"The process '{child.name}' did not become ready within {READY_TIMEOUT_S:.0f} s; its last lines are above, "
            f"all of them in {child.log}.",
            f"O processo '{child.name}' não ficou pronto em {READY_TIMEOUT_S:.0f} s; as últimas linhas estão acima, "
            f"todas em {child.log}.",
            log=child.said(),
        )


def json_lines(child: Child) -> list[Any]:
    return objects(child.output())


def objects(lines: list[str]) -> list[Any]:
    """The lines that are whole JSON objects."""
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def connect(processes: Processes, var: Path, simulators: Mapping[str, Any]) -> dict[str, Any]:
    """Connect the example clinic, or find it connected; return what `manage.py connect` prints."""
    example.follow_krayin(simulators["krayin"]["url"])
    path = var / "connection.json"
    example.connection_file(path, simulators)
    made: dict[str, Any] = objects(processes.run("connect", manage("connect", "--file", str(path))))[-1]
    example.give_roles()
    return made


def demonstrate(processes: Processes, ready: Ready, count: int) -> Summary:
    """Finish what an earlier run left, play the example conversations, compare."""
    partners = ready.partners
    conversations.settle(processes, partners, ready.connection_id, limit_s=conversations.LIMIT_S)
    began, before = figures.now(), partners.crm()
    earlier = figures.counts(ready.connection_id, began)

    def came_so_far() -> int:
        return (figures.counts(ready.connection_id, began) - earlier).received

    story = conversations.play(processes, partners, ready.connection_id, came_so_far, conversations=count)
    after, chat = partners.crm(), partners.chat()
    came = figures.counts(ready.connection_id, began) - earlier
    found = compare(Played.of(chat, story.last["conversation_ids"]), before, after, ref_code=ready.ref_code)
    crm_calls = worked(after) - worked(before)
    took = figures.times(ready.connection_id, began)
    say()
    summary = summarise(story, came, found, took, crm_calls, chat["deliveries"])
    for line in table(summary, calls_in_window=after["calls"]["max_in_window"]):
        say(line)
    return summary


def worked(crm: Mapping[str, Any]) -> int:
    """Calls the simulated CRM has executed. Signing in is left out: a token lasts for many runs."""
    calls = crm["calls"]
    return int(calls["total"]) - int(calls["by_kind"].get("POST /login", 0))


def tell(summary: Summary, ready: Ready, var: Path) -> None:
    """Where to click, and how other commands join this run."""
    say()
    say(f"  Administração / admin:        {ready.web_url}/admin/   ({example.USER})")
    say(f"  Chatwoot simulado / simulated: {ready.partners.chatwoot}/__state__")
    say(f"  Krayin simulado / simulated:   {ready.partners.krayin}/__state__")
    say(f"  Registros / logs:              {var / 'log'}")
    say("  Outros comandos / other commands, em outro terminal / in another terminal:")
    say(f"    set -a; . '{var}/ponte.env'; . '{var}/running.env'; set +a")
    say(f"    {sys.executable} {PROJECT / 'manage.py'} help")


def stay(processes: Processes) -> None:
    """Stay up until asked to stop, or a process ends."""
    say()
    say_step("Everything runs. Ctrl-C stops it", "Tudo em execução. Ctrl-C para encerrar")
    while True:
        processes.check()
        time.sleep(LOOK_EVERY_S)
