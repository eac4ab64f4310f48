"""A person of one clinic with something in every table of Ponte that an export reads."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from exporting import NAME, Scripted, message
from factories import connection, contact, conversation, user

from bridge.models import ObservedContact
from bridge.sync.observe import contact_context
from consent.encryption import seal
from consent.export import sources
from consent.export.sources import Item
from consent.models import User
from consent.roles import Role


@pytest.fixture(autouse=True)
def export_dir(tmp_path: Path, settings: Any) -> Path:
    settings.EXPORT_DIR = tmp_path / "exports"
    return settings.EXPORT_DIR


@pytest.fixture
def person(transactional_db: None, export_dir: Path) -> ObservedContact:
    """One conversation with three messages; nothing a partner would have to be asked for."""
    of = connection()
    of.clinic.legal_name, of.clinic.dpo_name = "Clínica Sol Ltda", "Dora Prado"
    of.clinic.save()
    made = contact(of, email="marina.serra@exemplo.com.br", gone_at=timezone.now())
    made.name = seal(NAME, subject=made.subject_id, context=contact_context(made.pk, "name"))
    made.save()
    talk = conversation(made)
    for number, text in enumerate(("Bom dia", "Meu fone: (11) 98765-4321", "O da minha mãe: (21) 99888-7766"), 1):
        message(talk, number, text)
    return made


@pytest.fixture
def also(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Register one more system for this test."""

    def register(
        read: Callable[[str], Iterator[Item]], units: Callable[[], list[str]] = lambda: ["all"], name: str = "outro"
    ) -> None:
        monkeypatch.setitem(sources._factories, f"z.{name}", lambda subject: [Scripted(name, read, units)])

    return register


@pytest.fixture
def dpo(person: ObservedContact) -> User:
    return user(Role.DPO, person.connection.clinic, name="Dora Prado")
