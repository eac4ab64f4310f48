"""`manage.py account`: the first account, and the way back in for somebody without phone and codes. Both are audited."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from consent.access import devices, invitations, lockout
from consent.models import Clinic, Membership, Role, User
from consent.models.staff import account_email


class Command(BaseCommand):
    help = (
        "create: an account with a role, or the superuser for emergencies; prints a link by which its owner sets the "
        "password, once, within three days. reset-second-factor: takes a lost second factor away and ends every sign-in; "
        "at the next one the owner sets up another. unlock: forgets the wrong tries at an account."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="make an account and print its invitation")
        create.add_argument("email")
        create.add_argument("--name", default="")
        create.add_argument("--role", choices=Role.values, default=Role.TECHNICAL_ADMIN)
        create.add_argument("--clinic", help="trade name; without it the technical administrator works for all clinics")
        create.add_argument("--superuser", action="store_true", help="every role in every clinic: for emergencies only")
        for act, told in (("reset-second-factor", "take the second factor away"), ("unlock", "forget wrong tries")):
            acts.add_parser(act, help=told).add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["act"] == "create":
            return self.create(**options)
        user = User.objects.filter(email=account_email(options["email"])).first()
        if user is None:
            raise CommandError("There is no account with this address.")
        if options["act"] == "unlock":
            lockout.unlock(user.email)
            self.stdout.write("Its wrong tries are forgotten.")
            return None
        devices.remove(user, by_command=True)
        self.stdout.write("The second factor is gone and every sign-in has ended. The next sign-in sets up another.")
        return None

    def create(self, email: str, name: str, role: str, clinic: str | None, superuser: bool, **options: Any) -> None:
        self.refuse_unusable(email)
        of = self.clinic_named(clinic) if clinic else None
        if of is None and role != Role.TECHNICAL_ADMIN and not superuser:
            raise CommandError("Only a technical administrator works for all clinics: name one with --clinic.")
        with transaction.atomic():
            user = User.objects.create_user(email, None, name=name, is_superuser=superuser)
            if not superuser:
                Membership.objects.create(user=user, role=role, clinic=of, reviewed_at=timezone.now())
            link = invitations.invite(user, by=None, by_mail=False)
        self.stdout.write(f"Open this address within {invitations.VALID.days} days and set a password; it works once:")
        self.stdout.write(link)

    def refuse_unusable(self, email: str) -> None:
        try:
            validate_email(email.strip())
        except ValidationError:
            raise CommandError("That is no e-mail address.") from None
        if User.objects.filter(email=account_email(email)).exists():
            raise CommandError("There is an account with this address already.")

    def clinic_named(self, name: str) -> Clinic:
        found = list(Clinic.objects.filter(trade_name=name)[:2])
        if len(found) != 1:
            raise CommandError(
                "No clinic has this trade name." if not found else "Several clinics have this trade name."
            )
        return found[0]
