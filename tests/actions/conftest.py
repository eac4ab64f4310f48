"""A clinic connected to both sandboxes, and people of its staff."""

import pytest

from bridge.models import ObservedConversation
from consent.encryption import Actor
from consent.models import Membership, User
from consent.roles import Role
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

WRITER = {"name": "Ana Lima", "phone_number": "+5511900000021"}


def staff(bridge: Bridge, role: Role, name: str = "Bia Rocha") -> User:
    made = User.objects.create_user(f"{role.value}@clinica.exemplo", None, name=name)
    Membership.objects.create(user=made, role=role, clinic=bridge.connection.clinic)
    return made


@pytest.fixture
def attendant(bridge: Bridge) -> Actor:
    return Actor.staff(staff(bridge, Role.ATTENDANT))


@pytest.fixture
def manager(bridge: Bridge) -> Actor:
    return Actor.staff(staff(bridge, Role.CLINIC_MANAGER, "Caio Reis"))


@pytest.fixture
def conversation(bridge: Bridge) -> ObservedConversation:
    """A person wrote; person, opportunity and note are in Krayin."""
    with bridge.chatwoot.capture() as deliveries:
        made = bridge.chatwoot.new_person_writes("Bom dia", **WRITER)
    bridge.deliver(deliveries)
    bridge.settle()
    return ObservedConversation.objects.select_related("contact__connection").get(
        chatwoot_conversation_id=made.display_id
    )
