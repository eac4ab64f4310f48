"""A clinic in which every screen has something to show, also what stopped, what was refused and what is in doubt."""

from datetime import timedelta

from django.utils import timezone
from factories import busy_clinic, event, user

from audit.models import Verification
from audit.services import Entry, record_many
from audit.verifying import Finding, Kind
from bridge.api import keys
from bridge.jobs import control
from bridge.models import (
    CallBudget,
    Connection,
    DirectoryEntry,
    EqualTitle,
    FieldStop,
    IntakeCounter,
    KrayinUser,
    ObservedContact,
    Owner,
    OwnerLink,
    OwnerRule,
    ReconcileDay,
    Scope,
    Setup,
    Suggestion,
)
from bridge.panel import tokens
from bridge.rules import edit
from consent import incidents
from consent.encryption import Actor
from consent.erasure import planning as erasures
from consent.holds import Order, place
from consent.models import Membership, User
from consent.requests import filing
from consent.requests.contacts import Contact
from consent.retention import planning as retention
from consent.roles import Role


def lived_in(name: str) -> Connection:
    made = busy_clinic(name)
    bia = user(Role.CLINIC_MANAGER, made.clinic, name="Bia Campos")
    person = made.contacts.exclude(has_phone=False).first()
    assert person is not None
    _operation(made, person)
    _settings(made, bia)
    _audit(made, bia, person)
    _privacy(made, person, made.contacts.exclude(pk=person.pk).first() or person)
    return made


def who_sees_most(of: Connection) -> User:
    """Somebody with the three roles that together see every screen."""
    made = user(Role.CLINIC_MANAGER, of.clinic, name="Dora Prado")
    for role in (Role.TECHNICAL_ADMIN, Role.DPO):
        Membership.objects.create(user=made, role=role, clinic=of.clinic)
    return made


def _operation(of: Connection, person: ObservedContact) -> None:
    now = timezone.now()
    yesterday = now - timedelta(days=1)
    event(of, event_type="contact_updated", contact_id=person.chatwoot_contact_id, received_at=yesterday)
    Suggestion.objects.create(connection=of, contact=person, krayin_person_id=99, evidence="phone:another_name")
    ReconcileDay.objects.create(connection=of, day=yesterday.date(), listed=12, missed=1, gone=1, by_hand=2)
    EqualTitle.objects.create(connection=of, ref=f"ponte-{of.ref_code}-c1-l1", foreign_ids=[71, 72])
    FieldStop.objects.create(
        connection=of, lane_key=f"c:{person.chatwoot_contact_id}", ref=f"ponte-{of.ref_code}-c1", field="phone"
    )
    hour = now.replace(minute=0, second=0, microsecond=0)
    IntakeCounter.objects.create(connection=of, hour=hour, reason="signature wrong", count=3)
    for cause in ("KRAYIN_REJECTED", "UNREADABLE"):
        job = control.plan_job(of, "replay", {"what": "stopped", "cause": cause}, actor=Actor.system("test"))
    control.confirm(job, actor=Actor.system("test"))


def _settings(of: Connection, by: User) -> None:
    now = timezone.now()
    budget = CallBudget.objects.create(name=f"krayin:{of.pk}", refill_per_minute=50)
    of.krayin_users.add(KrayinUser.objects.create(krayin=of.krayin, email="ponte@clinica.exemplo", budget=budget))
    DirectoryEntry.objects.create(connection=of, kind="label", key="orçamento", name="orçamento", seen_at=now)
    for kind, key, name in (("agent", "21", "Bia Rocha"), ("team", "2", "recepção")):
        DirectoryEntry.objects.create(connection=of, kind=kind, key=key, name=name, seen_at=now)
    owner = Owner.objects.create(connection=of, number=4, name="Bia R.", mask="b•••@•••", is_absent=True, seen_at=now)
    OwnerLink.objects.create(connection=of, kind="agent", key="21", owner=owner, found_by="email")
    OwnerRule.objects.create(connection=of, rule="assignee", default_owner=owner, read_at=now)
    edit.add(of, edit.Draft(when="label", value="orçamento", value_name="", pipeline_id=1, stage_id=1,
                            stage_name="Novo", is_enabled=True))  # fmt: skip
    keys.issue(clinic=of.clinic, client="Painel de números", scopes=list(Scope), expires_at=now + timedelta(days=9),
               by=by, now=now)  # fmt: skip
    tokens.issue(by, of, now)
    Setup.objects.create(clinic=of.clinic, name=of.name, connection=of, watch_from=now - timedelta(minutes=1))
    Setup.objects.create(clinic=of.clinic, name="Odonto", steps={"address": now.isoformat()})


def _audit(of: Connection, by: User, person: ObservedContact) -> None:
    act = {"actor_type": "staff", "actor_id": str(by.pk), "clinic_id": of.clinic_id}
    seen = {**act, "action": "reveal", "subject": person.subject.pseudonym}
    fields = ["bridge.ObservedContact.name", "bridge.ObservedContact.phone"]
    record_many(
        [
            Entry(**seen, purpose="scheduling", fields=fields),
            Entry(**seen, purpose="legal", outcome="denied", reason_code="reason_required"),
            Entry(**act, action="update", object_type="bridge.Connection", object_id=str(of.pk), fields=["state"]),
        ],
        own_connection=False,
    )
    found = [
        Finding(Kind.MODIFIED, "row 7 at position 9"),
        Finding(Kind.CUT, "checkpoint place 1 knows segments 2 to 3"),
    ]
    Verification.objects.create(
        mode="full", rows=9, last_position=9, last_segment=1, findings=[one.as_json() for one in found], seconds=0.4,
        key_id="t1", mac=b"",
    )  # fmt: skip


def _privacy(of: Connection, person: ObservedContact, other: ObservedContact) -> None:
    """What an officer finds on a full desk: requests, an erasure to approve, a hold, a retention list, an incident."""
    now = timezone.now()
    dpo = user(Role.DPO, of.clinic, name="Paula Prado")
    asked = filing.Asked(
        rights=("T02", "T05"), channel="form", received_at=now, text="Quero saber o que vocês têm sobre mim.",
        contact=Contact.read("ana@exemplo.com.br"), by_representative=False,
    )  # fmt: skip
    filing.file_request(of.clinic, asked, now=now)
    erasures.look(erasures.plan(person.subject, now=now, by=dpo), now=now, ask=False)
    order = Order(
        reason="judicial_order", document="0001234-55.2026", document_sha256="ab" * 32,
        review_on=(now + timedelta(days=90)).date(),
    )  # fmt: skip
    place(of.clinic, order, scope="person", by=dpo, now=now, subject=other.subject)
    stolen = incidents.Facts(description="Um computador da recepção foi furtado.")
    incidents.open_incident(of.clinic, stolen, known_at=now, source="people", by=dpo, now=now)
    retention.plan_all(now=now)
