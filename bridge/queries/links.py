"""What screen B5 shows beside a link's own columns, and which links its filters mean; read for the rows of one page."""

from collections.abc import Iterable, Sequence

from django.db.models import (
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.models import (
    Connection,
    ContactMapping,
    ConversationMapping,
    ObservedContact,
    Suggestion,
    SyncedObject,
    Wish,
)
from bridge.queries.words import Word
from consent.models import ContactPoint

Kind = SyncedObject.Kind
WAITING_SHOWN = 20

# The lane of a link's contact, as `bridge.webhooks.intake.lane_of` writes it.
LANE = Concat(Value("c:"), Cast(F("chatwoot_contact_id"), CharField()), output_field=CharField())


def shown(rows: Iterable[ContactMapping]) -> list[ContactMapping]:
    """The rows of one page with their companions, in the same order.

    Asked for with the list itself, PostgreSQL would find all that for every row it sorts.
    """
    wanted = [row.pk for row in rows]
    by_key = with_companions(ContactMapping.objects.select_related("connection__clinic", "connection__krayin")).in_bulk(
        wanted
    )
    return [by_key[pk] for pk in wanted if pk in by_key]


def with_companions(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    """Add mask, contact, stage and its age, what is gone and the number of conversations, each by its index."""
    contact = ObservedContact.objects.filter(
        connection=OuterRef("connection"), chatwoot_contact_id=OuterRef("chatwoot_contact_id")
    )
    lead, person = _in_krayin(Kind.LEAD, "krayin_lead_id"), _in_krayin(Kind.PERSON, "krayin_person_id")
    conversations = ConversationMapping.objects.filter(
        connection=OuterRef("connection"), krayin_lead_id=OuterRef("krayin_lead_id")
    )
    counted = conversations.order_by().values("connection").annotate(n=Count("pk")).values("n")
    return rows.annotate(
        mask=Subquery(contact.values("mask")[:1]),
        contact_pk=Subquery(contact.values("pk")[:1]),
        contact_gone_at=Subquery(contact.values("gone_at")[:1]),
        stage_id=Subquery(lead.values("stage_id")[:1]),
        lead_seen_at=Subquery(lead.values("synced_at")[:1]),
        lead_gone_at=Subquery(lead.values("gone_at")[:1]),
        person_gone_at=Subquery(person.values("gone_at")[:1]),
        conversations=Coalesce(Subquery(counted, output_field=IntegerField()), 0),
    )


def _in_krayin(kind: str, column: str) -> QuerySet[SyncedObject]:
    return SyncedObject.objects.filter(
        krayin=OuterRef("connection__krayin"), kind=kind, foreign_id=OuterRef(column), connection=OuterRef("connection")
    )


# Filters --------------------------------------------------------------------------------------------------------------


def without_opportunity(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    return rows.filter(krayin_lead_id=None)


def with_several_open(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    """Contacts with more than one opportunity that is neither won nor lost nor deleted, as far as Ponte last saw."""
    leads = SyncedObject.objects.filter(
        connection=OuterRef("connection"), lane_key=OuterRef("lane"), kind=Kind.LEAD, closed_at=None, gone_at=None
    )
    other = leads.exclude(foreign_id=OuterRef("krayin_lead_id"))
    return rows.alias(lane=LANE).filter(Exists(other), krayin_lead_id__isnull=False)


def with_something_gone(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    """Links whose contact, person or current opportunity somebody deleted."""
    contact = ObservedContact.objects.filter(
        connection=OuterRef("connection"), chatwoot_contact_id=OuterRef("chatwoot_contact_id"), gone_at__isnull=False
    )
    lead = _in_krayin(Kind.LEAD, "krayin_lead_id").filter(gone_at__isnull=False)
    person = _in_krayin(Kind.PERSON, "krayin_person_id").filter(gone_at__isnull=False)
    return rows.filter(Exists(contact) | Exists(lead) | Exists(person))


def made_by_hand(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    return rows.filter(found_by=ContactMapping.FoundBy.MANUAL)


def with_shared_phone(rows: QuerySet[ContactMapping]) -> QuerySet[ContactMapping]:
    """Contacts whose phone people called shared, or whose person in Krayin is another contact's, too."""
    same_person = ContactMapping.objects.filter(
        connection=OuterRef("connection"), krayin_person_id=OuterRef("krayin_person_id")
    ).exclude(pk=OuterRef("pk"))
    contact = ObservedContact.objects.filter(
        connection=OuterRef("connection"), chatwoot_contact_id=OuterRef("chatwoot_contact_id")
    )
    point = ContactPoint.objects.filter(subject=OuterRef("subject"), kind=ContactPoint.Kind.PHONE, is_shared=True)
    said = Suggestion.objects.filter(contact=OuterRef("pk"), state=Suggestion.State.SHARED)
    return rows.filter(Exists(same_person) | Exists(contact.filter(Exists(point) | Exists(said))))


# The answer -----------------------------------------------------------------------------------------------------------


def undecided(connections: Iterable[Connection]) -> Sequence[Wish]:
    """Contacts that were unlinked and of whom nobody has said yet who they are, the longest waiting first."""
    rows = Wish.objects.filter(connection__in=list(connections), state=Wish.State.HELD)
    return list(rows.select_related("contact", "connection__clinic").order_by("created_at")[: WAITING_SHOWN + 1])


def sentence(connections: Sequence[Connection], waiting: int) -> tuple[Word, str]:
    """The answer to the screen's question: whether every contact is known in Krayin."""
    if waiting:
        text = ngettext(
            "%(n)d contact was unlinked and waits until somebody says who it is.",
            "%(n)d contacts were unlinked and wait until somebody says who they are.",
            waiting,
        )
        return Word.WAITING, text % {"n": waiting}
    if not ContactMapping.objects.filter(connection__in=connections).exists():
        return Word.WAITING, _("No contact is linked yet: the first conversation makes the first link.")
    return Word.DONE, _("Every linked contact has its person; nobody waits for a decision.")
