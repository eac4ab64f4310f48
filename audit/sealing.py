"""The sealer: chains committed rows in the order it finds them and closes them in segments (lgpd 14.3).

Rows are inserted without any chain lock; one sealer at a time, a few seconds later, gives them their places. A row that
was changed before that fails its own MAC for ever.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.utils import CursorWrapper

from audit import canonical
from audit.models import Seal, Segment

BATCH = 10_000
LOCK = "hashtextextended('ponte.audit.sealer', 0)"
EMPTY_CHAIN = hashlib.sha256(b"bridge.audit.chain.v1\n").digest()
UNSEALED = f"""
SELECT w.entry_id, w.created_at, {canonical.sql("l")} AS text, l.row_mac
FROM (SELECT entry_id, created_at FROM audit_unsealed ORDER BY created_at, entry_id LIMIT %s) w
LEFT JOIN audit_logs l ON l.id = w.entry_id AND l.created_at = w.created_at
ORDER BY w.created_at, w.entry_id
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Waiting:
    """A row that has no place yet. `text` is None when the row is gone: its place stays, and tells of it."""

    entry_id: int
    created_at: datetime
    text: str | None
    mac: bytes

    @property
    def quarter(self) -> date:
        at = self.created_at.astimezone(UTC)
        return date(at.year, at.month - (at.month - 1) % 3, 1)

    @property
    def digest(self) -> bytes:
        return canonical.entry_hash(self.text or "", self.mac)


def seal_all(*, using: str = DEFAULT_DB_ALIAS) -> int:
    """Seal until nothing waits; return the number of rows. None when another process seals at this moment."""
    sealed = 0
    while rows := seal_batch(using=using):
        sealed += rows
        if rows < BATCH:
            break
    return sealed


def seal_batch(*, using: str = DEFAULT_DB_ALIAS, limit: int = BATCH) -> int:
    """Give at most `limit` rows their places, in one transaction; return how many. 0 when another process is at it."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({LOCK})")
        if not cursor.fetchone()[0]:
            return 0
        waiting = fetch(cursor, limit)
        if not waiting:
            return 0
        last = Segment.objects.using(using).order_by("-number").first()
        segments, seals = [], []
        for segment, own in segments_of(waiting, last):
            segments.append(segment)
            seals += own
        Segment.objects.using(using).bulk_create(segments)
        Seal.objects.using(using).bulk_create(seals, batch_size=2000)
        cursor.execute("DELETE FROM audit_unsealed WHERE entry_id = ANY(%s)", [[row.entry_id for row in waiting]])
    return len(waiting)


def fetch(cursor: CursorWrapper, limit: int) -> list[Waiting]:
    cursor.execute(UNSEALED, [limit])
    return [Waiting(row[0], row[1], row[2], bytes(row[3] or b"")) for row in cursor.fetchall()]


def segments_of(waiting: Sequence[Waiting], last: Segment | None) -> Iterator[tuple[Segment, list[Seal]]]:
    """Close the rows in one segment per quarter, each continuing the one before."""
    for quarter, rows in groupby(waiting, key=lambda row: row.quarter):
        last, seals = closed(list(rows), quarter, last)
        yield last, seals


def closed(rows: Sequence[Waiting], quarter: date, last: Segment | None) -> tuple[Segment, list[Seal]]:
    number = last.number + 1 if last else 1
    first = last.last_position + 1 if last else 1
    chain = bytes(last.head) if last else EMPTY_CHAIN
    seals, digests = [], []
    for position, row in enumerate(rows, first):
        digest = row.digest
        chain = canonical.chained(chain, digest)
        digests.append(digest)
        seals.append(
            Seal(
                position=position,
                created_at=row.created_at,
                entry_id=row.entry_id,
                entry_hash=digest,
                chain=chain,
                segment=number,
            )
        )
    segment = Segment(
        number=number,
        quarter=quarter,
        first_position=first,
        last_position=first + len(rows) - 1,
        merkle_root=canonical.merkle_root(digests),
        head=chain,
        previous=bytes(last.digest) if last else b"",
    )
    segment.sign()
    segment.digest = canonical.segment_hash(segment.text)
    return segment, seals
