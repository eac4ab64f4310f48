"""`python manage.py faults`: prove that nothing is lost or doubled, whatever is killed. Needs nothing running."""

import math
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.faults.ground import NotReady
from bridge.faults.run import Result, Wishes, run
from config.embedded.errors import EmbeddedServersError
from config.running.telling import CannotRun, StopAsked


class Command(BaseCommand):
    help = (
        "Starts its own servers, processes and simulated partners, tells them seeded histories while killing "
        "everything, and compares the CRM with the chat. Prints progress on standard error; 1 on any difference."
    )
    # Its processes get settings of their own: it runs where Ponte is not set up.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--events", type=whole, default=1000, help="webhook deliveries to send (default 1000)")
        parser.add_argument("--kills", type=whole, default=20, help="processes and servers to strike (default 20)")
        parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one run for each (default 1)")
        parser.add_argument(
            "--ambiguous", type=share, default=0.2, metavar="SHARE", help="of the CRM's writes, 0 to 0.5 (default 0.2)"
        )
        parser.add_argument("--postgres", action="store_true", help="crash PostgreSQL as well")
        parser.add_argument("--rate", type=positive, default=20.0, help="deliveries a second (default 20)")
        parser.add_argument("--limit", type=positive, default=600.0, metavar="S", help="wait so long for quiet (600)")
        parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the processes' logs there")
        parser.add_argument("--json", action="store_true", help="one line of JSON for each seed, last")

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave)
        results = []
        for seed in options["seed"]:
            results.append(self._run(seed, options))
            self._tell(results[-1])
        if options["json"]:
            for result in results:
                self.stdout.write(result.as_json())
        if not all(result.passed for result in results):
            sys.exit(1)

    def _run(self, seed: int, options: dict[str, Any]) -> Result:
        names = ("events", "kills", "ambiguous", "postgres", "rate")
        logs = options["logs"] / f"seed-{seed}" if options["logs"] else None
        wishes = Wishes(seed=seed, limit_s=options["limit"], logs=logs, **{name: options[name] for name in names})
        try:
            return run(wishes, self.stderr.write)
        except StopAsked as asked:
            sys.exit(128 + asked.number)
        except CannotRun as error:
            raise CommandError("\n".join([*error.log, error.english])) from error
        except (NotReady, EmbeddedServersError) as error:
            raise CommandError(str(error)) from error

    def _tell(self, result: Result) -> None:
        say = self.stderr.write
        say(f"seed {result.seed}: {'passed' if result.passed else 'FAILED'} in {result.total_s:.0f} s")
        say(f"  acknowledged {result.acknowledged} deliveries of {result.posts} posts {result.unacknowledged or ''}")
        say(f"  events by their way: {result.arrived_by}")
        say(f"  kills {sum(result.kills.values())}: {result.kills}; ended by themselves: {result.ended_by_themselves}")
        say(f"  ambiguous answers {sum(result.ambiguous_answers.values())}: {result.ambiguous_answers}")
        say(
            f"  {result.crm_calls} calls for {result.persons} persons, {result.leads} leads, {result.notes} notes with "
            f"{result.messages} messages"
        )
        say(
            f"  sent in {result.sending_s:.0f} s; settled {result.settled_s:.0f} s after the last fault; longest wait "
            f"of an event {result.longest_start_s:.1f} s"
        )
        for difference in result.differences:
            say(f"  ! {difference}")


def whole(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError("a whole number is needed")
    return int(text)


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ArgumentTypeError("a number is needed") from error


def share(text: str) -> float:
    if not 0 <= number(text) <= 0.5:
        raise ArgumentTypeError("between 0 and 0.5")
    return number(text)


def positive(text: str) -> float:
    if not 0 < number(text) < math.inf:
        raise ArgumentTypeError("more than 0")
    return number(text)


def _leave(number: int, frame: FrameType | None) -> None:
    """While the servers start: give up, and let what runs be stopped and removed."""
    sys.exit(128 + number)
