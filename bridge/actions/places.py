"""Where an action takes place: contact, perhaps conversation, connection, and who may act there."""

from dataclasses import dataclass

from audit.models import Outcome
from audit.services import record
from bridge.actions.errors import ActivateFirst, AskForPermission, ChooseAnother, LeaveAlone
from bridge.models import Connection, ContactMapping, ObservedContact, ObservedConversation
from consent.encryption import Actor
from consent.roles import Capability

Target = ObservedConversation | ObservedContact | ContactMapping
State = Connection.State


@dataclass(frozen=True)
class Place:
    """A contact, and the conversation the person was looking at, if any."""

    contact: ObservedContact
    conversation: ObservedConversation | None = None

    @property
    def connection(self) -> Connection:
        return self.contact.connection


def place_of(target: Target) -> Place:
    """Raises ChooseAnother for a mapping whose contact was never observed."""
    if isinstance(target, ObservedConversation):
        return Place(target.contact, target)
    if isinstance(target, ObservedContact):
        return Place(target)
    rows = ObservedContact.objects.filter(
        connection_id=target.connection_id, chatwoot_contact_id=target.chatwoot_contact_id
    )
    contact = rows.first()
    if contact is None:
        raise ChooseAnother("unknown_contact")
    return Place(contact)


def permit(place: Place, actor: Actor, *capabilities: Capability, what: str) -> None:
    """Raises AskForPermission, after an audit row. Programs are judged by their key's scopes before they come here."""
    clinic_id = place.connection.clinic_id
    if actor.user is None or any(actor.may(one, clinic_id) for one in capabilities):
        return
    record(
        action=f"hand.{what}",
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=clinic_id,
        subject=place.contact.subject.pseudonym,
        object_type="bridge.ObservedContact",
        object_id=str(place.contact.pk),
        outcome=Outcome.DENIED,
        reason_code="not_permitted",
    )
    raise AskForPermission("not_permitted")


def refuse_closed(contact: ObservedContact) -> None:
    """Raises LeaveAlone for people who must not be processed."""
    subject = contact.subject
    if subject.erased_at is not None:
        raise LeaveAlone("erased")
    if subject.blocked_at is not None:
        raise LeaveAlone("blocked")
    if contact.gone_at is not None:
        raise LeaveAlone("gone")


def refuse_unwritten(connection: Connection) -> None:
    """Raises ActivateFirst where nothing would be written; a paused connection keeps the wish."""
    if connection.state not in {State.ACTIVE, State.PAUSED}:
        raise ActivateFirst(connection.state)
