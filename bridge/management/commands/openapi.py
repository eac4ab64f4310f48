"""`python manage.py openapi`: write the API's description to docs/openapi.yaml, or say whether it is up to date."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bridge.api.description import FILE, FILE_LANGUAGE, as_yaml


class Command(BaseCommand):
    help = f"Write the OpenAPI description of /api/v1/ to {FILE}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / FILE
        written = as_yaml(FILE_LANGUAGE)
        if options["check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != written:
                raise CommandError(f"{FILE} is out of date. Run: python manage.py openapi")
            self.stdout.write(f"{FILE} is up to date.")
            return
        path.write_text(written, encoding="utf-8")
        self.stdout.write(f"{FILE} written.")
