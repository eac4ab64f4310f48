"""Checking the trail: every changed, missing, inserted, reordered row, cut tail and dropped segment gets a name.

Segments are checked first and one after the other; their rows then in ranges that need nothing from each other, so that
two processes share the work. Nothing here trusts the database beyond reading it: MACs need our keys, and the checkpoints
lie elsewhere.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hmac import compare_digest
from itertools import takewhile
from typing import Any

from django.db import connection

from audit import canonical, checkpoints, keys
from audit.models import Drop, Segment, Verification
from audit.processes import shared_out
from audit.sealing import EMPTY_CHAIN

UNSEALED_LIMIT_S = 60
RANGE_ROWS = 20_000
# Below so many ranges a second process costs more than it saves.
WORTH_PROCESSES = 3
KEPT_FINDINGS = 1000


class Kind(StrEnum):
    MODIFIED = "modified"  # the row is not the one that was sealed
    FORGED = "forged"  # the row's MAC is not ours
    FOREIGN_KEY = "foreign_key"  # signed with a key we do not have
    MISSING = "missing"  # sealed or waiting, but gone
    INSERTED = "inserted"  # a row that never passed the trigger
    REORDERED = "reordered"  # the chain does not run through the rows in this order
    GAP = "gap"  # positions without seal
    SEGMENT = "segment"  # a segment changed, gone or out of its chain
    DROPPED = "dropped"  # a whole segment's rows are gone and retention did not do it
    CUT = "cut"  # a checkpoint knows more than the database
    REWRITTEN = "rewritten"  # a checkpoint knows another history
    LATE = "late"  # rows have waited too long for the sealer


@dataclass(frozen=True)
class Finding:
    """What is wrong and where: ids and positions only."""

    kind: Kind
    where: str

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind.value, "where": self.where}


@dataclass
class Checked:
    mode: str
    rows: int = 0
    segments: int = 0
    seconds: float = 0.0
    last_position: int = 0
    last_segment: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def rows_per_second(self) -> int:
        return round(self.rows / self.seconds) if self.seconds else 0


@dataclass(frozen=True)
class Stretch:
    """Consecutive segments to check together: number, first, last position and Merkle root, head of each."""

    segments: tuple[tuple[int, int, int, bytes, bytes], ...]
    chain: bytes  # head before the first of them


@dataclass
class Read:
    """What a stretch gave: its findings, and where unsigned and signed rows were seen."""

    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    last_unsigned: int = 0
    first_signed: int = 0


def check(*, full: bool, processes: int = 2, range_rows: int = RANGE_ROWS) -> Checked:
    """Check everything, or what came after the last clean check, and keep the result.

    Long trails are shared among `processes` in ranges of `range_rows`. A process that may have no children (a worker
    of Celery) asks for one.
    """
    started = time.monotonic()
    base = None if full else last_clean()
    checked = Checked(Verification.Mode.INCREMENTAL if base else Verification.Mode.FULL)
    since = base.last_segment if base else 0
    segments = list(Segment.objects.filter(number__gte=since).order_by("number"))
    checked.findings += segment_findings(segments, since)
    checked.findings += checkpoint_findings(segments, since)
    dropped = dropped_quarters()
    wanted = [segment for segment in segments if segment.number > since and segment.quarter not in dropped]
    checked.findings += row_findings(wanted, segments, processes, range_rows, checked)
    checked.findings += loose_findings(since)
    checked.segments = len(wanted)
    if segments:
        checked.last_position, checked.last_segment = segments[-1].last_position, segments[-1].number
    checked.seconds = time.monotonic() - started
    keep(checked)
    return checked


# Segments and checkpoints ---------------------------------------------------------------------------------------------


def segment_findings(segments: Sequence[Segment], since: int) -> list[Finding]:
    """Each segment is what it says, signed by us, and continues the one before; `since` (0: none) was checked before."""
    if since and not segments:
        return [Finding(Kind.SEGMENT, f"segment {since} and those after it are gone")]
    found, before = [], None
    for segment in segments:
        if before:
            previous, number, position = right_digest(before), before.number + 1, before.last_position + 1
        elif since:
            previous, number, position = bytes(segment.previous), since, segment.first_position
        else:
            previous, number, position = b"", 1, 1
        if segment.number != number:
            found.append(Finding(Kind.SEGMENT, f"segments {number} to {segment.number - 1} are gone"))
        elif bytes(segment.previous) != previous or segment.first_position != position:
            found.append(Finding(Kind.SEGMENT, f"segment {segment.number} does not continue {number - 1}"))
        if bytes(segment.digest) != right_digest(segment) or not segment.is_ours():
            found.append(Finding(Kind.SEGMENT, f"segment {segment.number} was changed"))
        before = segment
    return found


def right_digest(segment: Segment) -> bytes:
    return canonical.segment_hash(segment.text)


def checkpoint_findings(segments: Sequence[Segment], since: int) -> list[Finding]:
    """No place outside knows more than the database, or another history."""
    digests = {segment.number: bytes(segment.digest).hex() for segment in segments}
    found = []
    for number, place in enumerate(checkpoints.places(), 1):
        last, other = 0, 0
        for told in takewhile(lambda told: told["number"] >= since, filter(is_own_line, checkpoints.read(place))):
            last = max(last, told["number"])
            if digests.get(told["number"], told["digest"]) != told["digest"]:
                other += 1
        if (segments and last > segments[-1].number) or (last and not segments):
            known = segments[-1].number if segments else 0
            found.append(Finding(Kind.CUT, f"checkpoint place {number} knows segments {known + 1} to {last}"))
        if other:
            found.append(Finding(Kind.REWRITTEN, f"checkpoint place {number} knows {other} segments otherwise"))
    return found


def is_own_line(told: dict[str, Any]) -> bool:
    """A line of a checkpoint file that we signed; anything else proves nothing."""
    facts = {name: value for name, value in told.items() if name not in ("digest", "mac")}
    text = canonical.segment_text(facts)
    try:
        return keys.has_signed(str(told["key_id"]), text, bytes.fromhex(told["mac"])) and isinstance(
            told["number"], int
        )
    except (KeyError, TypeError, ValueError):
        return False


def dropped_quarters() -> set[date]:
    """Quarters that retention dropped and signed for."""
    return {drop.quarter for drop in Drop.objects.all() if drop.is_ours()}


# Rows -----------------------------------------------------------------------------------------------------------------


def row_findings(
    wanted: Sequence[Segment], segments: Sequence[Segment], processes: int, range_rows: int, checked: Checked
) -> list[Finding]:
    heads = {segment.number: bytes(segment.head) for segment in segments}
    stretches = list(stretches_of(wanted, heads, range_rows))
    reads = read_all(stretches, processes)
    checked.rows = sum(read.rows for read in reads)
    found = [finding for read in reads for finding in read.findings]
    unsigned = max((read.last_unsigned for read in reads), default=0)
    signed = min((read.first_signed for read in reads if read.first_signed), default=0)
    if signed and unsigned > signed:
        found.append(Finding(Kind.FORGED, f"position {unsigned} is unsigned and follows signed rows"))
    return found


def stretches_of(wanted: Sequence[Segment], heads: dict[int, bytes], range_rows: int) -> Iterator[Stretch]:
    own: list[Segment] = []
    rows = 0
    for segment in wanted:
        if own and (rows >= range_rows or segment.number != own[-1].number + 1):
            yield stretch(own, heads)
            own, rows = [], 0
        own.append(segment)
        rows += segment.last_position - segment.first_position + 1
    if own:
        yield stretch(own, heads)


def stretch(own: Sequence[Segment], heads: dict[int, bytes]) -> Stretch:
    return Stretch(
        tuple((s.number, s.first_position, s.last_position, bytes(s.merkle_root), bytes(s.head)) for s in own),
        heads.get(own[0].number - 1, EMPTY_CHAIN),
    )


def read_all(stretches: Sequence[Stretch], processes: int) -> list[Read]:
    if processes < 2 or len(stretches) < WORTH_PROCESSES:
        return [read_stretch(one) for one in stretches]
    return shared_out(read_stretch, stretches, processes=processes)


ROWS = f"""
SELECT s.position, s.entry_id, s.entry_hash, s.chain, s.segment, l.row_mac, l.key_id, l.version,
       {canonical.sql("l")}
