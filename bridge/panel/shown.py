"""What the panel shows of one conversation, as plain data. The script draws it; it decides nothing."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from bridge.actions.stages import stages_of
from bridge.models import Connection, KrayinLead, SyncedObject, Wish
from bridge.panel import hints
from bridge.panel.known import Known
from bridge.panel.sentence import sentence_of
from bridge.panel.tokens import Viewer
from bridge.queries import addresses
from bridge.queries.story_lines import cause_text, stage_name
from bridge.sync.observe import contact_context
from config.times import ago
from consent.encryption import KeyMissing, RevealDenied, open_for
from consent.policy import PurposeOfUse
from consent.roles import Capability

State = Connection.State
SETTLED_SHOWN = 3


def shown(known: Known, viewer: Viewer, now: datetime, *, with_name: bool) -> dict[str, Any]:
    """The panel's content. With the name one audit row is written first; without it the script keeps what it has."""
    closed = closed_to(known)
    if closed:
        return closed
    sentence = sentence_of(known, viewer, now)
    content: dict[str, Any] = {
        "state": "ready",
        "bands": list(_bands(known, viewer)),
        "sync": {"word": sentence.word.value, "code": sentence.code, "text": sentence.text},
        "person": None if known.unlinked else _person(known),
        # Whose these were, the contact perhaps is not.
        "lead": None if known.unlinked else _lead(known, now),
        "hints": None if known.unlinked else _hints(known, now),
        "others": [] if known.unlinked else [_other(known.connection, row, now) for row in known.others],
        "asked": [_asked(wish, known) for wish in _told_wishes(known, now)],
        "kept_back": known.keep_back is not None,
        "undecided": known.unlinked is not None,
        "may": _may(known),
    }
    if with_name:
        content["name"] = _name(known, viewer)
    return content


def shows(known: Known) -> bool:
    """Whether anything is shown of this person."""
    return closed_to(known) is None


def closed_to(known: Known) -> dict[str, Any] | None:
    """People of whom nothing is shown."""
    subject = known.contact.subject
    if subject.erased_at:
        return {"state": "erased", "text": _("The data of this person were erased. Nothing is shown or sent.")}
    if subject.blocked_at:
        return {
            "state": "blocked",
            "text": _("The data of this person are blocked. Nothing is shown, changed or sent."),
        }
    return None


def _bands(known: Known, viewer: Viewer) -> Iterator[dict[str, str]]:
    connection = known.connection
    if connection.is_example:
        yield {"code": "example", "text": _("Example data")}
    if connection.state == State.SHADOW:
        yield {"code": "shadow", "text": _("In shadow: nothing is written to Krayin.")}
    if connection.state == State.PAUSED:
        yield {"code": "paused", "text": _("Paused: what you ask for is kept and written later.")}
    if viewer.away_problem:
        yield {"code": "away", "text": _("Krayin cannot be used now: this is how it was when last seen.")}
    if known.contact.subject.is_minor:
        yield {"code": "minor", "text": _("Minor: consents are given by the guardian.")}


def _name(known: Known, viewer: Viewer) -> str:
    """The name as in Chatwoot; the mask for roles that may not see it."""
    contact, actor = known.contact, viewer.actor
    if not contact.name or not actor.may(Capability.REVEAL_CONTACT, known.connection.clinic_id):
        return contact.mask
    try:
        opener = open_for(
            [contact.subject_id], actor=actor, purpose=PurposeOfUse.CARE, fields=["bridge.ObservedContact.name"]
        )
        return opener.text(contact.name, subject=contact.subject_id, context=contact_context(contact.pk, "name"))
    except (RevealDenied, KeyMissing):
        return contact.mask


def _person(known: Known) -> dict[str, Any] | None:
    person = known.person
    if person is None:
        return None
    return {"id": person.foreign_id, "url": addresses.krayin_person(known.connection, person.foreign_id)}


