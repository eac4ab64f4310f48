"""`python manage.py reconcile`: ask both partners now what was missed, what vanished, what is there twice."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from bridge.errors import PartnerError
from bridge.models import Connection, Krayin
from bridge.reconcile import chatwoot, krayin


class Command(BaseCommand):
    help = "Compare with Chatwoot and Krayin now; what was missed enters as an event."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", type=int, help="only this connection")
        parser.add_argument("--days", type=int, help="how far back to list conversations (1 to 7)")
        parser.add_argument("--full", action="store_true", help="also look for vanished contacts and records")
        parser.add_argument(
            "--after-restore", action="store_true", help="the database was restored: creates look before they write"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["after_restore"]:
            Krayin.objects.update(restored_at=timezone.now())
        since = timezone.now() - timedelta(days=options["days"]) if options["days"] else None
        rows = Connection.objects.exclude(state__in=["draft", "off"]).select_related("clinic")
        if options["connection"]:
            rows = rows.filter(pk=options["connection"])
        if not rows:
            raise CommandError("No connection to reconcile. See `manage.py connect`.")
        for connection in rows:
            try:
                polled = chatwoot.poll(connection, since=since)
                found = {"listed": polled.listed, "brought": polled.brought, "missed": polled.missed}
                found |= krayin.watch_leads(connection)
                if options["full"]:
                    found["contacts_gone"] = chatwoot.check_contacts(connection)
                    found["records_gone"] = krayin.find_gone(connection)
            except PartnerError as error:
                raise CommandError(f"connection {connection.pk}: {error}. Try again when it answers.") from error
            self.stdout.write(json.dumps({"connection": connection.pk, **found}))
