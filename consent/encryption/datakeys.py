"""Data keys: made, wrapped by the newest master key, unwrapped into a small cache, destroyed.

A key reaches the cache only once its row is committed: one read inside a transaction that rolls back would otherwise
seal values with a key that never existed.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.views.decorators.debug import sensitive_variables

from consent.encryption.sealed import NONCE_BYTES, KeyMissing, Undecryptable
from consent.encryption.tables import DataKey

KEY_BYTES = 32
SYSTEM_REF = "operator"
CACHE_SIZE = 10_000
CACHE_TTL_S = 60.0

Versions = dict[int, bytes]  # key version -> unwrapped key


class KeyCache:
    """Unwrapped keys of recent owners, least recently used out first; dropped in a forked child."""

    def __init__(self, *, size: int = CACHE_SIZE, ttl_s: float = CACHE_TTL_S) -> None:
        self._size, self._ttl_s = size, ttl_s
        self.clear()

    def clear(self) -> None:
        # A new lock, too: after a fork the old one may be held by a thread that does not exist any more.
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], tuple[float, Versions]] = OrderedDict()

    def get(self, kind: str, refs: Iterable[str]) -> dict[str, Versions]:
        now = time.monotonic()
        found: dict[str, Versions] = {}
        with self._lock:
            for ref in refs:
                expires_at, versions = self._entries.get((kind, ref), (0.0, {}))
                if expires_at > now:
                    self._entries.move_to_end((kind, ref))
                    found[ref] = versions
        return found

    def put(self, kind: str, keys: Mapping[str, Versions]) -> None:
        expires_at = time.monotonic() + self._ttl_s
        with self._lock:
            for ref, versions in keys.items():
                self._entries[(kind, ref)] = (expires_at, versions)
                self._entries.move_to_end((kind, ref))
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, kind: str, refs: Iterable[str]) -> None:
        with self._lock:
            for ref in refs:
                self._entries.pop((kind, ref), None)


cache = KeyCache()
os.register_at_fork(after_in_child=cache.clear)


# Making ---------------------------------------------------------------------------------------------------------------


def ensure_subject_keys(subject_ids: Iterable[UUID]) -> None:
    """Give every person without a data key one: at most two statements. A destroyed key is never replaced."""
    ensure(DataKey.Kind.SUBJECT, {str(subject): 1 for subject in subject_ids})


def ensure_day_key(day: date) -> None:
    """Make the key of one day's webhook bodies unless it is there."""
    ensure(DataKey.Kind.DAY, {day.isoformat(): day.toordinal()})


def ensure_day_keys(today: date) -> None:
    """Make today's and tomorrow's keys, so that midnight needs no write."""
    days = (today, today + timedelta(days=1))
    ensure(DataKey.Kind.DAY, {day.isoformat(): day.toordinal() for day in days})


def ensure(kind: DataKey.Kind, versions: Mapping[str, int], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Insert a fresh key for each owner without a row; who loses a race uses the winner's key."""
    wanted = set(versions) - cache.get(kind, versions).keys()
    if not wanted:
        return
    rows = DataKey.objects.using(using)
    wanted.difference_update(rows.filter(kind=kind, ref__in=wanted).values_list("ref", flat=True))
    # Sorted: two transactions that need the same owners must not wait for each other crosswise.
    fresh = [fresh_key(kind, ref, versions[ref]) for ref in sorted(wanted)]
    if fresh:
        rows.bulk_create(fresh, ignore_conflicts=True)


def fresh_key(kind: str, ref: str, version: int) -> DataKey:
    master_key_id = next(iter(settings.MASTER_KEYS))
    wrapped = wrap(os.urandom(KEY_BYTES), master_key_id=master_key_id, kind=kind, ref=ref, version=version)
    return DataKey(id=uuid4(), kind=kind, ref=ref, version=version, wrapped=wrapped, master_key_id=master_key_id)


# Loading --------------------------------------------------------------------------------------------------------------


def keys_of(kind: DataKey.Kind, refs: Collection[str], *, using: str = DEFAULT_DB_ALIAS) -> dict[str, Versions]:
    """Return every live key version of the owners, with at most one query. Owners without a live key are left out."""
    found = cache.get(kind, refs)
    missing = [ref for ref in refs if ref not in found]
    if missing:
        loaded = load(kind, missing, using=using)
        transaction.on_commit(lambda: cache.put(kind, loaded), using=using)
        found.update(loaded)
    return found


@sensitive_variables()
def load(kind: DataKey.Kind, refs: Collection[str], *, using: str) -> dict[str, Versions]:
    rows = DataKey.objects.using(using).filter(kind=kind, ref__in=refs, wrapped__isnull=False)
    loaded: dict[str, Versions] = {}
    for row in rows:
        loaded.setdefault(row.ref, {})[row.version] = unwrap(row)
    return loaded


def newest(keys: Mapping[str, Versions], ref: str) -> tuple[int, bytes]:
    """Return version and key to seal with. Raises KeyMissing when the owner has no live key."""
    if not keys.get(ref):
        raise KeyMissing("this owner has no data key: none was made, or it was destroyed")
    return max(keys[ref].items())


def exactly(keys: Mapping[str, Versions], ref: str, version: int) -> bytes:
    """Return the key of one version. Raises KeyMissing."""
    try:
        return keys[ref][version]
    except KeyError as error:
        raise KeyMissing("the data key that sealed this value is not there") from error


def current(keys: Mapping[str, Versions], kind: DataKey.Kind, ref: str, version: int) -> bytes:
    """As `exactly`; looks once more, past the cache, for a version that was made a moment ago. Raises KeyMissing."""
    if ref in keys and version not in keys[ref]:
        cache.drop(kind, [ref])
        keys = keys_of(kind, [ref])
    return exactly(keys, ref, version)


# Wrapping -------------------------------------------------------------------------------------------------------------


@sensitive_variables()
def wrap(key: bytes, *, master_key_id: str, kind: str, ref: str, version: int) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(settings.MASTER_KEYS[master_key_id]).encrypt(nonce, key, wrap_data(kind, ref, version))


@sensitive_variables()
def unwrap(row: DataKey) -> bytes:
    """Return the data key of a live row. Raises KeyMissing without its master key, Undecryptable with a wrong one."""
    master = settings.MASTER_KEYS.get(row.master_key_id)
    if master is None or row.wrapped is None:
        raise KeyMissing(f"master key {row.master_key_id} is not in PONTE_MASTER_KEYS, or the data key is destroyed")
    wrapped = bytes(row.wrapped)
    try:
        return AESGCM(master).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], wrap_data(row.kind, row.ref, row.version)
        )
    except InvalidTag as error:
        raise Undecryptable(f"master key {row.master_key_id} does not open data key {row.id}") from error


def wrap_data(kind: str, ref: str, version: int) -> bytes:
    return f"ponte.datakey.v1|{kind}|{version}|{ref}".encode()


# Destroying -----------------------------------------------------------------------------------------------------------


def destroy_subject_keys(subject_ids: Iterable[UUID], *, now: datetime) -> int:
    """Destroy the people's data keys for ever and return how many; other processes forget them within CACHE_TTL_S."""
    refs = [str(subject) for subject in subject_ids]
    rows = DataKey.objects.filter(kind=DataKey.Kind.SUBJECT, ref__in=refs, wrapped__isnull=False)
    destroyed = rows.update(wrapped=None, destroyed_at=now)
    cache.drop(DataKey.Kind.SUBJECT, refs)
    transaction.on_commit(lambda: cache.drop(DataKey.Kind.SUBJECT, refs))
    return destroyed
