"""What the bridge knows of one person for their page (C3): copies in both systems, and what happened there."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.db.models import Count, Max
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.models import ContactMapping, ObservedContact, ObservedConversation
from bridge.queries import addresses
from config.times import clock
from consent.models import DataSubject, User
from consent.queries.person_history import MOST, Happened, register_history
from consent.queries.person_systems import Door, System, register_systems
from consent.roles import Capability, roles_with

TRACE = roles_with(Capability.OPERATE_VIEW)
SHOWN = 20


def register() -> None:
    """Called in `ready()`."""
    register_systems(systems)
    register_history(history)


def systems(subject: DataSubject, viewer: User) -> Iterator[System]:
    """One line per contact: connection, conversations, where it opens. Two queries."""
    rows = ObservedContact.objects.filter(subject=subject).select_related("connection__krayin", "connection__clinic")
    counted = rows.annotate(n=Count("conversations"), last=Max("conversations__last_activity_at"))
    contacts = list(counted.order_by("connection_id", "chatwoot_contact_id")[:SHOWN])
    numbers = [one.chatwoot_contact_id for one in contacts]
    links = ContactMapping.objects.filter(
        connection__in={one.connection_id for one in contacts}, chatwoot_contact_id__in=numbers
    )
    linked = {(link.connection_id, link.chatwoot_contact_id): link for link in links}
    for row in contacts:
        link = linked.get((row.connection_id, row.chatwoot_contact_id))
        yield System(row.connection.name, _told(row), tuple(_doors(row, link, viewer)))


def _told(row: ObservedContact) -> str:
    count, last = row.n, row.last  # type: ignore[attr-defined]
    parts = [ngettext("%(n)d conversation", "%(n)d conversations", count) % {"n": count}]
    if last:
        zone = ZoneInfo(row.connection.clinic.time_zone)
        parts.append(_("last activity %(time)s") % {"time": clock(last, zone, timezone.now())})
    if row.gone_at:
        parts.append(_("deleted in Chatwoot"))
    return " · ".join(parts)


def _doors(row: ObservedContact, link: ContactMapping | None, viewer: User) -> Iterator[Door]:
    connection = row.connection
    if not row.gone_at:
        yield Door(_("Contact in Chatwoot"), addresses.chatwoot_contact(connection, row.chatwoot_contact_id))
    if link and link.krayin_person_id:
        address = addresses.krayin_person(connection, link.krayin_person_id)
        yield Door(_("Person %(n)s in Krayin") % {"n": link.krayin_person_id}, address)
    if link and link.krayin_lead_id:
        address = addresses.krayin_lead(connection, link.krayin_lead_id)
        yield Door(_("Opportunity %(n)s in Krayin") % {"n": link.krayin_lead_id}, address)
    if viewer.has_role_in(connection.clinic_id, TRACE):
        yield Door(_("Trace"), reverse("admin:bridge_observedcontact_change", args=[row.pk]), is_outside=False)


def history(subject: DataSubject) -> Iterator[Happened]:
    """Conversations as observed. One query."""
    rows = ObservedConversation.objects.filter(contact__subject=subject).order_by("-started_at")[:MOST]
    for row in rows:
        about = _("conversation %(n)s") % {"n": row.chatwoot_conversation_id}
        if row.started_at:
            yield Happened(row.started_at, _("conversation began"), about)
        if row.resolved_at:
            yield Happened(row.resolved_at, _("conversation resolved"), about)
