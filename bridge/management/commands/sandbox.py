"""`python manage.py sandbox`: the two simulated partners alone, for trying things out."""

import json
import signal
import threading
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, WHATSAPP_INBOX_ID, ChatwootSandbox
from bridge.sandbox.http import SandboxServer
from bridge.sandbox.krayin import ADMIN, BRIDGE, RATE_LIMIT, SandboxKrayin


class Command(BaseCommand):
    help = (
        "Runs a simulated Chatwoot and a simulated Krayin on this machine until Ctrl-C. The first line of output is "
        "one JSON object whose parts `chatwoot` and `krayin` fit into a connection file."
    )
    # The simulators need neither database nor keys: they also run where Ponte is not set up.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--chatwoot-port", type=int, default=0, metavar="PORT", help="0, the default: any free one")
        parser.add_argument("--krayin-port", type=int, default=0, metavar="PORT", help="0, the default: any free one")
        parser.add_argument("--state", type=Path, metavar="DIR", help="keep the data there; default: forget them")
        parser.add_argument(
            "--rate-limit", type=int, default=RATE_LIMIT, metavar="CALLS", help="of Krayin, a minute and user; 0: none"
        )
        parser.add_argument("--latency-ms", type=float, default=0.0, metavar="MS", help="added to each Krayin call")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        with ExitStack() as running:
            try:
                chatwoot, krayin = build(options)
            except ValueError as error:
                raise CommandError(
                    f"The saved state in {options['state']} is unreadable: {error}. Remove it."
                ) from error
            for server, option in ((krayin, "--krayin-port"), (chatwoot, "--chatwoot-port")):
                running.enter_context(listening(server, option))
            self.stdout.write(json.dumps(addresses(chatwoot, krayin), ensure_ascii=False))
            self.stdout.flush()
            stop.wait()


def build(options: dict[str, Any]) -> tuple[ChatwootSandbox, SandboxKrayin]:
    """Both simulators as the options say, not listening yet. Raises ValueError for an unreadable saved state."""
    folder: Path | None = options["state"]
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    chatwoot = ChatwootSandbox(port=options["chatwoot_port"], state_file=folder and folder / "chatwoot.json")
    krayin = SandboxKrayin(
        port=options["krayin_port"],
        rate_limit=options["rate_limit"] or None,
        latency_ms=options["latency_ms"],
        state_file=folder and folder / "krayin.json",
    )
    return chatwoot, krayin


def listening(server: SandboxServer, option: str) -> SandboxServer:
    """Start the server. Raises CommandError when its port is taken."""
    try:
        return server.start()
    except (OSError, OverflowError) as error:
        raise CommandError(f"Port {server.port} cannot be used ({error}). Choose another with {option}.") from error


def addresses(chatwoot: ChatwootSandbox, krayin: SandboxKrayin) -> dict[str, Any]:
    """Where the simulators listen and who may sign in, in the words of a connection file."""
    accounts = [{"email": account.email, "password": account.password} for account in (BRIDGE, ADMIN)]
    return {
        "chatwoot": {
            "url": chatwoot.url,
            "account_id": ACCOUNT_ID,
            "token": ADMIN_TOKEN,
            "inboxes": [WHATSAPP_INBOX_ID],
        },
        "krayin": {"url": krayin.url, "users": accounts},
    }
