"""`python manage.py connect --file connection.json`: make a connection and print its webhook address as JSON."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from bridge.connecting.spec import UnusableSpec, read_spec
from bridge.connecting.steps import CannotConnect, connect
from bridge.errors import PartnerError


class Command(BaseCommand):
    help = "Connect a clinic: reads a connection file, prepares Chatwoot and Krayin, prints the webhook address."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", required=True, type=Path, help="the connection file (README: A real clinic)")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CommandError(
                f"{path} cannot be read: {error.strerror}. Give the path of a connection file."
            ) from error
        except ValueError as error:
            raise CommandError(f"{path} is not JSON: {error}. Compare it with the example in the README.") from error
        try:
            made = connect(read_spec(data), lambda step: self.stderr.write(f"  … {step}"))
        except (UnusableSpec, CannotConnect) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError("clinic: " + "; ".join(error.messages)) from error
        except PartnerError as error:
            raise CommandError(f"{error}. Check the address and the credentials, then run connect again.") from error
        self.stdout.write(json.dumps(asdict(made), ensure_ascii=False))
