"""What Chatwoot and Krayin hold of a person, as Ponte last saw them: counts and times, no values, no partner call."""

from collections.abc import Iterator
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from bridge.models import ObservedContact, ObservedConversation, ObservedMessage, SyncedObject
from bridge.models.inbound import lane_of
from consent.models import DataSubject
from consent.requests.scope import Part, part_of
from consent.requests.scope import register as tell

Kind = SyncedObject.Kind


def of_chatwoot(subject: DataSubject) -> Iterator[Part]:
    system = "Chatwoot"
    yield part_of(
        system, _("contacts"), ObservedContact.objects.filter(subject=subject, gone_at=None), "last_activity_at"
    )
    talks = ObservedConversation.objects.filter(contact__subject=subject, gone_at=None)
    yield part_of(system, _("conversations"), talks, "started_at", "last_activity_at")
    messages = ObservedMessage.objects.filter(subject=subject, is_deleted=False)
    yield part_of(system, _("messages"), messages, "sent_at")


def of_krayin(subject: DataSubject) -> Iterator[Part]:
    contacts = ObservedContact.objects.filter(subject=subject).values_list("connection", "chatwoot_contact_id")
    lanes = [Q(connection=connection, lane_key=lane_of(number)) for connection, number in contacts]
    if not lanes:
        return
    rows = SyncedObject.objects.filter(reduce(or_, lanes), gone_at=None)
    for kind, what in ((Kind.PERSON, _("people")), (Kind.LEAD, _("opportunities")), (Kind.NOTE, _("notes"))):
        yield part_of("Krayin", what, rows.filter(kind=kind), "synced_at")


def register() -> None:
    tell("chatwoot", of_chatwoot)
    tell("krayin", of_krayin)