def _lead(known: Known, now: datetime) -> dict[str, Any] | None:
    held = known.lead
    if held is None:
        return None
    if held.gone_at:
        return {"id": held.foreign_id, "is_gone": True}
    seen = known.seen(held.foreign_id)
    stage_id, at = _newest_stage(held, seen)
    return {
        "id": held.foreign_id,
        "is_gone": False,
        "url": addresses.krayin_lead(known.connection, held.foreign_id),
        "stage_id": stage_id,
        "stage": stage_name(known.connection, stage_id),
        "is_closed": held.closed_at is not None,
        "value": money(seen.value if seen else None),
        "owner": seen.owner_name if seen else "",
        "age": _("seen %(ago)s") % {"ago": ago(min(at, now), now)},
        "stages": [{"id": one["id"], "name": one["name"]} for one in stages_of(known.connection, stage_id)],
    }


def _hints(known: Known, now: datetime) -> dict[str, Any] | None:
    held = known.lead
    return None if held is None or held.gone_at else hints.of(held, known.connection, now)


def _newest_stage(held: SyncedObject, seen: KrayinLead | None) -> tuple[int | None, datetime]:
    if seen and seen.seen_at >= held.synced_at:
        return seen.stage_id, seen.seen_at
    return held.stage_id, held.synced_at


def _other(connection: Connection, row: KrayinLead, now: datetime) -> dict[str, Any]:
    return {
        "id": row.lead_id,
        "url": addresses.krayin_lead(connection, row.lead_id),
        "stage": stage_name(connection, row.stage_id),
        "value": money(row.value),
        "age": _("seen %(ago)s") % {"ago": ago(min(row.seen_at, now), now)},
    }


def money(value: Decimal | None) -> str:
    """Brazilian reais; empty when Krayin showed no value."""
    return "" if value is None else f"R$ {number_format(value, 2, use_l10n=True, force_grouping=True)}"


def _told_wishes(known: Known, now: datetime) -> list[Wish]:
    """What waits, and what was refused lately; what is done shows in the facts themselves."""
    told = {Wish.Kind.KEEP_BACK, Wish.Kind.UNLINK, Wish.Kind.SAY, Wish.Kind.CORRECT}
    waiting = [w for w in known.wishes if w.state == Wish.State.OPEN and w.kind not in told]
    refused = [
        w
        for w in known.wishes
        if w.kind != Wish.Kind.SAY and w.state == Wish.State.REFUSED and w.settled_at and _is_fresh(w.settled_at, now)
    ]
    return waiting + refused[:SETTLED_SHOWN]


def _is_fresh(at: datetime, now: datetime) -> bool:
    return (now - at).days < 1


def _asked(wish: Wish, known: Known) -> dict[str, Any]:
    what = wish.get_kind_display()
    if wish.kind == Wish.Kind.STAGE:
        what = _("to stage %(name)s") % {"name": stage_name(known.connection, wish.stage_id)}
    state, text = wish.state, wish.get_reason_display()
    if state == Wish.State.OPEN:
        stopped = known.stopped(wish)
        state = Wish.State.REFUSED if stopped else state
        text = cause_text(stopped.cause) if stopped else _("waiting for Krayin")
    return {
        "id": str(wish.pk),
        "kind": wish.kind,
        "state": state,
        "what": what,
        "text": text,
        "by": str(wish.asked_by or ""),
    }


def _may(known: Known) -> dict[str, bool]:
    """Which buttons make sense now; each action checks for itself."""
    writes = known.connection.state in {State.ACTIVE, State.PAUSED} and known.contact.gone_at is None
    lead = known.lead
    has_lead = lead is not None and lead.gone_at is None
    is_decided = known.unlinked is None
    making = bool(known.open_wishes(Wish.Kind.OPPORTUNITY, Wish.Kind.LINK))
    return {
        "etapa": writes and has_lead and is_decided,
        "oportunidade": writes and not making and (known.person is not None or not is_decided),
        "outra-pessoa": known.person is not None and is_decided,
        "nao-enviar": True,
        "nota": writes and is_decided,
        "sincronizar": known.contact.gone_at is None,
    }
