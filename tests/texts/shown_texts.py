"""Small builders for tests of texts: a clinic, its DPO, approved versions."""

import itertools
from datetime import UTC, datetime
from typing import Any

from factories import clinic, user

from consent.models import Clinic, TextKind, TextVersion, User
from consent.roles import Role
from consent.texts import Approval, approve, begin_draft
from consent.texts.drafting import change_draft

numbers = itertools.count(11222333)
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
FILLED = {
    "address": "Rua das Flores, 10, São Paulo", "contact_phone": "+55 11 3333-0000",
    "dpo_name": "Dora Prado", "dpo_contact": "encarregado@clinica.exemplo",
}  # fmt: skip


def whole_clinic(name: str = "Clínica Sol") -> Clinic:
    """One that has said everything the proposals need."""
    return clinic(name, cnpj=f"{next(numbers):012}81", **FILLED)


def dpo_of(of: Clinic) -> User:
    return user(Role.DPO, of)


def approved(
    of: Clinic, kind: str = TextKind.WITHDRAWAL, *, purpose: str = "", body: str = "", by: User | None = None,
    at: datetime = NOW, **said: Any,
) -> TextVersion:  # fmt: skip
    """A version in force from `at` on; of the shipped words unless others are given."""
    by = by or dpo_of(of)
    draft = begin_draft(of, kind, purpose=purpose, by=by)
    if body:
        change_draft(draft, body=body, consequences=draft.consequences, by=by)
    return approve(draft, Approval(**said), by=by, now=at)
