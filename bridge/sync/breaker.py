"""A partner that is away: its connection waits as a whole, without spending attempts (DESIGN section 6)."""

from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from bridge.causes import Cause
from bridge.models import Connection

FIRST_PROBE_S = 5
LONGEST_PROBE_S = 300
OWN_ERROR_S = 60


def open_for(connection: Connection, cause: Cause) -> datetime:
    """Pause the connection's claims: 5 s, doubling up to 5 min. Return when its lane should be tried again."""
    failures = min(connection.failures_in_a_row, 10)
    until = timezone.now() + timedelta(seconds=min(FIRST_PROBE_S * 2**failures, LONGEST_PROBE_S))
    Connection.objects.filter(pk=connection.pk).update(
        paused_until=until,
        failures_in_a_row=F("failures_in_a_row") + 1,
        problem=cause,
        problem_since=connection.problem_since or timezone.now(),
    )
    return until


def note(connection: Connection, cause: Cause) -> None:
    """Show a problem that does not stop the connection's claims (Chatwoot could not be asked)."""
    if connection.problem != cause:
        Connection.objects.filter(pk=connection.pk).update(problem=cause, problem_since=timezone.now())
        connection.problem = cause


def close(connection: Connection) -> None:
    """A call went through: forget the problem."""
    if connection.problem or connection.failures_in_a_row:
        Connection.objects.filter(pk=connection.pk).update(failures_in_a_row=0, problem="", problem_since=None)
        connection.failures_in_a_row, connection.problem, connection.problem_since = 0, "", None


def own_error(connection: Connection) -> datetime:
    """Our own defect: this lane waits a minute, the others go on, and people see it."""
    Connection.objects.filter(pk=connection.pk, problem="").update(problem=Cause.INTERNAL, problem_since=timezone.now())
    return timezone.now() + timedelta(seconds=OWN_ERROR_S)
