"""The questions of bulk work on screen B8 and in commands: refused here, in words, before anything is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.causes import Cause
from bridge.errors import CredentialsRefused, PartnerMisconfigured
from bridge.jobs.kinds import Filter, FilterForm, JobFailed
from bridge.models import Connection, Partner

MOST_DAYS = 1095

State = Connection.State
READ_BY = {
    State.DRAFT: gettext_lazy("The connection is a draft: finish its set-up, then put it in shadow or switch it on."),
    State.OFF: gettext_lazy("The connection is switched off: put it in shadow or switch it on first."),
}


class ConnectionForm(FilterForm):
    """Of a connection that works, at least in shadow."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        refusal = READ_BY.get(State(self.connection.state))
        if refusal:
            raise forms.ValidationError(refusal)
        return cleaned


class WindowForm(ConnectionForm):
    """So many days, and all inboxes of the connection or some of them."""

    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        initial=30,
        min_value=1,
        max_value=MOST_DAYS,
        help_text=gettext_lazy("Conversations with activity in this time; 1 to 1095."),
        error_messages={
            "invalid": gettext_lazy("Write the days as a whole number, for example 30."),
            "min_value": gettext_lazy("At least 1 day."),
            "max_value": gettext_lazy("At most 1095 days (three years)."),
        },
    )
    inboxes = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Inboxes"),
        required=False,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen means all inboxes of this connection."),
        error_messages={
            "invalid_choice": gettext_lazy(
                "Inbox %(value)s does not exist in this Chatwoot account, or it belongs to another connection."
            )
        },
    )

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, connection=connection, **kwargs)
        self.fields["inboxes"].choices = inboxes_of(connection)  # type: ignore[attr-defined]


def inboxes_of(connection: Connection) -> list[tuple[int, str]]:
    """Number and name of every inbox the connection serves, as far as Chatwoot named them."""
    named = {int(number): str(name) for number, name in connection.inbox_names.items()}
    numbers = set(named) if connection.all_inboxes else set(connection.inbox_ids)
    return sorted((number, named.get(number, str(number))) for number in numbers)


def since_of(connection: Connection, filter: Filter, *, planned_at: datetime) -> datetime:
    """The first moment of the window: midnight in the clinic's zone, so many days before the dry run."""
    zone = ZoneInfo(connection.clinic.time_zone)
    day = (planned_at - timedelta(days=int(filter["days"]))).astimezone(zone).date()
    return datetime.combine(day, time(), zone)


def chosen_inboxes(connection: Connection, filter: Filter) -> list[int | None]:
    """The inboxes to ask Chatwoot for, one list each; None is the list of the whole account.

    What a connection no longer serves is left out, whatever was planned.
    """
    asked = [int(number) for number in filter.get("inboxes", [])]
    if asked:
        return [number for number in sorted(set(asked)) if connection.serves_inbox(number)]
    return [None] if connection.all_inboxes else [*sorted(connection.inbox_ids)]


def active_since(connection: Connection, filter: Filter, *, planned_at: datetime) -> Q:
    """The window as a condition on observed conversations."""
    found = Q(connection=connection)
    if "days" in filter:
        found &= Q(last_activity_at__gte=since_of(connection, filter, planned_at=planned_at))
    if filter.get("inboxes"):
        found &= Q(inbox_id__in=filter["inboxes"])
    return found


def window_in_words(connection: Connection, filter: Filter) -> list[str]:
    """`Últimos 30 dias`, `Caixas: WhatsApp`."""
    lines = []
    if "days" in filter:
        days = int(filter["days"])
        lines.append(ngettext("The last day", "The last %(n)d days", days) % {"n": days})
    named = dict(inboxes_of(connection))
    chosen = [named.get(number, str(number)) for number in filter.get("inboxes", [])]
    text = ", ".join(chosen) if chosen else _("all of the connection")
    lines.append(_("Inboxes: %(names)s") % {"names": text})
    return lines


@contextmanager
def failing_on_refusal() -> Iterator[None]:
    """A token or address that is wrong does not heal by waiting: the job ends and says so."""
    causes = {Partner.CHATWOOT: Cause.CHATWOOT_CREDENTIALS, Partner.KRAYIN: Cause.KRAYIN_CREDENTIALS}
    try:
        yield
    except CredentialsRefused as error:
        raise JobFailed(causes[Partner(error.partner)]) from error
    except PartnerMisconfigured as error:
        wrong = Cause.KRAYIN_PACKAGE if error.partner == Partner.KRAYIN else Cause.CHATWOOT_CREDENTIALS
        raise JobFailed(wrong) from error


def in_pages(rows: QuerySet[Any], after: int, limit: int) -> list[Any]:
    """The next rows by key."""
    return list(rows.filter(pk__gt=after).order_by("pk")[:limit])
