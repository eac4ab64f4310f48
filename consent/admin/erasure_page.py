"""What the page of one erasure shows: before, during, after. No value is opened for it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.times import clock
from consent.admin.holds_person import mask_of
from consent.datamap.retention import CURRENT_RETENTION, TABLES, retention
from consent.erasure.answering import line_of
from consent.erasure.planning import PONTE, RECIPIENT, asks_care
from consent.erasure.systems import systems_of
from consent.erasure.words import code_word, kind_word, warning_word
from consent.models import Erasure, ErasureNode, Processor, User

State, NodeState = Erasure.State, ErasureNode.State
# The eight words of the screens, by what an erasure or a node is doing.
WORDS = {
    State.NEW: "running", State.PLANNED: "waiting", State.APPROVED: "running", State.RUNNING: "running",
    State.LEFT: "failed", State.ERASED: "done", State.DONE: "done", State.HELD: "blocked",
    State.CANCELLED: "ignored",
}  # fmt: skip
NODE_WORDS = {
    NodeState.WAITING: "waiting", NodeState.DONE: "done", NodeState.FAILED: "failed", NodeState.STAYS: "blocked",
}  # fmt: skip
SHOWN = 300


def page_of(row: Erasure, user: User, *, may_act: bool, now: datetime) -> dict[str, Any]:
    nodes = list(row.nodes.all()[: SHOWN + 1])
    recipients = list(row.nodes.filter(system=RECIPIENT)) if len(nodes) > SHOWN else nodes
    titles = _titles(row)
    return {
        "word": {"value": WORDS[State(row.state)]},
        "sentence": _sentence(row, nodes, now),
        "about": list(_about(row, now)),
        "groups": _groups(row, titles),
        "stays": [line_of(stay) for stay in row.stays],
        "warnings": [f"{warning_word(code)} ({count})" for code, count in row.warnings],
        "leftovers": [
            f"{titles.get(left['system'], left['system'])} · {kind_word(left['kind'])} ({left['count']}): "
            f"{code_word(left['code'])}"
            for left in row.leftovers
        ],
        "nodes": list(_nodes(row, nodes[:SHOWN], titles, now)) if row.state in WORKED else [],
        "more": len(nodes) > SHOWN,
        "recipients": list(_recipients(row, recipients, now)),
        "may_act": may_act,
        "may": _possible(row, user, now) if may_act else {},
        "asks_care": asks_care(row),
        "asks_quotes": row.first_by_id is None and any(code == "quotes" for code, _count in row.warnings),
        "refresh": row.state in {State.NEW, State.APPROVED, State.RUNNING},
        "percent": _percent(nodes),
    }


WORKED = (State.APPROVED, State.RUNNING, State.LEFT, State.ERASED, State.DONE, State.HELD)


def _titles(row: Erasure) -> dict[str, str]:
    """Systems as people know them; those that no longer know the person by what they are."""
    known = {system.name: system.title for system in systems_of(row)} if row.state in Erasure.OPEN else {}
    others = {"ponte": "Ponte", RECIPIENT: _("recipients")}
    for node in row.counts:
        others.setdefault(node, node.partition(".")[0].capitalize())
    return others | known


def _about(row: Erasure, now: datetime) -> Iterator[tuple[str, str]]:
    yield _("person"), mask_of(row.subject)
    yield _("clinic"), str(row.clinic)
    yield _("cause"), str(row.get_cause_display())
    if row.item:
        yield _("request"), f"{row.item.request.protocol} · {row.item.right}"
    yield _("begun"), f"{_clock(row, row.planned_at, now)} · {row.planned_by or 'Ponte'}"
    if row.has_clinical:
        yield _("clinical data"), _("found, or nobody can tell: two people approve")
    if row.first_at:
        yield _("first approval"), f"{_clock(row, row.first_at, now)} · {row.first_by}"
    if row.approved_at:
        yield _("approved"), f"{_clock(row, row.approved_at, now)} · {row.approved_by}"
    if row.erased_at:
        yield _("erased and read back"), _clock(row, row.erased_at, now)
    if row.answered_at:
        yield _("answer ready"), _clock(row, row.answered_at, now)
    if key := until_words(row, now):
        yield _("key"), key


def until_words(row: Erasure, now: datetime) -> str:
    """What becomes of the key: `destroyed in 23 h`."""
    if row.key_destroyed_at:
        return _("destroyed on %(time)s") % {"time": _clock(row, row.key_destroyed_at, now)}
    if row.key_due_at:
        hours = max(0, round((row.key_due_at - now).total_seconds() / 3600))
        return ngettext("destroyed in %(n)d h", "destroyed in %(n)d h", hours) % {"n": hours}
    if row.key_kept_by_id:
        return _("kept")
    return _("kept with what the law keeps") if row.keeps_clinical and row.erased_at else ""


def _sentence(row: Erasure, nodes: list[ErasureNode], now: datetime) -> str:
    match State(row.state):
        case State.NEW:
            return _("The person is blocked; what there is is being counted.")
        case State.PLANNED if row.first_by_id:
            return _("A second person must approve it.")
        case State.PLANNED:
            return _("Nothing was removed yet: look at it and approve.")
        case State.APPROVED | State.RUNNING:
            return _("%(done)d of %(all)d pieces are gone and read back.") % {
                "done": sum(1 for node in nodes if node.state == NodeState.DONE), "all": len(nodes),
            }  # fmt: skip
        case State.LEFT:
            return _("Not everything could be removed: decide what happens with the rest.")
        case State.ERASED:
            return _("Everything is gone and read back; the key is %(when)s.") % {"when": until_words(row, now)}
        case State.HELD:
            return _("A legal hold keeps the data: nothing more is removed, the person is blocked and was told.")
        case State.CANCELLED:
            return _("Cancelled: nothing was removed.")
        case _:
            return _("Concluded.")


def _groups(row: Erasure, titles: dict[str, str]) -> list[dict[str, Any]]:
    """The tree before the approval: systems, and what each has."""
    return [
        {
            "title": titles.get(system, system),
            "lines": [(_what(kind), count) for kind, count in sorted(kinds.items())],
        }
        for system, kinds in sorted(row.counts.items(), key=lambda pair: (pair[0] == PONTE, pair[0]))
    ]


def _what(kind: str) -> str:
    """Ponte's own rows by their category, else the kind."""
    if kind in TABLES[CURRENT_RETENTION].rules:
        return str(retention(kind).title)
    return capfirst(kind_word(kind))


