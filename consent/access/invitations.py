"""Invitations: a signed link by which somebody sets the first password of an account. It works once, for three days."""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from consent.access import devices, notes
from consent.models import User

SALT = "consent.access.invitation"
VALID = timedelta(days=3)


def link_for(user: User) -> str:
    """The address the invited opens. A new password, or another invitation, makes it worthless."""
    token = signing.dumps({"user": user.pk, "stamp": str(user.access_stamp)}, salt=SALT)
    return f"{settings.PUBLIC_URL}{reverse('account-invitation', args=[token])}"


def invited(token: str) -> User | None:
    """Whose invitation it is, if it still counts."""
    try:
        held = signing.loads(token, salt=SALT, max_age=VALID)
    except signing.BadSignature:
        return None
    return User.objects.filter(pk=held["user"], access_stamp=held["stamp"], is_active=True).first()


def may_be_invited(user: User) -> bool:
    """Only who has no password yet: an invitation would otherwise take over the account of somebody who works here."""
    return user.is_active and not user.has_usable_password()


def invite(user: User, *, by: User | None, by_mail: bool = True) -> str:
    """Make the earlier invitation worthless and send a new one; return the link when there is no mail to send it by."""
    with transaction.atomic():
        devices.end_sign_ins(user)
        if by:
            notes.done("account.invite", user, by=by)
        else:
            notes.by_command("account.invite", user)
    link = link_for(user)
    if not (by_mail and settings.MAIL_IS_SET_UP):
        return link
    send(user, link)
    return ""


def send(user: User, link: str) -> None:
    """The mail says what it is and until when; nothing about anybody. Raises OSError when the mail server is away."""
    context = {"link": link, "days": VALID.days}
    text = render_to_string("account/invitation.txt", context)
    mail = EmailMultiAlternatives(_("Your access to Ponte"), text, to=[user.email])
    mail.attach_alternative(render_to_string("account/invitation_mail.html", context), "text/html")
    mail.send()


def accept(user: User, password: str) -> None:
    """Set the first password; the link is used up."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        devices.end_sign_ins(user)
        notes.done("account.accept", user)
