"""The lines of a story: one for each burst of events, step, stage change, link and act of consent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from django.db import models
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.causes import Cause
from bridge.mappers import refs
from bridge.models import Connection, ContactMapping, Effect, StageChangeLog, SyncedObject, WebhookEvent, Wish
from bridge.queries.story_rows import Known
from bridge.queries.words import Word, effect_word, event_word

BURST = timedelta(minutes=2)
BY_HAND = frozenset({StageChangeLog.Trigger.MANUAL, StageChangeLog.Trigger.PANEL})


class System(models.TextChoices):
    """Where a line happened."""

    CHATWOOT = "chatwoot", "Chatwoot"
    PONTE = "ponte", "Ponte"
    KRAYIN = "krayin", "Krayin"


class Topic(models.TextChoices):
    """What a line is about, to choose by."""

    ARRIVED = "arrived", gettext_lazy("arrived")
    SENT = "sent", gettext_lazy("written")
    STAGE = "stage", gettext_lazy("stages")
    HAND = "hand", gettext_lazy("by hand")
    LINK = "link", gettext_lazy("links")
    PRIVACY = "privacy", gettext_lazy("privacy")


TOPICS = {
    "received": Topic.ARRIVED, "started": Topic.ARRIVED, "first_reply": Topic.ARRIVED, "resolved": Topic.ARRIVED,
    "gone": Topic.LINK, "linked": Topic.LINK, "suggestion": Topic.LINK, "stage": Topic.STAGE,
    "blocked": Topic.PRIVACY, "consent": Topic.PRIVACY,
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line of the time line. `text` is a sentence without personal values; `facts` are ids, counts and codes."""

    at: datetime
    system: System
    kind: str
    text: str
    word: Word | None = None
    cause: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cause_text(self) -> str:
        return cause_text(self.cause)

    @property
    def took(self) -> str:
        """`2 chamadas · 0,4 s` for a step that called a partner."""
        calls, seconds = self.facts.get("calls"), self.facts.get("seconds")
        parts = [ngettext("%(n)d call", "%(n)d calls", calls) % {"n": calls}] if calls else []
        if seconds is not None:
            parts.append(_("%(n)s s") % {"n": number_format(seconds, 1)})
        return " · ".join(parts)

    @property
    def is_problem(self) -> bool:
        return self.word in {Word.FAILED, Word.UNKNOWN, Word.BLOCKED}


def topic_of(line: Entry) -> Topic:
    """What a line is about; a stage that people moved counts as by hand."""
    if line.kind.startswith("hand_") or line.facts.get("source") in BY_HAND:
        return Topic.HAND
    return TOPICS.get(line.kind, Topic.SENT)


def cause_text(cause: str) -> str:
    """What a person reads about a cause; the code itself when nobody has named it."""
    return str(Cause(cause).label) if cause in Cause.values else cause


def lines_of(known: Known) -> list[Entry]:
    """All lines, the oldest first; events that arrived together are one line."""
    lines = chain(
        _arrivals(known.events),
        _conversations(known),
        _effects(known),
        _stages(known),
        _links(known),
        _wishes(known),
        _removals(known),
        _consents(known),
    )
    return list(_folded(sorted(lines, key=lambda line: line.at)))


# Chatwoot ------------------------------------------------------------------------------------------------------------

EVENT_NAMES = {
    "contact_created": gettext_lazy("contact created"),
    "contact_updated": gettext_lazy("contact updated"),
    "conversation_created": gettext_lazy("conversation started"),
    "conversation_updated": gettext_lazy("conversation updated"),
    "conversation_status_changed": gettext_lazy("conversation changed state"),
    "message_created": gettext_lazy("message written"),
    "message_updated": gettext_lazy("message changed"),
}


def event_name(event_type: str) -> str:
    """What an event is about, in words; the partner's own name for types we do not know."""
    known = EVENT_NAMES.get(event_type)
    return str(known) if known else event_type or _("no type")


def _arrivals(events: Iterable[WebhookEvent]) -> Iterator[Entry]:
    for row in events:
        is_hint = row.event_type.startswith("krayin:")
        yield Entry(
            row.received_at,
            System.KRAYIN if is_hint else System.CHATWOOT,
            "received",
            _("Krayin told of a change: looked at again") if is_hint else "",
            event_word(row.status),
            row.cause,
            {
                "types": {row.event_type: 1},
                "events": [row.pk],
                "arrived_by": row.arrived_by,
                "verification": row.verification,
            },
        )


