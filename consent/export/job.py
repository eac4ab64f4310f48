"""The export as work in steps: collect unit by unit, write, check. Any worker goes on where another stopped.

A claim skips what others hold and raises the token; who lost the lease writes nothing more to the row. Files are sealed
before they reach the disk and appear whole or not at all, so that a kill costs one step.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone, translation

from audit.models import ActorType
from audit.services import record
from consent.encryption import Actor, KeyMissing, Opener, RevealDenied, Undecryptable, open_for
from consent.encryption.personfiles import PersonFileKey
from consent.export import checking, own, package, parts, zipping
from consent.export.layout import STREAMS
from consent.export.manifest import expiry
from consent.export.masking import Masker
from consent.export.sources import Item, Reading, Source, SourceAway, SourceWaits, sources_of
from consent.models.exports import LONG_AGO, ExportPackage, ExportSigningKey
from consent.policy import PurposeOfUse

log = logging.getLogger(__name__)

RUN_S = 25.0
TRIES = 5  # a system that does not answer so often, a minute apart, is left out: the package is incomplete
REST = timedelta(seconds=60)
BEAT_S = 10.0
OBJECT = "consent.ExportPackage"
DATABASE_AWAY = (OperationalError, InterfaceError)
State = ExportPackage.State

CLAIM = """
UPDATE export_packages SET token = token + 1, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
  SELECT id FROM export_packages
  WHERE state IN ('waiting', 'collecting', 'writing') AND not_before <= clock_timestamp()
    AND lease_until <= clock_timestamp()
  ORDER BY not_before, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, token
