"""C4: an address to answer or to stop, sent to the person's e-mail with proof."""

import hashlib
import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from factories import EMAIL

from consent.consents.links import read_link
from consent.consents.mailing import NotNow, mail_link
from consent.encryption import Actor
from consent.models import Clinic, ConsentLink, ContactPoint, DataSubject, Decision, User
from consent.requests.channels import CouldNotSend, NoWay
from tests.consents.approved import approve_all

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def test_the_letter_opens_the_persons_own_page_and_leaves_its_proof(
    sol: Clinic, marina: DataSubject, dpo: User
) -> None:
    approve_all(sol)
    now = timezone.now()
    for kind in ("answer", "withdraw"):
        link = mail_link(marina, kind, by=Actor.staff(dpo), now=now)
        letter = mail.outbox[-1]
        text = str(letter.body)
        assert letter.to == [EMAIL]
        assert (link.sent_ref, link.sent_at) == (letter.extra_headers["Message-ID"], now)
        assert link.sent_sha256 == hashlib.sha256(text.encode()).hexdigest()
        address = re.search(r"https://ponte\.exemplo\.com\.br(/\S+)", text)
        assert address
        token = address[1].strip("/").split("/")[-1]
        assert read_link(token, kind, now=now) == link
        assert "Paula Prado" in text
        assert Client().get(address[1]).status_code == 200
    asked = list(Decision.objects.order_by("pk").values_list("purpose", "action", "allowed"))
    assert asked == [("care_contact", "send", True), ("requests", "send", True)]


def test_nobody_is_asked_who_may_not_be_and_everybody_may_stop(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    by, now = Actor.staff(dpo), timezone.now()
    with pytest.raises(NotNow):
        mail_link(marina, "answer", by=by, now=now)  # no approved text
    DataSubject.objects.filter(pk=marina.pk).update(blocked_at=now)
    marina.refresh_from_db()
    mail_link(marina, "withdraw", by=by, now=now)
    assert len(mail.outbox) == 1


def test_what_could_not_be_sent_has_no_proof(sol: Clinic, marina: DataSubject, dpo: User, settings: Any) -> None:
    by, now = Actor.staff(dpo), timezone.now()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(CouldNotSend):
        mail_link(marina, "withdraw", by=by, now=now)
    assert ConsentLink.objects.get().sent_at is None
    ContactPoint.objects.filter(kind="email").delete()
    with pytest.raises(NoWay):
        mail_link(marina, "withdraw", by=by, now=now)