def _folded(lines: Iterable[Entry]) -> Iterator[Entry]:
    """Join events that follow each other and fared alike, then put them into words."""
    burst: Entry | None = None
    for line in lines:
        if burst and _continues(burst, line):
            burst = _joined(burst, line)
            continue
        if burst:
            yield _worded(burst)
        burst = line
    if burst:
        yield _worded(burst)


def _continues(burst: Entry, line: Entry) -> bool:
    alike = (burst.kind, burst.system, burst.word, burst.cause) == (line.kind, line.system, line.word, line.cause)
    return alike and line.kind == "received" and line.at - burst.at <= BURST


def _joined(burst: Entry, line: Entry) -> Entry:
    types = Counter(burst.facts["types"]) + Counter(line.facts["types"])
    facts = {**burst.facts, "types": dict(types), "events": [*burst.facts["events"], *line.facts["events"]]}
    return replace(burst, facts=facts)


def _worded(line: Entry) -> Entry:
    if line.text or line.kind != "received":
        return line
    names = [f"{event_name(kind)} ×{n}" if n > 1 else event_name(kind) for kind, n in line.facts["types"].items()]
    return replace(line, text=_("Received: %(what)s") % {"what": ", ".join(names)})


def _conversations(known: Known) -> Iterator[Entry]:
    for row in known.told:
        number = row.chatwoot_conversation_id
        inbox = known.connection.inbox_names.get(str(row.inbox_id), row.inbox_id)
        facts = {"conversation": number, "inbox": row.inbox_id}
        text = _("Conversation %(number)s began in the inbox %(inbox)s") % {"number": number, "inbox": f"«{inbox}»"}
        yield Entry(row.started_at, System.CHATWOOT, "started", text, facts=facts)
        moments = (
            ("first_reply", row.first_reply_at, _("First reply of the team in conversation %(number)s")),
            ("resolved", row.resolved_at, _("Conversation %(number)s was resolved")),
            ("gone", row.gone_at, _("Conversation %(number)s no longer exists in Chatwoot")),
        )
        for kind, at, sentence in moments:
            if at:
                yield Entry(at, System.CHATWOOT, kind, sentence % {"number": number}, facts=facts)


# Krayin --------------------------------------------------------------------------------------------------------------

WRITTEN = {
    Effect.Kind.CREATE_PERSON: gettext_lazy("Person %(id)s created"),
    Effect.Kind.CREATE_LEAD: gettext_lazy("Opportunity %(id)s created"),
    Effect.Kind.CREATE_NOTE: gettext_lazy("Note %(of)s written"),
    Effect.Kind.SET_PERSON: gettext_lazy("Person %(id)s updated"),
    Effect.Kind.SET_LEAD: gettext_lazy("Opportunity %(id)s updated"),
    Effect.Kind.SET_STAGE: gettext_lazy("Opportunity %(id)s: stage checked and moved where allowed"),
    Effect.Kind.SET_OWNER: gettext_lazy("Opportunity %(id)s: owner checked and changed where allowed"),
    Effect.Kind.SET_NOTE: gettext_lazy("Note %(of)s rewritten"),
    Effect.Kind.SET_CONTACT: gettext_lazy("Contact %(id)s updated with what changed in Krayin"),
    Effect.Kind.SHOW_LEAD: gettext_lazy("Contact %(id)s shows the opportunity"),
    Effect.Kind.SET_LABEL: gettext_lazy("Label with the stage written"),
    Effect.Kind.SEND_MESSAGE: gettext_lazy("Message about consent sent to the person"),
}
WANTED = {
    Effect.Kind.CREATE_PERSON: gettext_lazy("Create the person"),
    Effect.Kind.CREATE_LEAD: gettext_lazy("Create the opportunity"),
    Effect.Kind.CREATE_NOTE: gettext_lazy("Write the note %(of)s"),
    Effect.Kind.SET_PERSON: gettext_lazy("Update the person"),
    Effect.Kind.SET_LEAD: gettext_lazy("Update the opportunity"),
    Effect.Kind.SET_STAGE: gettext_lazy("Move the stage"),
    Effect.Kind.SET_OWNER: gettext_lazy("Change the owner"),
    Effect.Kind.SET_NOTE: gettext_lazy("Rewrite the note %(of)s"),
    Effect.Kind.SET_CONTACT: gettext_lazy("Update the contact with what changed in Krayin"),
    Effect.Kind.SHOW_LEAD: gettext_lazy("Show the opportunity in Chatwoot"),
    Effect.Kind.SET_LABEL: gettext_lazy("Write the label with the stage"),
    Effect.Kind.SEND_MESSAGE: gettext_lazy("Send the person a message about consent"),
}
IN_CHATWOOT = frozenset(
    {Effect.Kind.SET_CONTACT, Effect.Kind.SHOW_LEAD, Effect.Kind.SET_LABEL, Effect.Kind.SEND_MESSAGE}
)


