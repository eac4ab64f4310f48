"""The simulated partners of a measurement in a process of their own: `python -m bridge.bench.crm --krayins 10`.

Prints one JSON object with their addresses and serves until SIGTERM. `GET /__seen__` of a Krayin tells when each lead
became visible, on the clock that all processes of a machine share.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any

from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, WHATSAPP_INBOX_ID, ChatwootSandbox
from bridge.sandbox.http import Request, Response, json_response
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin

UNLIMITED = 10_000_000


class WatchedKrayin(SandboxKrayin):
    """Remembers when a lead could be read, by its title; with its person, since both come in one call."""

    def __init__(self, *, latency_ms: float) -> None:
        super().__init__(rate_limit=None, latency_ms=latency_ms)
        self._seen: dict[str, float] = {}

    def handle(self, request: Request) -> Response:
        if request.path == "/__seen__":
            return json_response(200, self._seen)
        response = super().handle(request)
        if request.method == "POST" and request.path.endswith("/leads") and response.status < 300:
            self._seen[str(request.json()["title"])] = time.monotonic()
        return response


def main(arguments: list[str]) -> int:
    """Serve until asked to stop."""
    parser = argparse.ArgumentParser(prog="python -m bridge.bench.crm")
    parser.add_argument("--krayins", type=int, default=1)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as running:
        chatwoot = running.enter_context(ChatwootSandbox(requests_per_minute=UNLIMITED))
        krayins = [running.enter_context(WatchedKrayin(latency_ms=options.latency_ms)) for _ in range(options.krayins)]
        print(json.dumps(addresses(chatwoot, krayins)), flush=True)
        stop.wait()
    return 0


def addresses(chatwoot: ChatwootSandbox, krayins: list[WatchedKrayin]) -> dict[str, Any]:
    """In the words of a connection file."""
    chat = {"url": chatwoot.url, "account_id": ACCOUNT_ID, "token": ADMIN_TOKEN, "inboxes": [WHATSAPP_INBOX_ID]}
    crms = [{"url": krayin.url, "email": BRIDGE.email, "password": BRIDGE.password} for krayin in krayins]
    return {"chatwoot": chat, "krayins": crms}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