FROM audit_seals s LEFT JOIN audit_logs l ON l.id = s.entry_id AND l.created_at = s.created_at
WHERE s.segment BETWEEN %s AND %s
ORDER BY s.position
"""  # noqa: S608 - constants


def read_stretch(one: Stretch) -> Read:
    """Check the rows of consecutive segments."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [one.segments[0][0], one.segments[-1][0]])
        rows = cursor.fetchall()
    by_segment: dict[int, list[tuple]] = {}
    for row in rows:
        by_segment.setdefault(row[4], []).append(row)
    read = Read(rows=len(rows))
    chain = one.chain
    for number, first, last, root, head in one.segments:
        own = by_segment.pop(number, [])
        read_segment(read, own, (number, first, last), chain, root, head)
        chain = head
    read.findings += [Finding(Kind.INSERTED, f"seals of unknown segment {number}") for number in by_segment]
    return read


def read_segment(
    read: Read, rows: Sequence[tuple], bounds: tuple[int, int, int], chain: bytes, root: bytes, head: bytes
) -> None:
    """Check one segment: its places, its rows, its chain."""
    number, first, last = bounds
    if (rows and all(row[5] is None for row in rows)) or (not rows and last >= first):
        read.findings.append(Finding(Kind.DROPPED, f"segment {number}: all {last - first + 1} rows are gone"))
        return
    places = [row[0] for row in rows]
    if places != list(range(first, last + 1)):
        gone = sorted(set(range(first, last + 1)) - set(places))
        read.findings.append(Finding(Kind.GAP, f"segment {number}: no seal at {spans(gone)}"))
    rows_are_right = True
    for row in rows:
        finding = row_finding(read, row)
        if finding:
            rows_are_right = False
            read.findings.append(finding)
    digests = [bytes(row[2]) for row in rows]
    if (
        not runs_through(digests, [bytes(row[3]) for row in rows], chain, head)
        or canonical.merkle_root(digests) != root
    ):
        where = f"segment {number}: the chain does not run through its rows"
        read.findings.append(Finding(Kind.REORDERED if rows_are_right else Kind.MODIFIED, where))