def effect_text(effect: Effect, *, adopted: bool = False) -> str:
    """What a step did, or wants to do."""
    is_done = effect.state == Effect.State.CONFIRMED
    if is_done and adopted and effect.kind == Effect.Kind.CREATE_PERSON:
        return _("Person %(id)s found and adopted") % {"id": effect.foreign_id}
    template = (WRITTEN if is_done else WANTED)[Effect.Kind(effect.kind)]
    return str(template) % {"id": effect.foreign_id or "", "of": _note_name(effect.object_ref)}


def _note_name(ref: str) -> str:
    day, part, message_id = refs.note_parts_of(ref)
    if message_id is not None:
        return _("of message %(id)s") % {"id": message_id}
    if day is None:
        return ""
    name = _("of %(day)s") % {"day": f"{day:%d/%m/%Y}"}
    return f"{name} ({part})" if part > 1 else name


def _effects(known: Known) -> Iterator[Entry]:
    found_by = {row.ref: row.found_by for row in known.objects}
    for row in known.effects:
        adopted = found_by.get(row.object_ref, "created") != "created"
        yield Entry(
            _moment(row),
            _written_in(row),
            row.kind,
            effect_text(row, adopted=adopted),
            effect_word(row.state),
            row.cause,
            _effect_facts(row),
        )


def _written_in(effect: Effect) -> System:
    if effect.sent_at is None:
        return System.PONTE
    return System.CHATWOOT if effect.kind in IN_CHATWOOT else System.KRAYIN


def _moment(effect: Effect) -> datetime:
    """When a step came to what it is now; a waiting one stands where it was asked for."""
    if effect.state in {Effect.State.INTENDED, Effect.State.SHADOW}:
        return effect.created_at
    return effect.confirmed_at or effect.sent_at or effect.updated_at


def _effect_facts(row: Effect) -> dict[str, Any]:
    facts: dict[str, Any] = {"step": str(row.pk), "state": row.state, "object": row.object_ref}
    optional = {
        "number": row.foreign_id,
        "conversation": row.conversation_id,
        "calls": row.calls,
        "attempts": row.attempts,
        "detail": row.detail,
        "rule": row.trigger,
        "next_try": row.not_before.isoformat() if row.state == Effect.State.INTENDED else None,
        "seconds": _seconds(row.sent_at, row.confirmed_at),
    }
    if row.decision:
        optional |= {
            "allowed": row.decision.allowed,
            "base": row.decision.base,
            "policy": row.decision.policy_version,
            "reason": row.decision.reason,
        }
    return facts | {key: value for key, value in optional.items() if value not in (None, "", 0)}


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 2) if start and end else None


def stage_name(connection: Connection, stage_id: int | None) -> str:
    """Name of a stage as last read from Krayin; its number when it is not known, empty without stage."""
    names = {stage["id"]: stage["name"] for pipeline in connection.pipelines for stage in pipeline["stages"]}
    return str(names.get(stage_id, stage_id)) if stage_id else ""


def _stages(known: Known) -> Iterator[Entry]:
    for row in known.stages:
        values = {"id": row.krayin_lead_id, "old": row.previous_stage, "new": row.new_stage}
        if row.result == StageChangeLog.Result.MOVED and row.previous_stage is None:
            text, word = _("Opportunity %(id)s: begins in stage %(new)s") % values, Word.DONE
        elif row.result == StageChangeLog.Result.MOVED:
            text, word = _("Opportunity %(id)s: stage from %(old)s to %(new)s") % values, Word.DONE
        else:
            text, word = _("Opportunity %(id)s stays in its stage; asked for: %(new)s") % values, Word.IGNORED
            text = f"{text} ({row.get_result_display()})"
        facts = {"opportunity": row.krayin_lead_id, "result": row.result, "source": row.trigger_source}
        yield Entry(row.created_at, System.KRAYIN, "stage", text, word, facts=facts | {"rule": row.rule})


