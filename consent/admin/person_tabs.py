"""What each tab of a person's page shows (C3). Masks only: nothing is opened here, and nothing is recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.times import clock
from consent.admin.consents import SIGNS
from consent.consents.state import asked_types, standings
from consent.holds import PersonState
from consent.models import ConsentEvent, ConsentRecord, ContactPoint, DataSubject, ExportPackage, RequestItem, User
from consent.queries import person_data, person_history
from consent.queries.person_systems import systems
from consent.requests import board
from consent.roles import Capability, roles_with

AUDIT = roles_with(Capability.AUDIT_VIEW)
ICONS = {"✓": "done", "✕": "blocked", "!": "waiting"}


@dataclass(frozen=True)
class Looked:
    """Whose page it is, and who looks at it when."""

    state: PersonState
    viewer: User
    now: datetime

    @property
    def subject(self) -> DataSubject:
        return self.state.subject

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.subject.clinic.time_zone)

    def at(self, when: datetime | None) -> str:
        return clock(when, self.zone, self.now) if when else "—"


def summary(looked: Looked) -> dict[str, Any]:
    """Systems, ways to reach the person (masked), what is known of the telephone."""
    points = ContactPoint.objects.filter(subject=looked.subject).order_by("kind", "created_at")
    return {
        "systems": systems(looked.subject, looked.viewer),
        "points": [
            (point.get_kind_display(), point.mask or "—", _("shared with others") if point.is_shared else "")
            for point in points
        ],
    }


def data(looked: Looked) -> dict[str, Any]:
    return {"held": person_data.held(looked.subject)}


def consents(looked: Looked) -> dict[str, Any]:
    types = asked_types(looked.subject)
    found = standings(looked.subject, types, now=looked.now)
    return {"standings": [_standing(looked, kind, found[kind]) for kind in types]}


def _standing(looked: Looked, kind: str, found: Any) -> dict[str, Any]:
    event: ConsentEvent | None = found.event
    return {
        "purpose": ConsentRecord.Type(kind).label, "state": found.state.label,
        "icon": ICONS.get(SIGNS.get(found.state, ""), "unknown"), "since": looked.at(found.since),
        "until": looked.at(found.valid_until),
        "address": reverse("admin:consent_consentevent_change", args=[event.pk]) if event else "",
    }  # fmt: skip


def requests(looked: Looked) -> dict[str, Any]:
    rows = RequestItem.objects.filter(request__subject=looked.subject).select_related(
        "request__clinic", "request__subject"
    )
    packages = ExportPackage.objects.filter(subject=looked.subject).order_by("-created_at")
    return {
        "lines": board.lines(list(rows.order_by("-received_at", "right")[: board.MOST]), looked.now),
        "packages": [
            (reverse("admin:consent_exportpackage_change", args=[one.pk]), one.protocol, one.get_state_display())
            for one in packages[: board.MOST]
        ],
    }


def accesses(looked: Looked) -> dict[str, Any]:
    subject, who = looked.subject, ""
    if subject.pseudonym and looked.viewer.has_role_in(subject.clinic_id, AUDIT):
        who = f"{reverse('admin:audit_auditlog_who')}?person={subject.pseudonym}"
    return {"accesses": person_history.accesses(subject, looked.zone), "who": who}


def sharing(looked: Looked) -> dict[str, Any]:
    held = [one for one in person_data.held(looked.subject) if ", " in one.places]
    uses = person_history.uses(looked.subject)
    return {
        "shared": [(one.title, one.places.partition(", ")[2], one.purposes, one.bases) for one in held],
        "uses": [(one, looked.at(one.first), looked.at(one.last)) for one in uses],
    }


def line_of_time(looked: Looked) -> dict[str, Any]:
    return {"history": [(looked.at(one.at), one.what, one.about) for one in person_history.history(looked.subject)]}


@dataclass(frozen=True)
class Tab:
    name: str | Promise
    shows: Callable[[Looked], dict[str, Any]]


TABS: Mapping[str, Tab] = {
    "": Tab(gettext_lazy("Summary"), summary),
    "data": Tab(gettext_lazy("Data"), data),
    "consents": Tab(gettext_lazy("Consents"), consents),
    "requests": Tab(gettext_lazy("Requests"), requests),
    "accesses": Tab(gettext_lazy("Accesses"), accesses),
    "sharing": Tab(gettext_lazy("Sharing"), sharing),
    "history": Tab(gettext_lazy("Line of time"), line_of_time),
}
