"""Import the history of Chatwoot: conversations of the last days, their people, their opportunities, their notes.

Everything takes the path of a webhook (DESIGN section 2, `arrived_by` import). New contacts wait until they are
compared with everybody in Krayin; then their lanes are woken as fast as the job's rate allows.
Cursor: `phase` read with `round`, `inbox` (place in the list), `page`, `brought`; then that of `comparing`.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy

from bridge.importing.asking import WindowForm, chosen_inboxes, failing_on_refusal, since_of, window_in_words
from bridge.importing.comparing import MATCH, compare_step
from bridge.importing.counting import count_history
from bridge.importing.reading import Read, read_page
from bridge.jobs.kinds import Cursor, Estimate, Filter, Step
from bridge.models import Connection, SyncJob
from bridge.sync.clock import database_now
from consent.roles import Capability

READ = "read"
ROUNDS = 3  # pages shift while people write: what slipped through is found by reading the list again


class ImportHistory:
    """See the module."""

    code = "import_history"
    label = gettext_lazy("Import history from Chatwoot")
    explanation = gettext_lazy(
        "Brings conversations of the last days into the CRM: first all are read from Chatwoot, then the people are "
        "compared with those who are in Krayin already, then each is written once. People are linked instead of "
        "doubled; whoever is in doubt becomes a suggestion for you."
    )
    capability = Capability.OPERATE_ACT
    is_atomic = False
    below_live = True
    asks_partner = True
    form = WindowForm

    def estimate(self, connection: Connection, filter: Filter) -> Estimate:
        since = since_of(connection, filter, planned_at=database_now())
        return count_history(connection, chosen_inboxes(connection, filter), since)

    def step(self, job: SyncJob, cursor: Cursor, limit: int) -> Step:
        if cursor.get("phase", READ) == READ:
            with failing_on_refusal():
                return _read_step(job, cursor)
        return compare_step(job, cursor, limit)

    def describe(self, connection: Connection, filter: Filter) -> Sequence[str]:
        return window_in_words(connection, filter)


def _read_step(job: SyncJob, cursor: Cursor) -> Step:
    inboxes = chosen_inboxes(job.connection, job.filter)
    place, page, rounds = cursor.get("inbox", 0), cursor.get("page", 1), cursor.get("round", 1)
    if place >= len(inboxes):
        return _next_round(cursor, rounds)
    since: datetime = since_of(job.connection, job.filter, planned_at=job.created_at)
    read = read_page(job.connection, job.pk, page=page, inbox_id=inboxes[place], since=since)
    where = {"inbox": place + 1, "page": 1} if read.is_last else {"inbox": place, "page": page + 1}
    brought = cursor.get("brought", 0) + read.brought
    return _told(read, {"phase": READ, "round": rounds, "brought": brought, **where}, is_first=rounds == 1)


def _next_round(cursor: Cursor, rounds: int) -> Step:
    if cursor.get("brought", 0) and rounds < ROUNDS:
        return Step({"phase": READ, "round": rounds + 1})
    return Step({"phase": MATCH})


def _told(read: Read, cursor: Cursor, *, is_first: bool) -> Step:
    """Later rounds only count what they brought: the rest was counted before."""
    skipped = read.known + read.gone if is_first else 0
    counts = {"conversations": read.brought, "messages": read.messages}
    if is_first:
        counts |= {"known": read.known, "without_identifier": len(read.unidentified)}
    return Step(cursor, done=read.brought, skipped=skipped, calls=read.notes, counts=counts)