def _nodes(row: Erasure, nodes: list[ErasureNode], titles: dict[str, str], now: datetime) -> Iterator[dict[str, Any]]:
    for node in nodes:
        if node.system == RECIPIENT:
            continue
        waits = node.state == NodeState.WAITING and node.not_before > now
        yield {
            "system": titles.get(node.system, node.system.partition(".")[0].capitalize()),
            "kind": kind_word(node.kind),
            "word": NODE_WORDS[NodeState(node.state)],
            "state": node.get_state_display(),
            "tries": node.tries,
            "answer": code_word(node.code) if node.code or node.tries else "",
            "when": _clock(row, node.checked_at, now) if node.checked_at else "",
            "next": _clock(row, node.not_before, now) if waits else "",
        }


def _recipients(row: Erasure, among: list[ErasureNode], now: datetime) -> Iterator[dict[str, Any]]:
    nodes = [node for node in among if node.system == RECIPIENT]
    names = {str(one.pk): one for one in Processor.objects.filter(pk__in=[node.ref for node in nodes])}
    for node in nodes:
        one = names.get(node.ref)
        yield {
            "pk": node.pk, "name": str(one) if one else "—", "contact": one.contact if one else "",
            "told": _clock(row, node.checked_at, now) if node.checked_at else "",
        }  # fmt: skip


def _possible(row: Erasure, user: User, now: datetime) -> dict[str, bool]:
    planned = row.state == State.PLANNED
    return {
        "look": planned,
        "approve": planned,
        "cancel": row.state in {State.NEW, State.PLANNED},
        "left": row.state == State.LEFT,
        "keep_key": row.may_cancel_key(now),
        "told": row.state in {State.RUNNING, State.LEFT, State.ERASED, State.DONE},
    }


def _percent(nodes: list[ErasureNode]) -> int:
    done = sum(1 for node in nodes if node.state in {NodeState.DONE, NodeState.STAYS})
    return round(100 * done / len(nodes)) if nodes else 0


def request_address(row: Erasure) -> str:
    return reverse("admin:consent_datarequest_change", args=[row.item.request_id]) if row.item else ""


def _clock(row: Erasure, when: datetime, now: datetime) -> str:
    return clock(when, ZoneInfo(row.clinic.time_zone), now)