"""
HOLD = """
UPDATE export_packages SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND token = %(token)s AND state IN ('waiting', 'collecting', 'writing')
"""


class LeaseLost(Exception):
    """Another worker has this package now, or somebody cancelled it: write nothing more."""


@dataclass
class Turn:
    """One claim of one package."""

    package: ExportPackage
    token: int
    beaten: float = field(default_factory=time.monotonic)

    def alive(self) -> None:
        """Keep the lease; at most one statement in BEAT_S. Raises LeaseLost."""
        if time.monotonic() - self.beaten >= BEAT_S:
            self.hold()

    def hold(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(HOLD, {"lease": settings.LEASE_S, "id": self.package.pk, "token": self.token})
            if not cursor.rowcount:
                raise LeaseLost(self.package.pk)
        self.beaten = time.monotonic()

    def save(self, **values: Any) -> None:
        """Write to the row if it is still ours. Raises LeaseLost."""
        for name, value in values.items():
            setattr(self.package, name, value)
        rows = ExportPackage.objects.filter(pk=self.package.pk, token=self.token, state__in=ExportPackage.RUNNING)
        if not rows.update(**values):
            raise LeaseLost(self.package.pk)

    def give_back(self, *, not_before: datetime | None = None) -> None:
        self.save(lease_until=LONG_AGO, not_before=not_before or LONG_AGO)


# Running --------------------------------------------------------------------------------------------------------------


def run_for(seconds: float = RUN_S) -> int:
    """Work on what is due, one package at a time, for so long; return how many claims were worked on."""
    end, claims = time.monotonic() + seconds, 0
    while time.monotonic() < end and run_once(until=end):
        claims += 1
    return claims


def run_once(*, until: float | None = None) -> bool:
    """Claim the package that waits longest and work on it; False when none is due."""
    turn = claim()
    if turn is None:
        return False
    try:
        work(turn, until=until)
    except LeaseLost:
        log.warning("export lease lost: package=%s", turn.package.pk)
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - the message may quote a value: only the kind of error is told
        log.error("export failed: package=%s %s", turn.package.pk, type(error).__name__)
        _own_error(turn, error)
    return True


def claim() -> Turn | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"lease": settings.LEASE_S})
        row = cursor.fetchone()
    if row is None:
        return None
    found = ExportPackage.objects.select_related("clinic", "subject").get(pk=row[0])
    return Turn(found, row[1])


@translation.override(package.PORTUGUESE)
def work(turn: Turn, *, until: float | None = None) -> None:
    """Collect what is missing, then write and check. Stops in between when the time is over."""
    asked = turn.package
    if refusal := _refusal(asked):
        return _fail(turn, refusal)
    key, opener = keys_of(turn)
    now = timezone.now()
    reading = Reading(asked.subject, opener, now)
    if asked.state == State.WAITING:
        if not _plan(turn, reading):
            return None
        turn.save(state=State.COLLECTING, cause="")
    if asked.state == State.COLLECTING:
        if not _collect(turn, reading, key, until):
            return None
        _conclude(turn, reading)
        turn.save(state=State.WRITING)
    finished = package.write(asked, key, now=now, alive=turn.alive)
    _check_and_finish(turn, key, finished, now)
    return None


def keys_of(turn: Turn) -> tuple[PersonFileKey, Opener]:
    """The key of the package's files, made at the first step; and what opens the person's values, audited once."""
    row = turn.package
    opener = open_for(
        [row.subject_id], actor=Actor.system("exports"), purpose=PurposeOfUse.DPO, fields=[f"{OBJECT}.key"]
    )
    if row.key is not None:
        return file_key(row, opener), opener
    key = PersonFileKey.fresh(str(row.pk), model=OBJECT)
    turn.save(key=key.sealed(subject=row.subject_id, context=row.key_context))
    return key, opener


def file_key(row: ExportPackage, opener: Opener) -> PersonFileKey:
    """Raises KeyMissing when the file was destroyed."""
    if row.key is None:
        raise KeyMissing("the package is destroyed")
    return PersonFileKey.opened(
        str(row.pk), model=OBJECT, opener=opener, sealed=row.key, subject=row.subject_id, context=row.key_context
    )


def _refusal(row: ExportPackage) -> str:
    return "erased" if row.subject.erased_at is not None else ""


# Collecting -----------------------------------------------------------------------------------------------------------


def _plan(turn: Turn, reading: Reading) -> bool:
    """Ask every source for its units. False: not yet."""
    units, systems = [], []
    for source in sources_of(reading.subject):
        try:
            named = source.units(reading)
        except SourceWaits as wait:
            turn.give_back(not_before=wait.until)
            return False
        except SourceAway as away:
            if _waits_again(turn):
                return False
            systems.append(_system(source, "", reading, "away", [away.code]))
            continue
        systems.append(_system(source, source.version(), reading, "ok", []))
        units += [{"source": source.name, "unit": one} for one in named]
    turn.save(units=units, systems=systems, done=0, errors_in_a_row=0)
    return True


def _waits_again(turn: Turn) -> bool:
    """Whether another try is left; then the package is given back until it is due."""
    errors = turn.package.errors_in_a_row + 1
    if errors >= TRIES:
        turn.save(errors_in_a_row=0)
        return False
    turn.save(errors_in_a_row=errors)
    turn.give_back(not_before=timezone.now() + REST)
    return True


def _collect(turn: Turn, reading: Reading, key: PersonFileKey, until: float | None) -> bool:
    """Read the units that are missing. False: not all yet."""
    row, by_name = turn.package, {source.name: source for source in sources_of(reading.subject)}
    masker = Masker()
    masker.learn(own.values(reading))
    while row.done < len(row.units):
        if until is not None and time.monotonic() > until:
            turn.give_back()
            return False
        unit = row.units[row.done]
        try:
            if _is_away(row, unit["source"]):
                raise SourceAway("away")
            came = _read(turn, by_name.get(unit["source"]), unit["unit"], reading, key, masker)
        except SourceWaits as wait:
            turn.give_back(not_before=wait.until)
            return False
        except SourceAway as away:
            if not _is_away(row, unit["source"]) and _waits_again(turn):
                return False
            _mark(row, unit["source"], "away", away.code)
            came = _nothing(row, key, masker, row.done)
        unit["came"] = came.as_json()
        turn.save(units=row.units, done=row.done + 1, errors_in_a_row=0, systems=row.systems)
        turn.hold()
    return True


def _read(
    turn: Turn, source: Source | None, unit: str, reading: Reading, key: PersonFileKey, masker: Masker
) -> parts.Came:
    if source is None:
        raise SourceAway("gone")

    def items() -> Iterator[Item]:
        for item in source.read(reading, unit):
            turn.alive()
            yield item

    row = turn.package
    zone = ZoneInfo(row.clinic.time_zone)
    return parts.PartWriter(row.pk, key, row.done, masker=masker, zone=zone).write(items())


def _is_away(row: ExportPackage, name: str) -> bool:
    """Given up already: its other units are not asked for one by one."""
    return any(system["code"] == name and system["status"] == "away" for system in row.systems)


def _nothing(row: ExportPackage, key: PersonFileKey, masker: Masker, number: int) -> parts.Came:
    zone = ZoneInfo(row.clinic.time_zone)
    return parts.PartWriter(row.pk, key, number, masker=masker, zone=zone).write(())


def _system(source: Source, version: str, reading: Reading, status: str, errors: list[str]) -> dict[str, Any]:
    return {
        "code": source.name,
        "name": source.title,
        "version": version,
        "snapshot_at": reading.now.isoformat(timespec="seconds"),
        "status": status,
        "errors": errors,
    }


def _mark(row: ExportPackage, name: str, status: str, error: str) -> None:
    for system in row.systems:
        if system["code"] == name:
            system["status"] = status
            system["errors"] = sorted({*system["errors"], error})


def _conclude(turn: Turn, reading: Reading) -> None:
    """Compare with what the systems count themselves, sum up what was left out, and say whether it is complete."""
    row = turn.package
    counts = {"read": _sums(row), "systems": _compared(row, reading)}
    left_out: dict[tuple[str, str], int] = {}
    for unit in row.units:
        for what, why, count in unit["came"]["left_out"]:
            left_out[what, why] = left_out.get((what, why), 0) + count
    turn.save(
        counts=counts,
        exclusions=[[what, why, count] for (what, why), count in sorted(left_out.items())],
        has_health=any(unit["came"]["has_health"] for unit in row.units),
        is_complete=all(system["status"] == "ok" for system in row.systems),
        systems=row.systems,
    )


def _sums(row: ExportPackage, source: str = "") -> dict[str, int]:
    total = {stream.code: 0 for stream in STREAMS}
    for unit in row.units:
        if source in ("", unit["source"]):
            for code, count in unit["came"]["records"].items():
                total[code] = total.get(code, 0) + count
    return total


def _compared(row: ExportPackage, reading: Reading) -> dict[str, Mapping[str, int]]:
    told: dict[str, Mapping[str, int]] = {}
    for source in sources_of(reading.subject):
        if not any(system["code"] == source.name and system["status"] == "ok" for system in row.systems):
            continue
        try:
            told[source.name] = source.counts(reading)
        except (SourceAway, SourceWaits):
            _mark(row, source.name, "away", "counts")
            continue
        read = _sums(row, source.name)
        for code in [code for code, count in told[source.name].items() if read.get(code, 0) != count]:
            _mark(row, source.name, "differs", f"count_{code}")
    return told


# The end --------------------------------------------------------------------------------------------------------------


def _check_and_finish(turn: Turn, key: PersonFileKey, finished: package.Finished, now: datetime) -> None:
    row = turn.package
    signer = ExportSigningKey.objects.get(pk=finished.key_id)
    wrong = checking.wrong_with(package.reader(row.pk, key), signer)
    if wrong:
        return _fail(turn, "check_failed")
    with transaction.atomic():
        turn.save(
            state=State.READY, file_bytes=finished.size, manifest_sha256=finished.manifest_sha256,
            signing_key=signer, built_at=now, expires_at=expiry(now), checked_at=now, check_result="",
            lease_until=LONG_AGO,
        )  # fmt: skip
        note("export.built", row, own_connection=False)
    parts.forget(row.pk, keep_package=True)
    return None


def _fail(turn: Turn, cause: str) -> None:
    with transaction.atomic():
        turn.save(state=State.FAILED, cause=cause, key=None, lease_until=LONG_AGO)
        note("export.failed", turn.package, outcome="failed", reason=cause, own_connection=False)
    parts.forget(turn.package.pk)


def _own_error(turn: Turn, error: Exception) -> None:
    """A destroyed key, a full disk and too much data end it; anything else is tried again a few times."""
    causes: Sequence[tuple[type[Exception], str]] = (
        (RevealDenied, "erased"), (KeyMissing, "no_key"), (zipping.TooLarge, "too_large"),
    )  # fmt: skip
    ends = next((cause for kind, cause in causes if isinstance(error, kind)), "")
    try:
        if isinstance(error, Undecryptable) and not ends:
            # A part of another key, or damaged: read everything once more.
            turn.save(state=State.WAITING)
        if not ends and _waits_again(turn):
            return
        _fail(turn, ends or ("disk" if isinstance(error, OSError) else "internal"))
    except LeaseLost:
        log.warning("export lease lost: package=%s", turn.package.pk)


def note(
    action: str, row: ExportPackage, *, actor: Actor | None = None, outcome: str = "ok", reason: str = "",
    own_connection: bool = True, fields: Sequence[str] = (),
) -> None:  # fmt: skip
    """One audit row about a package."""
    actor = actor or Actor.system("exports")
    record(
        action=action,
        actor_type=actor.kind if actor.kind in ActorType.values else ActorType.SYSTEM,
        actor_id=actor.ref,
        clinic_id=row.clinic_id,
        subject=row.subject.pseudonym,
        object_type=OBJECT,
        object_id=str(row.pk),
        fields=fields,
        purpose=PurposeOfUse.DPO,
        outcome=outcome,
        reason_code=reason,
        own_connection=own_connection,
    )
