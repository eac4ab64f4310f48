"""A conversation that is in Krayin, seen through the panel's addresses."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from factories import clinic, connection, contact, conversation, link, user

from bridge.models import AttendedInboxes, Connection, KrayinLead, ObservedContact, ObservedConversation
from bridge.panel import tokens
from bridge.sync.observe import contact_context
from consent.encryption import seal
from consent.roles import Role
from tests.panel.signed_in import NAME, NUMBER, PIPELINES, Panel


@pytest.fixture
def sol() -> Connection:
    return connection(clinic("Clínica Sol"), pipelines=PIPELINES, inbox_names={"7": "WhatsApp Recepção", "8": "Site"})


@pytest.fixture
def marina(sol: Connection) -> ObservedContact:
    """With a name, a person, an opportunity as last seen, and one conversation in inbox 7."""
    row = contact(sol, name=NAME)
    row.name = seal(NAME, subject=row.subject_id, context=contact_context(row.pk, "name"))
    row.save(update_fields=["name"])
    link(row, person=31, lead=71, conversations=[NUMBER])
    KrayinLead.objects.create(
        krayin=sol.krayin, lead_id=71, person_id=31, pipeline_id=1, stage_id=2, value="1250.5",
        owner_name="Renata Dias", seen_at=timezone.now() + timedelta(seconds=5),
    )  # fmt: skip
    return row


@pytest.fixture
def talk(marina: ObservedContact) -> ObservedConversation:
    return conversation(marina, NUMBER, lead_number=1)


@pytest.fixture
def as_role(sol: Connection, talk: ObservedConversation) -> Callable[..., Panel]:
    """The panel of somebody with this role in the clinic; attendants attend these inboxes."""

    def sign_in(role: Role, *, inboxes: tuple[int, ...] = (7,)) -> Panel:
        account = user(role, sol.clinic, name="Bia Rocha")
        if role == Role.ATTENDANT:
            AttendedInboxes.objects.create(connection=sol, user=account, inbox_ids=list(inboxes))
        return Panel(sol, tokens.issue(account, sol, timezone.now()))

    return sign_in


@pytest.fixture
def attendant(as_role: Callable[..., Panel]) -> Panel:
    return as_role(Role.ATTENDANT)
