"""`python manage.py send_test_alert --to ADDRESS [--code AL01] [--clinic ID]`: does an alert reach people?"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from bridge.alerts import notices, sending
from bridge.alerts.base import all_rules, rule_of
from bridge.models import Notice
from bridge.sync.clock import database_now
from consent.models import User


class Command(BaseCommand):
    help = (
        "Send a test by every way that is set up, to one account and to the places of its clinic; exit code 1: failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, help="e-mail address of an account")
        parser.add_argument("--code", default="AL01", help="the rule whose name is shown")
        parser.add_argument("--clinic", type=int, help="number of the clinic whose places are tried")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["to"].strip().lower(), is_active=True).first()
        if user is None:
            raise CommandError(_("There is no active account with this address."))
        if options["code"] not in {rule.code for rule in all_rules()}:
            raise CommandError(_("There is no rule %(code)s.") % {"code": options["code"]})
        made = notices.trial_of(rule_of(options["code"]), user, options["clinic"], places=True)
        if not made:
            raise CommandError(
                _("No way is set up: set PONTE_MAIL_URL, or enter a place under Alerts.")
                if not settings.MAIL_IS_SET_UP
                else _("No way is set up.")
            )
        sending.send_these(made, database_now())
        rows = Notice.objects.filter(pk__in=[one.pk for one in made]).order_by("channel")
        for row in rows:
            self.stdout.write(f"{row.get_channel_display()}: {row.get_state_display()} {row.problem}".rstrip())
        if any(row.state != Notice.State.SENT for row in rows):
            raise CommandError(_("Not everything went out."))
