"""The ledger of erasures: each line in the database and in places outside it, so that a restore forgets none (lgpd 5.5).

The places are those of the audit trail's checkpoints (AUDIT_CHECKPOINTS); a line has a MAC of the audit keys and holds
ids and counts only. An intent stands in both before anything is removed.
"""

import hashlib
import hmac
import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import checkpoints, keys
from audit.checkpoints import PlaceUnusable
from consent.models.erasures import Erasure, ErasureEntry

log = logging.getLogger(__name__)

FILE = "erasure-ledger.jsonl"
PREFIX = b"ponte.erasure.v1\n"
Kind = ErasureEntry.Kind


class NoPlace(Exception):
    """No place outside the database took the line: nothing may be removed now."""


# Writing --------------------------------------------------------------------------------------------------------------


def write(erasure: Erasure, kind: Kind, facts: dict[str, Any], *, now: datetime) -> ErasureEntry:
    """Add a line, first in the database, then outside. Raises NoPlace; called again, it writes the same line outside.

    A line of this kind that exists already is the line: results and intents are written once.
    """
    entry = ErasureEntry.objects.filter(erasure_ref=erasure.pk, kind=kind).first()
    if entry is None:
        text = line(erasure, kind, facts, now)
        digest = hashlib.sha256(text.encode()).hexdigest()
        entry = ErasureEntry.objects.create(erasure_ref=erasure.pk, kind=kind, at=now, line=text, digest=digest)
    if entry.outside_at is None:
        tell(entry.line)
        entry.outside_at = now
        entry.save(update_fields=["outside_at"])
    return entry


def line(erasure: Erasure, kind: Kind, facts: dict[str, Any], now: datetime) -> str:
    key_id, key = keys.newest()
    body = {
        "kind": kind.value,
        "erasure": str(erasure.pk),
        "clinic": erasure.clinic_id,
        "subject": str(erasure.subject_id),
        "request": str(erasure.item_id) if erasure.item_id else None,
        "at": now.isoformat(),
        "policy": erasure.policy_version,
        **facts,
        "key_id": key_id,
    }
    return _canonical({**body, "mac": _mac(key, body)})


def _canonical(facts: dict[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def _mac(key: bytes, facts: dict[str, Any]) -> str:
    return hmac.new(key, PREFIX + _canonical(facts).encode(), hashlib.sha256).hexdigest()


def tell(text: str) -> None:
    """Append the line to every place. Raises NoPlace when none took it; a place that fails is told of in the log."""
    taken = 0
    for number, place in enumerate(checkpoints.places()):
        try:
            _append(place, text + "\n")
            taken += 1
        except PlaceUnusable as error:
            log.error("ALERT erasure ledger: place=%s problem=%s", number, error)
    if not taken:
        raise NoPlace


def _append(place: str, text: str) -> None:
    if place.startswith("https://"):
        return checkpoints.post(place, text)
    try:
        folder = Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # After a torn line the next one begins on its own.
            size = os.fstat(descriptor).st_size
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if torn else b"") + text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise PlaceUnusable(f"os_error_{error.errno}") from error


# Reading --------------------------------------------------------------------------------------------------------------


def files() -> list[Path]:
    """The ledger's files outside the database that can be read here: those in directories."""
    return [Path(place) / FILE for place in checkpoints.places() if not place.startswith("https://")]


def read_line(text: bytes) -> dict[str, Any] | None:
    """The facts of a line; None for a torn one and for one whose MAC is not ours."""
    try:
        facts = json.loads(text)
    except ValueError:
        return None
    if not isinstance(facts, dict):
        return None
    mac, key = str(facts.pop("mac", "")), keys.known(str(facts.get("key_id", "")))
    if key is None or not hmac.compare_digest(mac, _mac(key, facts)):
        return None
    return facts


def newest_outside() -> set[str]:
    """Digests of the last good line of each file: what the database must know. No query."""
    found = set()
    for path in files():
        if not path.exists():
            continue
        for text in checkpoints.backwards(path):
            if text and read_line(text) is not None:
                found.add(hashlib.sha256(text).hexdigest())
                break
    return found


def outside() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every good line of every place, oldest first, each once: digest's text and facts."""
    seen = set()
    for path in files():
        if not path.exists():
            continue
        with path.open("rb") as file:
            for raw in file:
                text = raw.rstrip(b"\n")
                facts = read_line(text) if text else None
                if facts is not None and text not in seen:
                    seen.add(text)
                    yield text.decode(), facts


def is_behind() -> bool:
    """Whether a place outside knows of an erasure that this database does not: it was restored. At most one query."""
    newest = newest_outside()
    if not newest:
        return False
    return ErasureEntry.objects.filter(digest__in=newest).count() < len(newest)


# Replaying ------------------------------------------------------------------------------------------------------------


def unknown() -> list[tuple[str, dict[str, Any]]]:
    """The lines outside that this database does not know, oldest first."""
    found = list(outside())
    digests = {hashlib.sha256(text.encode()).hexdigest(): (text, facts) for text, facts in found}
    known = set(ErasureEntry.objects.filter(digest__in=digests).values_list("digest", flat=True))
    return [pair for digest, pair in digests.items() if digest not in known]


def take_in(lines: list[tuple[str, dict[str, Any]]]) -> None:
    """Lines whose erasure was repeated become known to this database."""
    with transaction.atomic():
        for text, facts in lines:
            at = datetime.fromisoformat(facts["at"])
            ErasureEntry.objects.get_or_create(
                digest=hashlib.sha256(text.encode()).hexdigest(),
                defaults={
                    "erasure_ref": UUID(facts["erasure"]), "kind": facts["kind"], "at": at, "line": text,
                    "outside_at": at,
                },
            )  # fmt: skip
