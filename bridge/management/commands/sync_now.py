"""`python manage.py sync_now`: read one conversation or contact from Chatwoot and bring Krayin up to date with it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from bridge.actions.errors import ActionRefused, ChooseAnother
from bridge.errors import PartnerError
from bridge.importing import now
from bridge.management.commands.import_history import connection_of
from bridge.models import Connection
from consent.encryption import Actor

State = Connection.State


class Command(BaseCommand):
    help = "Reads one conversation or one contact from Chatwoot now; its lane then does what is missing in Krayin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", type=int, required=True, help="number of the connection")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--conversation", type=int, metavar="NUMBER", help="number shown in Chatwoot")
        what.add_argument("--contact", type=int, metavar="NUMBER", help="number of the contact in Chatwoot")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_of(options["connection"])
        if connection.state in {State.DRAFT, State.OFF}:
            raise CommandError(_("The connection is %(state)s: nothing is read.") % {
                "state": connection.get_state_display()
            })  # fmt: skip
        number = options["conversation"] or options["contact"] or 0
        read = now.sync_conversation if options["conversation"] else now.sync_contact
        try:
            known = read(connection, number, actor=Actor.system("command"))
        except ChooseAnother as error:
            values = {"number": number, "connection": connection.name}
            text = _("Chatwoot has no %(number)s that belongs to the connection %(connection)s.") % values
            raise CommandError(text) from error
        except ActionRefused as error:
            raise CommandError(str(error)) from error
        except PartnerError as error:
            values = {"partner": error.partner.capitalize()}
            raise CommandError(
                _("%(partner)s does not answer: nothing was begun. Try again later.") % values
            ) from error
        self.stdout.write(
            _("Read; being synchronised now.") if known else _("Read for the first time; being taken in.")
        )
