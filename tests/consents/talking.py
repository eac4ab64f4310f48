"""One person's conversation with a connected clinic, over real HTTP with both sandboxes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from bridge.consents.asking import ask
from bridge.models import ObservedContact, Saying, Wish
from consent.decisions import decide
from consent.encryption import Actor
from consent.models import DataSubject, Decision
from consent.policy import Action, Category, Purpose
from tests.bridge.connected_clinic import Bridge

STAFF = Actor.system("campaigns")


@dataclass
class Talk:
    """One person's conversation with the clinic."""

    bridge: Bridge
    number: int

    def does(self, what: Callable[[], Any]) -> Any:
        """Let something happen in Chatwoot, deliver what it tells, and work; what Ponte sends is delivered, too."""
        with self.bridge.chatwoot.capture() as deliveries:
            done = what()
        self.bridge.deliver(deliveries)
        self.work()
        return done

    def work(self) -> None:
        with self.bridge.chatwoot.capture() as echo:
            self.bridge.work()
        self.bridge.deliver(echo)
        self.bridge.work()

    def says(self, text: str) -> Any:
        return self.does(lambda: self.bridge.chatwoot.incoming(self.number, text))

    def clinic_says(self, text: str, **more: Any) -> Any:
        return self.does(lambda: self.bridge.chatwoot.outgoing(self.number, text, **more))

    @property
    def contact(self) -> ObservedContact:
        rows = ObservedContact.objects.select_related("subject__clinic", "connection__clinic")
        return rows.get(conversations__chatwoot_conversation_id=self.number)

    @property
    def person(self) -> DataSubject:
        return self.contact.subject

    def ask(self, consent_type: str = "marketing") -> Saying:
        saying = ask(self.contact, consent_type, actor=STAFF, via=Wish.Via.SCREEN, now=timezone.now())
        self.work()
        saying.refresh_from_db()
        return saying

    def messages(self) -> list[Any]:
        store = self.bridge.chatwoot.store
        return store.messages_of(store.conversation(self.number, 3))

    def last(self) -> Any:
        return [message for message in self.messages() if message.message_type == "outgoing"][-1]

    def may_send(self) -> Decision:
        return decide(
            self.person, purpose=Purpose.MARKETING, category=Category.MARKETING, action=Action.SEND, now=timezone.now()
        )


PHONE = "+5511900000017"


def begin(bridge: Bridge) -> Talk:
    """Somebody new writes to the clinic by WhatsApp."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Mariana Alves", phone_number=PHONE)
    bridge.deliver(deliveries)
    bridge.work()
    return Talk(bridge, conversation.display_id)
