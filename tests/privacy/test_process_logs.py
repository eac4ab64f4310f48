"""What the processes themselves write down, at their loudest, while a person's conversation goes through them."""

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from sinks import Canaries

from bridge.models import ContactMapping
from bridge.sandbox.chatwoot import ADMIN_TOKEN
from bridge.sandbox.krayin import BRIDGE
from tests.bridge.connected_clinic import Bridge
from tests.intake.server import PROJECT, START_S, Server, database_address
from tests.proof.processes import until

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

# A broker's database of our own: the worker must not eat other tests' messages.
BROKER = f"{settings.REDIS_URL.rpartition('/')[0]}/7"
COMMANDS = {
    "web": ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "--bind", "127.0.0.1:0", "config.wsgi"),
    "lanes": ("manage.py", "lanes"),
    "worker": ("-m", "celery", "-A", "config", "worker", "-P", "solo", "-Q", "lanes,jobs", "-l", "DEBUG"),
}


@contextmanager
def running(name: str, folder: Path) -> Iterator[Path]:
    """One process as deployed; its output is in the file."""
    log = folder / f"{name}.log"
    environ = os.environ | {
        "DATABASE_URL": database_address(), "REDIS_URL": BROKER, "WEB_CONCURRENCY": "1", "PONTE_LOG_LEVEL": "DEBUG",
        "PYTHONUNBUFFERED": "1", "PONTE_DEBUG": "",
    }  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *COMMANDS[name]], cwd=PROJECT, env=environ, stdout=output, stderr=output
        )
        try:
            yield log
        finally:
            process.terminate()
            process.wait(START_S)


def test_no_process_writes_a_canary_down(bridge: Bridge, tmp_path: Path) -> None:
    canaries = Canaries()
    name, phone = canaries.plant("name", "Zuleidenoca Quixabeira"), canaries.plant("phone", "+5511977364158")
    sentence = canaries.plant("message", "Sinto uma quixabeira no joelho zurumbado")
    canaries.plant("token", ADMIN_TOKEN)
    canaries.plant("password", BRIDGE.password)
    typed = canaries.plant("typed", "jequitibazeiro-4711")
    with ExitStack() as processes:
        logs = {kind: processes.enter_context(running(kind, tmp_path)) for kind in COMMANDS}
        assert until(lambda: "Listening at" in logs["web"].read_text()), logs["web"].read_text()
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", logs["web"].read_text())
        assert found
        server = Server(int(found[1]))
        with bridge.chatwoot.capture() as deliveries:
            made = bridge.chatwoot.new_person_writes(sentence, name=name, phone_number=phone)
            bridge.chatwoot.set_status(made.display_id, "resolved")
        path = f"/webhooks/chatwoot/{bridge.connection.public_id}/"
        for one in deliveries:
            assert server.post(path, one.body, one.headers)[0] == 202
        assert server.post(path, deliveries[0].body, {})[0] == 401
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        sent = urlencode({"username": f"{typed}@canario.exemplo", "password": typed}).encode()
        assert server.post("/admin/login/", sent, form)[0] in (200, 403)
        assert ask(server, f"/admin/bridge/webhookevent/?{urlencode({'q': typed})}") == 302
        assert ask(server, f"/api/v1/nowhere?{urlencode({'q': typed})}") in (401, 404)
        assert until(lambda: ContactMapping.objects.exists())
        assert until(lambda: "bridge.tasks.wake" in logs["worker"].read_text())
    for kind, log in logs.items():
        said = log.read_text()
        leaks = [line[:400] for line in said.splitlines() if canaries.in_text(line)]
        assert leaks == [], kind
        assert urlsplit(BROKER).password is None or str(urlsplit(BROKER).password) not in said, kind
        assert os.environ["PONTE_SECRET_KEY"] not in said, kind
    assert all(log.stat().st_size for kind, log in logs.items() if kind in ("web", "worker"))


def ask(server: Server, path: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
    client.request("GET", path)
    status = client.getresponse().status
    client.close()
    return status