def _links(known: Known) -> Iterator[Entry]:
    mapping = known.mapping
    if mapping and mapping.found_by != ContactMapping.FoundBy.CREATED:
        text = _("Linked to person %(id)s, found by %(how)s") % {
            "id": mapping.krayin_person_id,
            "how": mapping.get_found_by_display(),
        }
        yield Entry(mapping.created_at, System.PONTE, "linked", text, facts={"person": mapping.krayin_person_id})
    for row in known.suggestions:
        text = _("Person %(id)s in Krayin may be the same one; people decide") % {"id": row.krayin_person_id}
        facts = {"person": row.krayin_person_id, "evidence": row.evidence, "state": row.state}
        word = Word.WAITING if row.state == row.State.OPEN else Word.DONE
        yield Entry(row.created_at, System.PONTE, "suggestion", text, word, facts=facts)


WISH_WORDS = {
    Wish.State.OPEN: Word.WAITING,
    Wish.State.HELD: Word.WAITING,
    Wish.State.DONE: Word.DONE,
    Wish.State.REFUSED: Word.FAILED,
    Wish.State.WITHDRAWN: Word.IGNORED,
}


def _wishes(known: Known) -> Iterator[Entry]:
    """What people asked for by hand, and how it ended."""
    for row in known.wishes:
        if known.number is not None and row.conversation and row.conversation.chatwoot_conversation_id != known.number:
            continue
        text = _("By hand: %(what)s%(detail)s") % {"what": row.get_kind_display(), "detail": _wish_detail(known, row)}
        text = f"{text} · {row.asked_by or row.asked_by_ref}"
        word, said = WISH_WORDS[Wish.State(row.state)], ""
        if row.kind == Wish.Kind.KEEP_BACK and row.state == Wish.State.OPEN:
            word, said = Word.DONE, ""
        if row.state == Wish.State.REFUSED:
            said = str(row.get_reason_display())
        facts = {"wish": str(row.pk), "via": row.via, "state": row.state, "reason": row.reason}
        yield Entry(row.created_at, System.PONTE, f"hand_{row.kind}", text, word, said, facts=facts)


def _wish_detail(known: Known, row: Wish) -> str:
    if row.kind == Wish.Kind.STAGE:
        return f" → {stage_name(known.connection, row.stage_id)}"
    parts = [
        _("person %(n)s") % {"n": row.person_id} if row.person_id else "",
        _("opportunity %(n)s") % {"n": row.lead_id} if row.lead_id else "",
    ]
    return "".join(f" · {part}" for part in parts if part)


def _removals(known: Known) -> Iterator[Entry]:
    names = dict(SyncedObject.Kind.choices)
    for row in known.objects:
        if row.gone_at:
            text = _("Somebody deleted in Krayin: %(what)s %(id)s") % {"what": names[row.kind], "id": row.foreign_id}
            yield Entry(row.gone_at, System.KRAYIN, "gone", text, facts={"object": row.ref})
    contact = known.contact
    if contact and contact.gone_at:
        text = _("The contact no longer exists in Chatwoot")
        yield Entry(contact.gone_at, System.CHATWOOT, "gone", text, facts={"contact": contact.chatwoot_contact_id})
    if contact and contact.subject.blocked_at:
        yield Entry(contact.subject.blocked_at, System.PONTE, "blocked", _("The titular was blocked"), Word.BLOCKED)


# Privacy -------------------------------------------------------------------------------------------------------------


def _consents(known: Known) -> Iterator[Entry]:
    for row in known.consents:
        text = _("Consent: %(what)s, %(answer)s") % {
            "what": row.get_consent_type_display(),
            "answer": row.get_status_display(),
        }
        facts = {"type": row.consent_type, "status": row.status, "version": row.consent_version}
        yield Entry(row.created_at, System.PONTE, "consent", text, facts=facts)


def problems(lines: Sequence[Entry]) -> list[Entry]:
    """Only the lines that failed, are blocked or unknown."""
    return [line for line in lines if line.is_problem]
