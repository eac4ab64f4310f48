"""From an event to its deliveries: built late, sent by a pool, each exactly once, failures only recorded.

Contract section 3: at most once, no order, body = state when it is built, silent drops. Nothing here posts while a
lock is held.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any

from . import rows
from .faults import FaultSwitches
from .payloads import Bodies, Discarded, Event
from .store import Store
from .webhooks import Delivery, encode_body, new_delivery_id
from .workers import WorkerPool

SAME_ID = "same_id"
NEW_ID = "new_id"

# Since this version account webhooks are signed and carry a delivery id (contract section 6).
SIGNED_WEBHOOKS = (4, 11, 2)

_KEPT_RECORDS = 50_000


@dataclass(slots=True)
class Emission:
    """An event on its way to the queue. `repeat` says how it will be delivered a second time, if at all."""

    event: Event
    repeat: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one delivery: delivered, failed, dropped (by a fault) or discarded (its row is gone)."""

    number: int
    event: str
    webhook_id: int
    delivery_id: str | None
    status: str
    http_status: int | None
    seconds: float
    repeat: str | None
    error: str | None


@dataclass(slots=True)
class Tally:
    """What a thread emitted: the deliveries that follow unless a fault comes between."""

    deliveries: int = 0
    same_id: int = 0
    new_id: int = 0
    by_event: Counter[str] = field(default_factory=Counter)
    emissions: list[tuple[Emission, int]] = field(default_factory=list)

    def add(self, emission: Emission, webhooks: int) -> None:
        copies = 2 if emission.repeat else 1
        self.deliveries += webhooks * copies
        self.same_id += webhooks * (emission.repeat == SAME_ID)
        self.new_id += webhooks * (emission.repeat == NEW_ID)
        if webhooks:
            self.by_event[emission.event.name] += webhooks * copies
        self.emissions.append((emission, webhooks))


class _Capture:
    def __init__(self, *, late: bool) -> None:
        self.late = late
        self.emissions: list[Emission] = []
        self.deliveries: list[Delivery] = []


class _Local(threading.local):
    burst: list[Emission] | None = None
    tally: Tally | None = None


