"""Small builders for tests of incidents: a clinic with an officer, an incident known at a moment."""

from datetime import UTC, datetime
from typing import Any

from factories import clinic, user

from consent import incidents
from consent.incidents import Facts, ToAuthority, ToPersons
from consent.models import Clinic, Incident, User
from consent.roles import Role

# A Wednesday at noon in São Paulo; the Friday after it, 20 November, is a holiday.
KNOWN = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
PAPER = "ab" * 32


def sunny(name: str = "Clínica Sol", **fields: Any) -> Clinic:
    return clinic(name, dpo_name="Paula Prado", dpo_contact="lgpd@clinica.exemplo", **fields)


def dpo_of(of: Clinic) -> User:
    return user(Role.DPO, of, name="Paula Prado")


def entered(of: Clinic, by: User, *, known_at: datetime = KNOWN, **facts: Any) -> Incident:
    said = Facts(**{"description": "Um computador da recepção foi furtado.", **facts})
    return incidents.open_incident(of, said, known_at=known_at, source="people", by=by, now=known_at)


def to_authority(sent_at: datetime, kind: str = "complete", **more: Any) -> ToAuthority:
    return ToAuthority(report_type=kind, sent_at=sent_at, proof="Recibo 123", document_sha256=PAPER, **more)


def to_persons(sent_at: datetime, form: str = "individual", **more: Any) -> ToPersons:
    values = {"channel": "email", "proof": "Envio 9", "document_sha256": PAPER, "people": 12, **more}
    return ToPersons(form=form, sent_at=sent_at, **values)
