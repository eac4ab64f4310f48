"""What the trail costs: one audited act, one opened value, sealing, and proving a million rows whole.

The baseline is the same row put into a table of the same columns and indexes by the bare driver: no number asked for
beforehand, no MAC, no trigger, no Django; like ours, each one is on disk before the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import psycopg
from django.conf import settings
from django.db import connection

from audit.checkpoints import tell_all
from audit.sealing import seal_all
from audit.services import Entry, record, record_many
from audit.verifying import Checked, check
from bridge.bench.clinics import CLINIC
from bridge.bench.filling import settled
from bridge.bench.ground import Ground
from bridge.bench.report import Report, at_least, at_most
from bridge.bench.timing import percentiles_ms, timed
from consent.encryption import Actor, Context, Sealed, ensure_subject_keys, reveal, seal
from consent.models import Clinic, DataSubject

ROWS, WRITES, PEOPLE = 1_000_000, 3000, 200
BATCH = 5000
PROCESSES = 2
FIELD = "bridge.ObservedContact.name"
ACTOR = Actor.system("bench")

PLAIN_TABLE = "CREATE TABLE bench_audit (LIKE audit_logs INCLUDING IDENTITY INCLUDING INDEXES)"
PLAIN_INSERT = """
INSERT INTO bench_audit (action, actor_type, actor_ref, clinic_id, subject, object_type, object_id, fields, purpose,
                         outcome, reason_code, request_id, version, key_id, row_mac, created_at)
VALUES ('reveal', 'system', 'bench', %s, %s, 'bridge.ObservedContact', '', %s, 'system', 'ok', '', '', 1, 'k1', %s,
        clock_timestamp())
"""


@dataclass(frozen=True)
class Person:
    """Somebody whose name is sealed."""

    subject: DataSubject
    sealed: Sealed
    context: Context


def measure(ground: Ground, report: Report) -> None:
    rows, writes = ground.sized(ROWS, 5000), ground.sized(WRITES, 200)
    people = invented(ground.sized(PEOPLE, 10))
    ground.say(f"filling in {rows} rows")
    fill(rows, people)
    sealing: list[float] = []
    timed(seal_all, sealing)
    settled()
    report.figures = {"rows": rows, "sealed_rows_per_s": round(rows / sealing[0])}
    ground.say(f"writing {writes} rows, first plain, then ours, then opening as many values")
    report.latencies_ms["plain_insert"] = percentiles_ms(plain(writes, people))
    ground.statements.begin()
    report.latencies_ms["audit_write"] = percentiles_ms(written(writes, people))
    report.latencies_ms["reveal"] = percentiles_ms(revealed(writes, people))
    report.statements = ground.statements.top()
    seal_all()
    tell_all()
    ground.say(f"verifying all of it on {PROCESSES} processes")
    tell(report, check(full=True, processes=PROCESSES))


def tell(report: Report, checked: Checked) -> None:
    write, opened = report.latencies_ms["audit_write"]["p95"], report.latencies_ms["reveal"]["p95"]
    report.baseline = {"plain_insert_p95_ms": report.latencies_ms["plain_insert"]["p95"]}
    report.compare(write, report.baseline["plain_insert_p95_ms"], "p95 of an audit write, Ponte / plain INSERT")
    report.figures |= {
        "verified_rows": checked.rows,
        "verified_rows_per_s": checked.rows_per_second,
        "verify_s": round(checked.seconds, 2),
        "findings": len(checked.findings),
    }
    report.targets += [
        at_most("audit write, p95 (ms)", write, 2),
        at_most("reveal, p95 (ms)", opened, 3),
        at_least(f"rows verified a second on {PROCESSES} processes", checked.rows_per_second, 50_000),
        at_most("findings in an untouched trail", len(checked.findings), 0),
    ]


# What is there --------------------------------------------------------------------------------------------------------


def invented(count: int) -> list[Person]:
    clinic = Clinic.objects.create(trade_name=CLINIC, legal_name=CLINIC)
    subjects = DataSubject.objects.bulk_create([DataSubject(clinic=clinic) for _ in range(count)])
    ensure_subject_keys([subject.pk for subject in subjects])
    return [person(subject) for subject in subjects]


def person(subject: DataSubject) -> Person:
    context = Context("bridge.ObservedContact", "name", str(subject.pk))
    return Person(subject, seal("Marina Serra Azul", subject=subject.pk, context=context), context)


def fill(rows: int, people: list[Person]) -> None:
    """Rows as acts leave them, signed; committed in batches."""
    for begin in range(0, rows, BATCH):
        entries = [entry_of(people[n % len(people)]) for n in range(begin, min(begin + BATCH, rows))]
        record_many(entries, own_connection=False)


def entry_of(one: Person) -> Entry:
    return Entry(
        action="reveal",
        actor_type=ACTOR.kind,
        actor_id=ACTOR.ref,
        clinic_id=one.subject.clinic_id,
        subject=one.subject.pseudonym,
        object_type="bridge.ObservedContact",
        object_id=str(one.subject.pk),
        fields=[FIELD],
        purpose="system",
    )


# What is timed --------------------------------------------------------------------------------------------------------


def plain(count: int, people: list[Person]) -> list[float]:
    took: list[float] = []
    with connection.cursor() as cursor:
        cursor.execute(PLAIN_TABLE)
    with psycopg.connect(settings.DATABASE_URL, autocommit=True, prepare_threshold=0) as db:
        for turn in range(count):
            one = people[turn % len(people)]
            values = (one.subject.clinic_id, one.subject.pseudonym, [FIELD], uuid4().bytes * 2)
            timed(partial(db.execute, PLAIN_INSERT, values), took)
    return took


def written(count: int, people: list[Person]) -> list[float]:
    """Acts recorded on their own connection: each is committed when it returns."""
    took: list[float] = []
    for turn in range(count):
        one = people[turn % len(people)].subject
        act = partial(record, action="reveal", actor_type=ACTOR.kind, actor_id=ACTOR.ref, clinic_id=one.clinic_id,
                      subject=one.pseudonym, fields=[FIELD], purpose="system")  # fmt: skip
        timed(act, took)
    return took


def revealed(count: int, people: list[Person]) -> list[float]:
    """Values opened through the gate, each with its row."""
    took: list[float] = []
    for turn in range(count):
        one = people[turn % len(people)]
        timed(partial(reveal, one.sealed, subject=one.subject.pk, context=one.context, actor=ACTOR,
                      purpose="system"), took)  # fmt: skip
    return took
