"""What the page of one request shows; no value is opened for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _

from config.times import clock
from consent.export import control
from consent.models import (
    ContactPoint,
    DataRequest,
    Erasure,
    ExportPackage,
    RepresentativeDocument,
    RequestItem,
    RequestStep,
    User,
)
from consent.requests import answers, board, channels, correcting, identity
from consent.requests.execution import executor_of
from consent.requests.rules import Refusal, Regime, Right, RightRule, rules
from consent.requests.scope import Part, scope_of
from consent.requests.states import TRANSITIONS, State

NAME = "consent_datarequest"


@dataclass(frozen=True)
class ItemCard:
    """One right: where it stands, what it needs, what may be done now."""

    line: board.Line
    law: str
    next: str
    identity: str
    may: frozenset[str]
    routes: list[tuple[str, str]]
    refusal: Refusal | None
    proof: str
    at_once: str
    steps: str
    on_its_way: str
    corrected: list[correcting.Standing]

    @property
    def item(self) -> RequestItem:
        return self.line.item

    @property
    def rule(self) -> RightRule:
        return self.line.rule


# Buttons by the state in which they make sense; the verbs check again.
OFFERS = {
    "decide": {State.VERIFIED, State.TRIAGE},
    "done": {State.EXECUTING, State.WAITING_THIRD_PARTY},
    "wait": {State.EXECUTING},
    "export": {State.EXECUTING},
    "correct": {State.EXECUTING},
    "send": {State.READY},
    "not_controller": {State.IDENTITY_PENDING},
    "not_verified": {State.IDENTITY_PENDING},
    "health": {State.IDENTITY_PENDING, State.VERIFIED, State.TRIAGE},
    "cancel": {state for state in State if State.CANCELLED in TRANSITIONS[state]},
}
AT_ONCE = {
    "block": lambda: _("The person's data are blocked while this is decided."),
    "withdraw": lambda: _("What stood on the person's consent has stopped."),
}


def page_of(row: DataRequest, user: User, *, may_act: bool, now: datetime) -> dict[str, Any]:
    items = list(row.items.all())
    for item in items:
        item.request = row
    reached, zone = identity.proofs(row), ZoneInfo(row.clinic.time_zone)
    lines = board.lines(items, now)
    return {
        "row": row,
        "facts": list(_facts(row, lines, zone, now)),
        "cards": [_card(row, line, reached, now) for line in lines],
        "codes": [_code(code, zone, now) for code in row.codes.all()],
        "identity": list(_identity(row, zone, now)),
        "documents": list(row.documents.all()),
        "fields": correcting.Field.choices,
        "relations": RepresentativeDocument.Relation.choices,
        "steps": [_step(step, zone, now) for step in _steps(row)],
        "scope": [_part(part, zone, now) for part in scope_of(row.subject)] if row.subject else [],
        "other_rights": [one for one in rules().rights.values() if one.right not in {i.right for i in items}],
        "refusals": list(rules(row.rules_version).refusals.values()),
        "exports": _exports(row),
        "erasures": _erasures(row),
        "is_open": any(item.is_open for item in items),
        "may_act": may_act,
        "may_open": may_act and bool(row.text or row.contact),
        "knows_who": row.subject_id is not None,
        "act": reverse(f"admin:{NAME}_act", args=[row.pk]),
        "is_mine": row.owner_id == user.pk,
    }


def _part(part: Part, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "system": part.system,
        "what": part.what,
        "count": part.count,
        "oldest": clock(part.oldest, zone, now) if part.oldest else "",
        "newest": clock(part.newest, zone, now) if part.newest else "",
    }


def _exports(row: DataRequest) -> list[tuple[str, str]]:
    """Packages made for this request: address and state."""
    found = ExportPackage.objects.filter(request_ref=str(row.pk)).order_by("created_at")
    return [
        (reverse("admin:consent_exportpackage_change", args=[one.pk]), str(one.get_state_display())) for one in found
    ]


def _erasures(row: DataRequest) -> list[tuple[str, str]]:
    """Erasures of the person who asks: address and state."""
    found = Erasure.objects.filter(subject=row.subject_id).order_by("planned_at") if row.subject_id else ()
    return [(reverse("admin:consent_erasure_change", args=[one.pk]), str(one.get_state_display())) for one in found]


def _facts(row: DataRequest, lines: list[board.Line], zone: ZoneInfo, now: datetime) -> Iterator[tuple[str, str]]:
    yield _("protocol"), row.protocol
    yield _("clinic"), str(row.clinic)
    yield _("titular"), lines[0].mask if lines else row.contact_mask
    yield _("channel"), str(row.get_channel_display())
    yield _("received"), clock(row.received_at, zone, now)
    regime = str(Regime(row.regime).label)
    yield _("regime"), _("%(regime)s · rules version %(version)s") % {"regime": regime, "version": row.rules_version}
    yield _("responsible"), str(row.owner) if row.owner else _("nobody yet")
    if row.duplicate_of:
        yield _("repeats"), row.duplicate_of.protocol
    if row.by_representative:
        yield _("asked by"), _("a representative")


def _card(row: DataRequest, line: board.Line, reached: frozenset, now: datetime) -> ItemCard:
    item, rule = line.item, line.rule
    needed = identity.needed(row, item.right, has_health_content=item.has_health_content)
    offers = frozenset(name for name, states in OFFERS.items() if item.state in states)
    if item.right != Right.CORRECTION or row.subject_id is None:
        offers -= {"correct"}
    if item.is_on_its_way:
        offers = (offers - {"send"}) | {"take_back"}
    if item.right not in control.RIGHTS or row.subject_id is None:
        offers -= {"export"}
    is_running = item.is_open and item.state not in OFFERS["not_verified"]
    at_once = AT_ONCE[rule.at_once]() if rule.at_once and row.subject_id and is_running else ""
    refusal = answers.refusal_of(item, item.refusal_code) if item.refusal_code else None
    return ItemCard(
        line, _law(row, rule), board.next_of(item), board.Identity(reached).words(needed), offers,
        _routes(row) if "send" in offers else [], refusal, _proof(item), at_once, _steps_by_hand(item),
        _on_its_way(item), correcting.standing(item) if item.right == Right.CORRECTION else [],
    )  # fmt: skip


def _steps_by_hand(item: RequestItem) -> str:
    """What somebody of the clinic does, where no program carries the right out."""
    by_hand = item.state in OFFERS["done"] and executor_of(item.right) is None
    return rules().rights[item.right].steps if by_hand else ""


def _on_its_way(item: RequestItem) -> str:
    if not item.is_on_its_way:
        return ""
    return _("On its way by chat: it closes when the conversation has taken it. You need not wait for it.")


def _law(row: DataRequest, rule: RightRule) -> str:
    """`LGPD, Art. 19, II · 15 dias`."""
    period = rule.periods[row.regime]
    days = period.days
    length = _("at once (24 h)") if days <= 1 else _("%(n)d days") % {"n": days}
    kind = _("by law") if rule.nature == "law" else _("our default")
    return f"{rule.article} · {length} · {kind}"


def _routes(row: DataRequest) -> list[tuple[str, str]]:
    """Ways that may reach the person, by kinds of contact only: no value is opened to draw a button."""
    kinds = {row.contact_kind} if row.subject is None else set(_kinds(row))
    found = []
    if channels.channel("chat") and ContactPoint.Kind.PHONE in kinds:
        found.append(("chat", _("Send by chat")))
    if ContactPoint.Kind.EMAIL in kinds:
        found.append(("email", _("Send by e-mail")))
    return found


def _kinds(row: DataRequest) -> Iterator[str]:
    points = ContactPoint.objects.filter(subject=row.subject_id, value__isnull=False, is_shared=False)
    yield from points.values_list("kind", flat=True)


def _proof(item: RequestItem) -> str:
    if not item.sent_at:
        return ""
    route = RequestItem.Route(item.sent_by_route).label
    return f"{route} · {item.proof} · SHA-256 {item.proof_sha256[:16]}…"


def _code(code: Any, zone: ZoneInfo, now: datetime) -> str:
    result = str(code.get_outcome_display()) if code.outcome else _("open")
    if not code.outcome and now >= code.expires_at:
        result = str(code.Outcome.EXPIRED.label)
    return _("code to %(kind)s, %(time)s: %(result)s, %(n)d of 5 tries") % {
        "kind": str(code.get_contact_kind_display()).lower(),
        "time": clock(code.sent_at, zone, now),
        "result": result,
        "n": code.tries,
    }


def _identity(row: DataRequest, zone: ZoneInfo, now: datetime) -> Iterator[str]:
    if row.evidence_ref:
        yield _("asked in a conversation the clinic knows the person by: message %(ref)s") % {"ref": row.evidence_ref}
    if row.fact_proved_at:
        yield _("a fact was confirmed, %(time)s") % {"time": clock(row.fact_proved_at, zone, now)}
    if row.seen_in_person_at:
        told = {"who": str(row.seen_by), "time": clock(row.seen_in_person_at, zone, now)}
        yield _("seen in person with a document by %(who)s, %(time)s") % told


def _steps(row: DataRequest) -> list[RequestStep]:
    return list(RequestStep.objects.filter(item__request=row).select_related("item").order_by("-pk")[:60])


def _step(step: RequestStep, zone: ZoneInfo, now: datetime) -> dict[str, str]:
    who = {"staff": _("staff"), "person": _("titular")}.get(step.actor_kind, _("Ponte"))
    return {
        "at": clock(step.at, zone, now),
        "right": step.item.right,
        "state": str(State(step.to_state).label),
        "who": who,
    }
