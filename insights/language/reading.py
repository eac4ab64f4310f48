"""Gate, least, mask, sweep: what of a conversation may leave, and why perhaps nothing."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from bridge.models import (
    ContactMapping,
    ConversationMapping,
    DirectoryEntry,
    KrayinLead,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
)
from bridge.sync.observe import contact_context, message_context
from consent.decisions import decide_many
from consent.encryption import Actor, Opener, RevealDenied, Undecryptable, open_for
from consent.models import ConsentRecord, User
from consent.policy import Action, Category, Purpose, PurposeOfUse
from insights.language.budget import NotAsked
from insights.language.masking import Masker
from insights.language.sweep import findings

MOST_MESSAGES = 20
LONGEST_READ, LONGEST_SENT = 8000, 1000
FIELDS = ("bridge.ObservedMessage.content", "bridge.ObservedContact.name")
WHO = {"contact": "paciente", "user": "clínica"}
Type, Status = ConsentRecord.Type, ConsentRecord.Status
OF_THE_DATA = (Type.DATA_PROCESSING, Type.HEALTH_DATA)


@dataclass(frozen=True)
class Material:
    """Masked messages, the way back in memory, and what the sweep found."""

    messages: Sequence[dict[str, str]] = field(repr=False)
    masker: Masker = field(repr=False)
    found: frozenset[str]

    @property
    def texts(self) -> list[str]:
        return [message["texto"] for message in self.messages]


# Gate -----------------------------------------------------------------------------------------------------------------


def subjects_of(conversation: ObservedConversation) -> set[UUID]:
    """Everybody whose words would be read: a contact may have been merged."""
    rows = ObservedMessage.objects.filter(conversation=conversation)
    return {conversation.contact.subject_id, *rows.order_by().values_list("subject_id", flat=True).distinct()}


def pass_gate(conversation: ObservedConversation, subjects: Collection[UUID], now: datetime) -> None:
    """Raise NotAsked unless every person allows it: policy, consent for models, and none refused for their data."""
    decisions = decide_many(
        subjects,
        purpose=Purpose.LANGUAGE_MODEL,
        category=Category.CLINICAL,
        action=Action.MODEL,
        now=now,
        connection_id=conversation.connection_id,
    )
    refusals = sorted(str(decision.reason) for decision in decisions.values() if not decision.allowed)
    if refusals:
        raise NotAsked(f"gate_{refusals[0]}")
    states = newest_consents(subjects)
    needed = {Type.HEALTH_DATA} if reveals_health(conversation) else set()
    for subject in subjects:
        if {states.get((subject, kind)) for kind in OF_THE_DATA} & {Status.DENIED, Status.WITHDRAWN}:
            raise NotAsked("gate_refused_data")
        if any(states.get((subject, kind)) != Status.GRANTED for kind in needed):
            raise NotAsked("gate_no_health_consent")


def newest_consents(subjects: Iterable[UUID]) -> dict[tuple[UUID, str], str]:
    acts = ConsentRecord.objects.filter(subject__in=subjects, consent_type__in=OF_THE_DATA)
    newest = acts.order_by("subject", "consent_type", "-created_at", "-pk").distinct("subject", "consent_type")
    return {(act.subject_id, act.consent_type): act.status for act in newest}


def lead_ids(conversation: ObservedConversation) -> set[int]:
    """The opportunities a conversation belongs to."""
    own = ConversationMapping.objects.filter(
        connection=conversation.connection_id, chatwoot_conversation_id=conversation.chatwoot_conversation_id
    ).values_list("krayin_lead_id", flat=True)
    persons = ContactMapping.objects.filter(
        connection=conversation.connection_id, chatwoot_contact_id=conversation.contact.chatwoot_contact_id
    ).values_list("krayin_lead_id", flat=True)
    return {lead for lead in (*own, *persons) if lead}


def reveals_health(conversation: ObservedConversation) -> bool:
    """Whether the conversation's opportunity lies in a pipeline that the clinic marked as revealing health."""
    marked = conversation.connection.health_pipeline_ids
    if not marked:
        return False
    leads = KrayinLead.objects.filter(krayin=conversation.connection.krayin_id, lead_id__in=lead_ids(conversation))
    return leads.filter(pipeline_id__in=marked).exists()


# Least, mask, sweep -----------------------------------------------------------------------------------------------------


def read(conversation: ObservedConversation, subjects: Collection[UUID], *, by: User) -> Material:
    """The last messages, masked and swept. Raises NotAsked when they may not be opened or there are none."""
    rows = ObservedMessage.objects.filter(conversation=conversation, is_deleted=False, content__isnull=False)
    rows = rows.exclude(direction=ObservedMessage.Direction.TEMPLATE).order_by("-sent_at", "-chatwoot_message_id")
    last = list(rows[:MOST_MESSAGES])[::-1]
    try:
        opener = open_for(subjects, actor=Actor.staff(by), purpose=PurposeOfUse.CARE, fields=FIELDS)
        said = [(row, json.loads(opener.text(row.content, subject=row.subject_id, context=message_context(row.pk))))
                for row in last if row.content]  # fmt: skip
        names = names_of(conversation, opener)
    except (RevealDenied, Undecryptable):
        raise NotAsked("may_not_open") from None
    names += [str(content.get("author") or "") for _, content in said]
    masker = Masker(dict.fromkeys(names))
    messages = [
        {"de": WHO.get(row.author_kind, "robô"), "texto": cut(masker.mask(cut(text, LONGEST_READ)), LONGEST_SENT)}
        for row, content in said
        if (text := str(content.get("text") or "").strip())
    ]
    if not messages:
        raise NotAsked("nothing_to_read")
    texts = [message["texto"] for message in messages]
    # As a row, too: people write a number over several messages.
    return Material(messages, masker, frozenset(findings([*texts, " ".join(texts)], names)))


def names_of(conversation: ObservedConversation, opener: Opener) -> list[str]:
    """Names known of the person, of the clinic's people in Ponte and in Chatwoot."""
    contacts = ObservedContact.objects.filter(
        Q(pk=conversation.contact_id) | Q(subject=conversation.contact.subject_id), name__isnull=False
    )
    own = [
        opener.text(row.name, subject=row.subject_id, context=contact_context(row.pk, "name"))
        for row in contacts
        if row.name
    ]
    clinic = conversation.connection.clinic
    staff = User.objects.filter(Q(memberships__clinic=clinic) | Q(memberships__clinic=None, memberships__isnull=False))
    agents = DirectoryEntry.objects.filter(
        connection__clinic=clinic, kind=DirectoryEntry.Kind.AGENT
    ).values_list("name", flat=True)  # fmt: skip
    return [*own, clinic.dpo_name, *staff.distinct().values_list("name", flat=True), *agents]


def cut(text: str, most: int) -> str:
    """At most so many characters, never in the middle of a word or placeholder."""
    if len(text) <= most:
        return text
    return text[:most].rpartition(" ")[0] + " […]"
