"""Sync now: one conversation or one contact, whether Ponte knows it or not."""

from bridge.actions.contacts import sync_now
from bridge.actions.errors import ChooseAnother
from bridge.errors import PartnerGone
from bridge.events import Facts
from bridge.importing.reading import bring, client_of
from bridge.mappers.chatwoot_rest import contact_fact_of, conversation_fact_of, message_fact_of
from bridge.models import Connection, ObservedContact, WebhookEvent, Wish
from bridge.sync.clock import database_now
from consent.encryption import Actor

MANUAL = WebhookEvent.ArrivedBy.MANUAL


def sync_conversation(connection: Connection, number: int, *, actor: Actor) -> bool:
    """Read the conversation from Chatwoot and look at its contact at once; True if Ponte knew the contact.

    Raises ActionRefused (ChooseAnother: it does not exist, or belongs to another connection) and PartnerError.
    """
    client = client_of(connection)
    try:
        conversation = client.conversation(number)
        fact = conversation_fact_of(conversation)
        if fact is None or conversation.contact is None or not connection.serves_inbox(fact.inbox_id):
            raise ChooseAnother("unknown_contact")
        messages = [found for each in client.messages_since(number, 0) if (found := message_fact_of(each))]
    except PartnerGone as error:
        raise ChooseAnother("unknown_contact") from error
    facts = Facts(contacts=(contact_fact_of(conversation.contact),), conversations=(fact,), messages=tuple(messages))
    bring(connection, facts, key=_key(f"v{number}"), arrived_by=MANUAL)
    return _look(connection, fact.contact_id, actor)


def sync_contact(connection: Connection, number: int, *, actor: Actor) -> bool:
    """Look at a contact at once; True if Ponte knew it. Raises as `sync_conversation`.

    An unknown one is only taken in where every inbox is the connection's: a contact does not tell its inbox.
    """
    if _look(connection, number, actor):
        return True
    if not connection.all_inboxes:
        raise ChooseAnother("unknown_contact")
    try:
        fact = contact_fact_of(client_of(connection).contact(number))
    except PartnerGone as error:
        raise ChooseAnother("unknown_contact") from error
    bring(connection, Facts(contacts=(fact,)), key=_key(f"c{number}"), arrived_by=MANUAL)
    return False


def _key(what: str) -> str:
    """Every wish is read anew."""
    return f"now:{what}:{database_now().timestamp()}"


def _look(connection: Connection, contact_number: int, actor: Actor) -> bool:
    contact = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id=contact_number).first()
    if contact is None:
        return False
    sync_now(contact, actor, via=Wish.Via.COMMAND)
    return True
