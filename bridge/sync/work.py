"""What the handlers of one claimed lane share: rows, clients, opened fields, and how an attempt becomes a ledger row."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from bridge.clients.base import CallRecord
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Person
from bridge.mappers import refs
from bridge.mappers.krayin import OpenContact
from bridge.models import Connection, Effect, ObservedContact, SyncedObject
from bridge.sync import effects
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim, LeaseLost
from bridge.sync.observe import contact_context
from bridge.sync.partners import SharedPace, chatwoot_client, krayin_client
from bridge.sync.people import Identity
from bridge.sync.plan import Plan, Step
from bridge.sync.state import Loaded, load
from consent.encryption import Actor, Opener, open_for
from consent.models import Decision
from consent.policy import PurposeOfUse

BUSY = timedelta(seconds=5)
LATEST = 1 / 3  # share of `settle` after which a write does not leave any more


class Later(Exception):
    """Nothing was done; try the lane again at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


@dataclass
class Work:
    """One claimed lane of one connection, reloaded after every confirmed step."""

    connection: Connection
    claim: Claim
    loaded: Loaded
    now: datetime  # the database's, when the step was planned
    calls: int = 0
    has_answer: bool = False
    _opener: Opener | None = None
    _opened: set[UUID] = field(default_factory=set)
    _client: KrayinClient | None = None
    _pace: SharedPace | None = None
    _contact: OpenContact | None = None
    _chat: ChatwootClient | None = None
    people: dict[int, Person] = field(default_factory=dict)  # persons read from Krayin in this claim
    asked_at: datetime | None = None  # when the last write was sent
    _leaves_by: float = math.inf  # on this process's own clock

    @property
    def contact(self) -> ObservedContact:
        if self.loaded.contact is None:
            raise LookupError("the lane has no contact")
        return self.loaded.contact

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.connection.clinic.time_zone)

    @property
    def code(self) -> str:
        """Prefix of the contact's references: the connection's, changed by every unlinking by hand."""
        return self.loaded.state.settings.ref_code

    def count(self, record: CallRecord) -> None:
        self.calls += 1
        self.has_answer = self.has_answer or (record.status is not None and record.status < 500)

    @property
    def client(self) -> KrayinClient:
        if self._client is None:
            self._client, self._pace = krayin_client(self.connection, self.count)
            self._client.check_writes(self.assert_in_time)
        return self._client

    @property
    def chat(self) -> ChatwootClient:
        if self._chat is None:
            self._chat = chatwoot_client(self.connection, self._count_chat)
            self._chat.check_writes(self.assert_in_time)
        return self._chat

    def _count_chat(self, record: CallRecord) -> None:
        self.calls += 1

    def is_sending(self, at: datetime | None) -> None:
        """*sent* is committed since `at`: from now on the write has to leave soon."""
        self.asked_at = at
        self._leaves_by = time.monotonic() + settings.SETTLE_S * LATEST

    def assert_in_time(self) -> None:
        """A process that was frozen after *sent* must not write when others have looked for its write already.

        Raises LeaseLost; the step stays *sent* and is looked for after `settle`.
        """
        if time.monotonic() > self._leaves_by:
            raise LeaseLost(self.claim.lane_key)

    @property
    def seen_at(self) -> datetime:
        """When the call began whose answer is being written down, or earlier."""
        return max(self.now, self.asked_at or self.now)

    def reload(self) -> None:
        """Read the lane again; the opened fields stay open."""
        self.loaded, self.now = load(self.connection, self.claim.lane_key), database_now()

    def reread_contact(self) -> None:
        """The contact was observed anew: its row and opened values are out of date."""
        self.contact.refresh_from_db()
        self._contact = None

    def reserve(self, calls: int, priority: int) -> None:
        """Take the calls of a whole step from the budget. Raises Paced; then nothing was asked of the partner."""
        client = self.client
        if self._pace is not None and client is not None:
            self._pace.reserve(calls, priority)

    def opener(self, *others: UUID) -> Opener:
        """Opens the titular's fields, and those of others whose messages a merge brought here.

        One audit row per titular and claim, before the first value.
        """
        wanted = {self.contact.subject_id, *others}
        if self._opener is None or not wanted <= self._opened:
            self._opener = open_for(
                sorted(wanted),
                actor=Actor.system("lanes"),
                purpose=PurposeOfUse.SYSTEM,
                fields=["bridge.ObservedContact", "bridge.ObservedMessage"],
            )
            self._opened = wanted
        return self._opener

    def open_contact(self) -> OpenContact:
        if self._contact is None:
            self._contact = OpenContact(
                contact_id=self.contact.chatwoot_contact_id,
                ref=refs.person_ref(self.code, self.contact.ref_id),
                name=self._text("name"),
                email=self._text("email"),
                phone=self._text("phone"),
                company=self._text("company"),
            )
        return self._contact

    def _text(self, name: str) -> str:
        sealed = getattr(self.contact, name)
        if not sealed:
            return ""
        return self.opener().text(
            sealed, subject=self.contact.subject_id, context=contact_context(self.contact.pk, name)
        )

    def identity(self) -> Identity:
        opened = self.open_contact()
        return Identity(opened.ref, opened.name, opened.email, opened.phone)

    def synced(self, ref: str) -> SyncedObject | None:
        return self.loaded.synced.get(ref)

    @property
    def person(self) -> SyncedObject | None:
        return self.synced(refs.person_ref(self.code, self.contact.ref_id))

    def lead(self, number: int) -> SyncedObject | None:
        return self.synced(refs.lead_ref(self.code, self.contact.ref_id, number))


@dataclass
class Attempt:
    """One step on its way out. Reads come first; `sending` commits *sent*; then one write; then `confirm`."""

    work: Work
    plan: Plan
    rows: dict[effects.Key, Effect]
    decision: Decision
    steps: list[Step] = field(default_factory=list)

    @property
    def effects(self) -> list[Effect]:
        return [self.rows[effects.key_of(step)] for step in self.steps]

    def effect(self, step: Step) -> Effect:
        return self.rows[effects.key_of(step)]

    def sending(self, *more: Step, write: Callable[[], None] | None = None) -> None:
        """Commit that the call is about to happen, for this step and those fused with it, and what `write` adds.

        Raises Later when another call on one of the objects is unfinished.
        """
        self.steps.extend(more)
        if not effects.send(self.work.claim, self.effects, self.decision, write):
            raise Later(database_now(BUSY))
        self.work.is_sending(self.effects[0].sent_at)

    def confirm(self, outcome: dict[Step, int | None], write: Callable[[], None]) -> None:
        """Commit what the partner answered, and what follows from it."""
        rows = {self.effect(step): foreign_id for step, foreign_id in outcome.items()}
        effects.confirm(self.work.claim, rows, write, calls=self.work.calls)
        self.work.calls = 0
