"""Small builders for tests of holds: a clinic whose policy is confirmed, its DPO, people, orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

from factories import clinic, connection, contact, user

from consent.holds import Order, place
from consent.models import Clinic, DataSubject, LegalHold, User
from consent.roles import Role

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
IN_A_YEAR = datetime(2027, 11, 20).date()
PAPER = "ab" * 32


def sunny(name: str = "Clínica Sol") -> Clinic:
    return clinic(name, policy_version="1", policy_confirmed_at=NOW)


def dpo_of(of: Clinic) -> User:
    return user(Role.DPO, of)


def person(of: Clinic, **fields: Any) -> DataSubject:
    """Somebody with a telephone and a data key."""
    return contact(connection(of), **fields).subject


def order(**said: Any) -> Order:
    values = {
        "reason": "judicial_order",
        "document": "0001234-55.2026",
        "document_sha256": PAPER,
        "review_on": IN_A_YEAR,
    }
    return Order(**values | said)


def held(subject: DataSubject, *, scope: str = "person", by: User | None = None, **more: Any) -> LegalHold:
    of = subject.clinic
    whose = None if scope == "all" else subject
    return place(of, more.pop("order", order()), scope=scope, by=by or dpo_of(of), now=NOW, subject=whose, **more)