def row_finding(read: Read, row: tuple) -> Finding | None:
    position, entry_id, digest, _chain, _segment, mac, key_id, version, text = row
    where = f"row {entry_id} at position {position}"
    if mac is None:
        return Finding(Kind.MISSING, where)
    if canonical.entry_hash(text, mac) != digest:
        return Finding(Kind.MODIFIED, where)
    if version == 0 and not key_id:
        read.last_unsigned = max(read.last_unsigned, position)
        return None
    read.first_signed = min(read.first_signed or position, position)
    return signature_finding(key_id, mac, text, where)


def signature_finding(key_id: str, mac: bytes, text: str, where: str) -> Finding | None:
    key = keys.known(key_id)
    if key is None:
        return Finding(Kind.FOREIGN_KEY, where)
    if not compare_digest(canonical.row_mac(key, text), mac):
        return Finding(Kind.FORGED, where)
    return None


def runs_through(digests: Iterable[bytes], chains: Iterable[bytes], chain: bytes, head: bytes) -> bool:
    for digest, stored in zip(digests, chains, strict=True):
        chain = canonical.chained(chain, digest)
        if chain != stored:
            return False
    return chain == head


def spans(numbers: Sequence[int]) -> str:
    """`3, 7 to 9`; at most five spans."""
    told: list[list[int]] = []
    for number in numbers:
        if told and number == told[-1][1] + 1:
            told[-1][1] = number
        else:
            told.append([number, number])
    words = [f"{low} to {high}" if high > low else str(low) for low, high in told[:5]]
    return ", ".join(words) + (" …" if len(told) > 5 else "") or "other places"


# Rows outside the chain -----------------------------------------------------------------------------------------------

INSERTED = """
SELECT l.id FROM audit_logs l
WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = l.id AND s.created_at = l.created_at)
  AND NOT EXISTS (SELECT FROM audit_unsealed w WHERE w.entry_id = l.id)
  AND l.created_at >= coalesce((SELECT min(s.created_at) FROM audit_seals s WHERE s.segment > %s), '-infinity')
ORDER BY l.id LIMIT 1000
"""
WAITING = f"""
SELECT w.entry_id, w.created_at < clock_timestamp() - make_interval(secs => %s), l.key_id, l.version, l.row_mac,
       {canonical.sql("l")}
FROM audit_unsealed w LEFT JOIN audit_logs l ON l.id = w.entry_id AND l.created_at = w.created_at
ORDER BY w.entry_id LIMIT 100000
"""  # noqa: S608 - constants


def loose_findings(since: int) -> list[Finding]:
    """Rows that no trigger saw, and rows that wait: gone, changed or late."""
    with connection.cursor() as cursor:
        cursor.execute(INSERTED, [since])
        found = [Finding(Kind.INSERTED, f"row {entry_id}") for (entry_id,) in cursor.fetchall()]
        cursor.execute(WAITING, [UNSEALED_LIMIT_S])
        waiting = cursor.fetchall()
    late = 0
    for entry_id, is_late, key_id, version, mac, text in waiting:
        where = f"row {entry_id}, not sealed yet"
        late += is_late
        if mac is None:
            found.append(Finding(Kind.MISSING, where))
        elif version != 0 or key_id:
            finding = signature_finding(key_id, mac, text, where)
            found += [finding] if finding else []
    if late:
        found.append(Finding(Kind.LATE, f"{late} rows"))
    return found


# Results --------------------------------------------------------------------------------------------------------------


def last_clean() -> Verification | None:
    """The newest clean result that is signed by us; a forged one would hide what came before it."""
    for held in Verification.objects.order_by("-pk")[:50]:
        if not held.findings and held.is_ours():
            return held
    return None


def keep(checked: Checked) -> Verification:
    held = Verification(
        mode=checked.mode,
        rows=checked.rows,
        last_position=checked.last_position,
        last_segment=checked.last_segment,
        findings=[finding.as_json() for finding in checked.findings[:KEPT_FINDINGS]],
        seconds=round(checked.seconds, 3),
    )
    held.sign()
    held.save(force_insert=True)
    return held
