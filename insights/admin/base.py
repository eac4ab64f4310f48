"""What the pages of the numbers share: place and period chosen, tables, charts, files."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import ActorType
from audit.services import record
from bridge.admin.base import OperationAdmin
from bridge.models import Connection
from config.sheets import sheet
from consent.access.recheck import lead_to_check
from consent.scope import signed_in
from insights.queries.hiding import SMALL_CELL
from insights.queries.ranges import Range

PERIODS = (7, 30, 90)
MOST_ROWS = 10_000
Text = str | Promise


@dataclass(frozen=True)
class Place:
    """What a page is about: connections of one clinic, perhaps one inbox, a period, this moment there."""

    connections: list[Connection]
    choices: list[tuple[str, str]]
    chosen: str
    inboxes: list[tuple[str, str]]
    inbox_id: int | None
    days: int
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.connections[0].clinic.time_zone)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def pks(self) -> list[int]:
        return [row.pk for row in self.connections]

    @property
    def clinic_id(self) -> int:
        return self.connections[0].clinic_id

    @property
    def range(self) -> Range:
        return Range.back(self.pks, self.today, self.days, self.inbox_id)

    def inbox_name(self, connection_id: int, inbox_id: int | None) -> str:
        if inbox_id is None:
            return _("without conversation")
        names = {row.pk: row.inbox_names for row in self.connections}
        name: str = names.get(connection_id, {}).get(str(inbox_id)) or _("inbox %(n)d") % {"n": inbox_id}
        return name


@dataclass(frozen=True)
class Select:
    """One choice of a page's filter."""

    name: str
    label: Text
    options: Sequence[tuple[str, Text]]
    chosen: str


class NumbersAdmin(OperationAdmin):
    """Pages drawn by hand; the rows behind them have no pages of their own."""

    actions = ()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404

    def place(self, request: HttpRequest) -> Place | None:
        """What was chosen; None without any connection. Raises PermissionDenied, Http404 for foreign places."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        own = list(self.connections(request))
        if not own:
            return None
        choices = _choices(own)
        chosen = request.GET.get("place") or next(iter(choices))
        if chosen not in choices:
            raise Http404
        here = [row for row in own if chosen in (f"c{row.clinic_id}", str(row.pk))]
        inboxes = {str(pk): row.inbox_names.get(str(pk)) or str(pk) for row in here for pk in row.inbox_ids}
        inboxes |= {pk: name for row in here if row.all_inboxes for pk, name in row.inbox_names.items()}
        inbox = request.GET.get("inbox", "")
        if inbox and inbox not in inboxes:
            raise Http404
        days = {str(one): one for one in PERIODS}.get(request.GET.get("days", ""), 30)
        named = sorted(inboxes.items(), key=lambda one: one[1].casefold())
        return Place(here, list(choices.items()), chosen, named, int(inbox) if inbox else None, days, timezone.now())

    def selects(self, place: Place, *more: Select, with_days: bool = True) -> list[Select]:
        """The filter of a page; a choice of one is none."""
        found = [
            Select("place", _("Connection"), place.choices, place.chosen),
            Select("inbox", _("Inbox"), [("", _("all")), *place.inboxes], str(place.inbox_id or "")),
        ]
        found = [one for one, least in zip(found, (2, 3), strict=True) if len(one.options) >= least]
        if with_days:
            options = [(str(n), ngettext("%(n)d day", "%(n)d days", n) % {"n": n}) for n in PERIODS]
            found.append(Select("days", _("Period"), options, str(place.days)))
        return [*found, *more]

    def nothing(self, request: HttpRequest, title: str) -> HttpResponse:
        return self.page(request, "admin/insights/nothing.html", title)

    def as_file(
        self, request: HttpRequest, place: Place, name: str, header: Sequence[Text], rows: Iterable[Sequence[Any]]
    ) -> HttpResponse:
        """A list as CSV: masked, at most 10,000 rows; the trail says who took it, before it is given.

        Whoever takes it has proved within ten minutes who they are.
        """
        if check := lead_to_check(request):
            return check
        record(
            action="insights.export",
            actor_type=ActorType.STAFF,
            actor_id=str(signed_in(request).pk),
            clinic_id=place.clinic_id,
            object_type=self.model._meta.label,
            reason_code=name,
        )
        return sheet(f"ponte-{name}-{place.today}", header, rows)


def place_of(connection: Connection) -> Place:
    """The place of one connection's object."""
    return Place([connection], [], str(connection.pk), [], None, 30, timezone.now())


def as_csv(request: HttpRequest) -> str:
    """The same page as a file."""
    query = request.GET.copy()
    query["format"] = "csv"
    return f"?{query.urlencode()}"


def _choices(own: Sequence[Connection]) -> dict[str, str]:
    """Clinics with several connections as a whole, and each connection."""
    found: dict[str, str] = {}
    for row in own:
        several = sum(other.clinic_id == row.clinic_id for other in own) > 1
        if several:
            found.setdefault(f"c{row.clinic_id}", row.clinic.trade_name)
        found[str(row.pk)] = f"{row.clinic.trade_name} · {row.name}"
    return found


# Tables and charts ----------------------------------------------------------------------------------------------------


def table(columns: Sequence[Text], rows: Iterable[Sequence[Any]], *, words: int = 1) -> dict[str, Any]:
    """What the table template draws; from column `words` on the cells are numbers."""
    head = [(str(name), place >= words) for place, name in enumerate(columns)]
    return {
        "head": head,
        "rows": [[(*one, value) for one, value in zip(head, row, strict=True)] for row in rows],
    }


def hidden_text() -> str:
    return _("fewer than %(n)d") % {"n": SMALL_CELL}


def told(value: Any, text: Callable[[Any], str]) -> str:
    """A number that may be hidden."""
    return hidden_text() if value is None else text(value)
