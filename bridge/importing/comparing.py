"""The second half of an import, shared by its kinds: read everybody in Krayin, compare, judge contact by contact.

Cursor: `phase` (match, settle), then `page`, `last` (the last person of the page before), `round`, or `after` (key of
the last contact judged).
"""

from datetime import timedelta

from django.db.models import Exists, OuterRef

from bridge.clients.base import Priority
from bridge.clients.krayin import KrayinClient
from bridge.importing.asking import failing_on_refusal, in_pages
from bridge.importing.matching import compare
from bridge.importing.settling import Judged, judge
from bridge.jobs.kinds import Cursor, Step
from bridge.models import Connection, ImportedContact, ObservedContact, SyncJob
from bridge.sync.clock import database_now
from bridge.sync.partners import krayin_client

MATCH, SETTLE = "match", "settle"
PERSONS_PER_PAGE = 200
ROUNDS = 3
UNOBSERVED = timedelta(seconds=3)
WAITS = 40  # so often for lanes to take in what was brought, about two minutes; then without the rest
BUSY = timedelta(seconds=2)

Outcome = ImportedContact.Outcome
NAMES = {Outcome.ADOPTED: "adopted", Outcome.ASKED: "suggestions", Outcome.OWN: "without_match", Outcome.KEPT: "kept"}


def compare_step(job: SyncJob, cursor: Cursor, limit: int) -> Step:
    """One step of the phases above. Raises the partner errors of `bridge.errors` and JobFailed."""
    if cursor.get("phase") == SETTLE:
        return _settle(job, cursor, limit)
    if _are_unobserved(job) and cursor.get("waits", 0) < WAITS:
        return Step({**cursor, "waits": cursor.get("waits", 0) + 1}, wait_until=database_now(UNOBSERVED))
    if not ImportedContact.objects.filter(job=job, outcome="").exists():
        return Step({"phase": SETTLE})
    with failing_on_refusal():
        return _match(job, cursor)


def _are_unobserved(job: SyncJob) -> bool:
    seen = ObservedContact.objects.filter(
        connection_id=job.connection_id, chatwoot_contact_id=OuterRef("chatwoot_contact_id")
    )
    return ImportedContact.objects.filter(~Exists(seen), job=job, outcome="").exists()


def client_of(connection: Connection) -> KrayinClient:
    return krayin_client(connection)[0].at(Priority.BACKGROUND)


def _match(job: SyncJob, cursor: Cursor) -> Step:
    client, page, rounds = client_of(job.connection), cursor.get("page", 1), cursor.get("round", 1)
    persons = client.persons_page(page, limit=PERSONS_PER_PAGE)
    compare(job.connection, job.pk, persons)
    counts = {"persons_read": len(persons)} if rounds == 1 else {}
    if len(persons) == PERSONS_PER_PAGE:
        after = {"phase": MATCH, "page": page + 1, "last": persons[-1].id, "round": rounds}
        return Step(after, calls=1, counts=counts)
    if page > 1 and rounds < ROUNDS and _has_shifted(client, page, cursor["last"]):
        return Step({"phase": MATCH, "page": 1, "round": rounds + 1}, calls=2, counts=counts)
    return Step({"phase": SETTLE}, calls=2, counts=counts)


def _has_shifted(client: KrayinClient, page: int, last: int) -> bool:
    """Whether somebody on an earlier page was deleted meanwhile: then one person slipped through between two pages."""
    there = client.persons_page((page - 1) * PERSONS_PER_PAGE, limit=1)
    return [person.id for person in there] != [last]


def _settle(job: SyncJob, cursor: Cursor, limit: int) -> Step:
    rows = in_pages(ImportedContact.objects.filter(job=job), cursor.get("after", 0), limit)
    if not rows:
        ImportedContact.objects.filter(job=job).delete()
        return Step({"phase": SETTLE}, finished=True)
    after, judged, wait_until = cursor.get("after", 0), list[Judged](), None
    for row in rows:
        result = judge(job.connection, row)
        if result is None:
            wait_until = database_now(BUSY)
            break
        after, judged = row.pk, [*judged, result]
    counts = {name: sum(one.outcome == outcome for one in judged) for outcome, name in NAMES.items()}
    done = len(judged) - counts["kept"]
    return Step(
        {"phase": SETTLE, "after": after},
        done=done,
        skipped=counts["kept"],
        calls=sum(one.calls for one in judged),
        counts=counts,
        wait_until=wait_until,
    )
