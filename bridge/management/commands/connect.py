"""`manage.py connect [--file connection.json]`: make a connection, from a file or by asking; prints its addresses."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from bridge.connecting.asking import Answers, Declined, ask
from bridge.connecting.problems import CannotConnect, problem_of
from bridge.connecting.spec import UnusableSpec, read_spec
from bridge.connecting.steps import connect
from bridge.errors import PartnerError


class Command(BaseCommand):
    help = "Connect a clinic: reads a connection file or asks, prepares Chatwoot and Krayin, prints the addresses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, help="the connection file (README: A real clinic); without it, asks")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        data = _from_file(path) if path else self._asked()
        try:
            made = connect(read_spec(data), lambda step: self.stderr.write(f"  … {step}"))
        except (UnusableSpec, CannotConnect) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(f"clinic: {'; '.join(error.messages)}") from error
        except PartnerError as error:
            again = _("What is done stays done: run connect again after that.")
            raise CommandError(f"{problem_of(error)} {again} ({error})") from error
        self.stdout.write(json.dumps(asdict(made), ensure_ascii=False))

    def _asked(self) -> dict[str, Any]:
        try:
            return ask(Answers(say=self.stderr.write))
        except Declined as error:
            raise CommandError(str(error)) from error


def _from_file(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(
            _("%(path)s cannot be read: %(why)s. Give the path of a connection file.")
            % {"path": path, "why": error.strerror}
        ) from error
    except ValueError as error:
        raise CommandError(
            _("%(path)s is not JSON: %(why)s. Compare it with the example in the README.")
            % {"path": path, "why": error}
        ) from error