class Dispatcher:
    """Queues events and delivers them; keeps a record of every delivery."""

    def __init__(
        self,
        store: Store,
        bodies: Bodies,
        pool: WorkerPool,
        faults: FaultSwitches,
        *,
        clock: Callable[[], float],
        timeout_s: float,
        shuffle: bool,
    ) -> None:
        self.store = store
        self.bodies = bodies
        self.pool = pool
        self.faults = faults
        self.shuffle = shuffle
        self._clock = clock
        self._timeout_s = timeout_s
        self._local = _Local()
        self._capture: _Capture | None = None
        self._record_lock = threading.Lock()
        self._records: deque[Record] = deque(maxlen=_KEPT_RECORDS)
        self._counts: Counter[str] = Counter()
        self._numbers = 0

    # -- emitting

    def emit(self, event: Event) -> None:
        """Queues an event, at the latest when the burst of this thread ends."""
        with self.burst() as emissions:
            emissions.append(Emission(event))

    @contextmanager
    def burst(self) -> Iterator[list[Emission]]:
        """Events emitted inside leave together, shuffled if the sandbox shuffles. Nested bursts are one."""
        if self._local.burst is not None:
            yield self._local.burst
            return
        emissions: list[Emission] = []
        self._local.burst = emissions
        try:
            yield emissions
        finally:
            # Also after an error: rows already written have had their commit.
            self._local.burst = None
            self._flush(emissions)

    @contextmanager
    def tally(self) -> Iterator[Tally]:
        """Counts what this thread emits inside; calls of others over REST do not count."""
        tally = Tally()
        self._local.tally = tally
        try:
            yield tally
        finally:
            self._local.tally = None

    @contextmanager
    def capture(self, *, late: bool = False) -> Iterator[list[Delivery]]:
        """Collects deliveries instead of sending them.

        `late`: the list fills only at the end of the block, every body showing the final state; else each body shows
        the state right after its burst.
        """
        capture = _Capture(late=late)
        self._capture = capture
        try:
            yield capture.deliveries
        finally:
            self._capture = None
            for emission in capture.emissions:
                capture.deliveries.extend(self._captured(emission))

    def _flush(self, emissions: list[Emission]) -> None:
        if self.shuffle:
            self.faults.shuffle(emissions)
        for emission in emissions:
            if emission.repeat is None:
                emission.repeat = self.faults.duplicates()
            if self._local.tally is not None:
                with self.store.lock:
                    self._local.tally.add(emission, len(self._targets(emission.event)))
            self._hand_over(emission)

    def _hand_over(self, emission: Emission) -> None:
        capture = self._capture
        if capture is None:
            self.pool.submit(partial(self._dispatch, emission), delay_s=self.faults.delay_s())
        elif capture.late:
            capture.emissions.append(emission)
        else:
            capture.deliveries.extend(self._captured(emission))

    def _captured(self, emission: Emission) -> list[Delivery]:
        deliveries = self._build(emission.event)
        again = [
            delivery.sent_again(delivery.timestamp)
            if emission.repeat == SAME_ID
            else delivery.dispatched_again(delivery.timestamp)
            for delivery in deliveries
            if emission.repeat
        ]
        return deliveries + again

    # -- delivering

    def _targets(self, event: Event) -> list[rows.Webhook]:
        return [
            webhook
            for webhook in self.store.webhooks.values()
            if webhook.account_id == event.account_id and event.name in webhook.subscriptions
        ]

    def _build(self, event: Event) -> list[Delivery]:
        """The deliveries of one event with the bodies of this moment, none when a needed row is gone."""
        with self.store.lock:
            try:
                body = encode_body(self.bodies.build(event))
            except Discarded as gone:
                self._note(event.name, 0, None, "discarded", error=f"{gone} was deleted")
                return []
            return [self._delivery(event, body, webhook) for webhook in self._targets(event)] + self._unsigned(
                event, body
            )

    def _delivery(self, event: Event, body: bytes, webhook: rows.Webhook) -> Delivery:
        signed = self.bodies.version >= SIGNED_WEBHOOKS
        return Delivery(
            event=event.name,
            webhook_id=webhook.id,
            url=webhook.url,
            body=body,
            delivery_id=new_delivery_id() if signed else None,
            timestamp=int(self._clock()),
            secret=webhook.secret if signed else None,
        )

    def _unsigned(self, event: Event, body: bytes) -> list[Delivery]:
        """Automation rules and macros name their own address and sign nothing (contract section 1)."""
        url = event.extra.get("url")
        return [Delivery(event.name, 0, url, body, None, int(self._clock()))] if url else []

    def _dispatch(self, emission: Emission, label: str | None = None) -> None:
        """The dispatcher job: builds the body and queues one delivery job per webhook."""
        for delivery in self._build(emission.event):
            repeat = emission.repeat == SAME_ID
            self.pool.submit(partial(self._send, delivery, label, again=repeat))
        if emission.repeat == NEW_ID:
            self.pool.submit(partial(self._dispatch, Emission(emission.event), NEW_ID))

    def _send(self, delivery: Delivery, label: str | None, *, again: bool = False) -> None:
        """The delivery job: one POST, whatever comes of it. `again`: the queue runs this job a second time."""
        if self.faults.drops_delivery():
            self._note(delivery.event, delivery.webhook_id, delivery.delivery_id, "dropped", repeat=label)
        else:
            self._post(delivery.sent_again(int(self._clock())), label)
        if again:
            self.pool.submit(partial(self._send, delivery, SAME_ID))

    def _post(self, delivery: Delivery, label: str | None) -> None:
        started = time.monotonic()
        status, error = None, None
        try:
            status = delivery.post(timeout_s=self._timeout_s)
        except (OSError, HTTPException) as problem:
            error = type(problem).__name__
        self._note(
            delivery.event,
            delivery.webhook_id,
            delivery.delivery_id,
            "delivered" if status is not None and 200 <= status < 300 else "failed",
            http_status=status,
            seconds=time.monotonic() - started,
            repeat=label,
            error=error,
        )

    # -- records

    def _note(
        self,
        event: str,
        webhook_id: int,
        delivery_id: str | None,
        status: str,
        *,
        http_status: int | None = None,
        seconds: float = 0.0,
        repeat: str | None = None,
        error: str | None = None,
    ) -> None:
        with self._record_lock:
            self._numbers += 1
            self._counts[status] += 1
            self._records.append(
                Record(
                    self._numbers, event, webhook_id, delivery_id, status, http_status, round(seconds, 4), repeat, error
                )
            )

    @property
    def records(self) -> list[Record]:
        with self._record_lock:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """How many deliveries ended how; statuses that never came up are 0."""
        with self._record_lock:
            return {name: self._counts[name] for name in ("delivered", "failed", "dropped", "discarded")}

    def report(self, *, items: bool) -> dict[str, Any]:
        records = self.records
        report: dict[str, Any] = {
            "total": self._numbers,
            "pending": self.pool.pending,
            "counts": self.counts(),
            "duplicates": sum(record.repeat == SAME_ID for record in records),
            "repeats": sum(record.repeat == NEW_ID for record in records),
            "by_event": dict(Counter(record.event for record in records)),
        }
        return {**report, "items": [asdict(record) for record in records]} if items else report

    def forget(self) -> None:
        with self._record_lock:
            self._records.clear()
            self._counts.clear()
            self._numbers = 0
