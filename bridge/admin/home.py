"""A1 Start: what needs me today?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.admin import cells
from bridge.admin.connections import calls_left, state_badge
from bridge.admin.fixes import Leads, button_of, fix_of
from bridge.admin.scope import connections_of
from bridge.admin.setup import step_lines
from bridge.models import Connection, FailedWebhook, WebhookEvent
from bridge.queries.home import ConnectionLine, away_sentence, connection_lines, sentence, today
from bridge.queries.story_lines import cause_text
from bridge.queries.stuck import Group, PartnerAway, Stuck, stuck
from bridge.queries.words import Word
from consent.models import Clinic, User
from consent.roles import Capability, roles_with
from consent.scope import clinics_of, has_role, signed_in

SEE = roles_with(Capability.OPERATE_VIEW, Capability.CONNECTIONS_VIEW)
CONNECT = roles_with(Capability.CONNECTIONS_CHANGE)
ITEMS_SHOWN = 7
FIRST_CONVERSATION = 7  # the first step after which the home page is the home page
CONNECTIONS_SHOWN = 50


@dataclass(frozen=True)
class Item:
    """One line of *Precisa de você*."""

    text: str
    detail: str
    word: Word
    since: SafeString | str
    address: str
    button: str

    @property
    def badge(self) -> SafeString:
        return cells.badge(self.word)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the start page shows; called by the theme."""
    viewer, now = signed_in(request), timezone.now()
    if not has_role(viewer, *SEE):
        return {**context, "title": _("Home"), "home": None}
    connections = list(connections_of(viewer, SEE)[:CONNECTIONS_SHOWN])
    steps = step_lines(viewer, connections_of(viewer, CONNECT)) if has_role(viewer, *CONNECT) else []
    found, lines = stuck(connections, now=now), connection_lines(connections, now=now)
    items = [*_unconfirmed(viewer), *_away(request, found, now), *_failures(request, found)]
    word, text = sentence(lines, found, now=now)
    counts = today(connections, now=now)
    home = {
        **_first_steps(steps),
        "word": word,
        "sentence": text,
        "items": items[:ITEMS_SHOWN],
        "more": max(len(items) - ITEMS_SHOWN, 0),
        "more_address": list_address(request, FailedWebhook),
        "lines": [_line(line, may_open=bool(list_address(request, Connection))) for line in lines],
        "today": [
            (_("conversations"), counts.conversations),
            (_("people created"), counts.persons),
            (_("opportunities created"), counts.leads),
            (_("notes written"), counts.notes),
        ],
        "may_connect": has_role(viewer, *roles_with(Capability.CONNECTIONS_CHANGE)),
    }
    return {**context, "title": _("Home"), "home": home}


def _first_steps(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A2 on top until it is complete: in full until a conversation reached Krayin, then as one line."""
    left = [line for line in steps if not line["is_done"] and not line["is_optional"]]
    is_early = any(line["number"] == FIRST_CONVERSATION for line in left)
    return {"steps": steps if is_early else [], "steps_left": len(left), "steps_address": reverse("admin:bridge_setup")}


# What needs somebody --------------------------------------------------------------------------------------------------


def _unconfirmed(viewer: User) -> Iterator[Item]:
    """Clinics whose policy waits for the DPO: nothing is written for them."""
    clinics = clinics_of(viewer, *roles_with(Capability.PRIVACY_ACT)).filter(policy_confirmed_at=None)
    for clinic in clinics[:ITEMS_SHOWN]:
        yield _unconfirmed_item(clinic)


def _unconfirmed_item(clinic: Clinic) -> Item:
    return Item(
        text=_("%(clinic)s: the legal bases are not confirmed.") % {"clinic": clinic.trade_name},
        detail=_("Until then nothing is written to Krayin for this clinic."),
        word=Word.WAITING,
        since=cells.NOTHING,
        address=reverse("admin:consent_clinic_changelist"),
        button=_("Confirm"),
    )


def _away(request: HttpRequest, found: Stuck, now: datetime) -> Iterator[Item]:
    for line in found.away:
        yield Item(
            text=away_sentence(line, now),
            detail=f"{cause_text(line.cause)} {fix_of(line.cause).what_to_do}",
            word=Word.WAITING if line.heals_itself else Word.FAILED,
            since=cells.since(line.since, cells.zone_of(line.connections[0]), now),
            address=_leads_to(request, line, line.connections[0]),
            button=button_of(line.cause),
        )


def _failures(request: HttpRequest, found: Stuck) -> Iterator[Item]:
    for group in found.failures:
        yield Item(
            text=f"{cause_text(group.cause)} {_how_much(group)}",
            detail=f"{group.connection.name} · {fix_of(group.cause).what_to_do}",
            word=Word.WAITING if group.heals_itself else Word.FAILED,
            since=cells.since(group.since, cells.zone_of(group.connection)),
            address=_leads_to(request, group, group.connection),
            button=button_of(group.cause),
        )


def _how_much(group: Group) -> str:
    count = ngettext("%(n)d matter", "%(n)d matters", group.total) % {"n": group.total}
    if not group.people:
        return f"({count})"
    people = ngettext("%(n)d person", "%(n)d people", group.people) % {"n": group.people}
    return f"({count}, {people})"


def _leads_to(request: HttpRequest, line: PartnerAway | Group, connection: Connection) -> str:
    """Where the button goes: the place that can solve it, or the list of what is stopped."""
    leads = fix_of(line.cause).leads
    if leads == Leads.CONNECTION and list_address(request, Connection):
        return reverse("admin:bridge_connection_change", args=[connection.pk])
    if leads == Leads.EVENTS:
        return list_address(request, WebhookEvent)
    place = list_address(request, FailedWebhook)
    if place and isinstance(line, Group):
        return reverse("admin:bridge_failedwebhook_group", args=[connection.pk, line.cause])
    return place


def list_address(request: HttpRequest, model: type[Any]) -> str:
    """Address of a model's list when the screen exists and the viewer may see it, else empty."""
    if not admin.site.is_registered(model) or not admin.site.get_model_admin(model).has_module_permission(request):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


# Connections ----------------------------------------------------------------------------------------------------------


def _line(line: ConnectionLine, *, may_open: bool) -> dict[str, Any]:
    row = line.connection
    zone = cells.zone_of(row)
    return {
        "name": row.name,
        "clinic": row.clinic.trade_name,
        "address": reverse("admin:bridge_connection_change", args=[row.pk]) if may_open else "",
        "state": cells.badge(Word.FAILED, cause_text(row.problem)) if row.problem else state_badge(row),
        "last_event": cells.since(line.last_event, zone),
        "last_write": cells.since(line.last_write, zone),
        "oldest": cells.since(line.oldest_waiting, zone),
        "waiting": line.waiting,
        "calls": calls_left(line),
    }
