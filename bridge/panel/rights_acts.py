"""What attendants do about consent and rights (F2). The evidence of an answer or a request is the person's own message."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from bridge.actions.errors import ActionRefused
from bridge.actions.places import Place, permit, refuse_closed
from bridge.actions.wishes import DAILY
from bridge.consents.asking import NotAsked, ask
from bridge.consents.why_not import WHY
from bridge.models import ObservedConversation, ObservedMessage, Wish
from bridge.panel.rights import incoming, person_of
from bridge.request_channel.registered import proves_channel
from bridge.sync.observe import contact_context, message_context
from consent.consents import ActRefused, Evidence, grant, refuse, withdraw
from consent.consents.state import asked_for, asked_types, standing
from consent.encryption import Actor, open_for
from consent.holds.guardians import report_minor
from consent.models import ConsentEvent, DataRequest, ServedText, TextKind, User
from consent.policy import PurposeOfUse
from consent.requests import filing, following
from consent.requests.contacts import Contact
from consent.requests.rules import Right

CHAT = ConsentEvent.Channel.CHAT
READER = Actor.system("panel")


class SaidWrong(ActionRefused):
    """What was chosen cannot be used."""

    texts = {
        "message": gettext_lazy("Choose the message in which the person says so."),
        "purpose": gettext_lazy("Choose one of the purposes."),
        "answer": gettext_lazy("Choose yes or no."),
        "right": gettext_lazy("Choose what the person asks for."),
    }


class NotNow(ActionRefused):
    """It is refused for a reason that people can act on; the text is the reason."""

    def __init__(self, code: str, text: str | Promise) -> None:
        super().__init__(code)
        self.text = text

    def __str__(self) -> str:
        return str(self.text)


@dataclass(frozen=True)
class Asked:
    """One press of a button: where, by whom, what was chosen."""

    row: ObservedConversation
    user: User
    said: dict[str, Any]
    now: datetime

    @property
    def actor(self) -> Actor:
        return Actor.staff(self.user)

    @property
    def place(self) -> Place:
        return Place(self.row.contact, self.row)

    def purpose(self) -> str:
        kind = self.said.get("finalidade")
        if not isinstance(kind, str) or kind not in asked_types(person_of(self.row)):
            raise SaidWrong("purpose")
        return kind

    def message(self) -> ObservedMessage:
        """The person's own message, of this conversation."""
        number = self.said.get("mensagem")
        found = incoming(self.row).filter(chatwoot_message_id=number).first() if type(number) is int else None
        if found is None:
            raise SaidWrong("message")
        message: ObservedMessage = found
        return message


def ask_for_consent(asked: Asked) -> str:
    kind = asked.purpose()
    try:
        ask(asked.row.contact, kind, actor=asked.actor, via=Wish.Via.PANEL, now=asked.now)
    except NotAsked as refused:
        raise NotNow(refused.code, WHY[refused.code]) from refused
    return _("The question goes to the person in a moment.")


@sensitive_variables()
def write_down(asked: Asked) -> str:
    """What the person said in a message about one purpose."""
    kind, message, subject = asked.purpose(), asked.message(), person_of(asked.row)
    if asked.said.get("resposta") not in {"sim", "nao"}:
        raise SaidWrong("answer")
    evidence = _evidence(asked.row, message)
    how: dict[str, Any] = {
        "evidence": evidence, "channel": CHAT, "actor": asked.actor, "now": asked.now, "at": message.sent_at,
    }  # fmt: skip
    served = _served(asked, kind, message)
    try:
        if asked.said["resposta"] == "sim":
            grant(subject, kind, served=served, **how)
        elif served is not None and not standing(subject, kind, now=asked.now).is_yes:
            refuse(subject, kind, served=served, **how)
        else:
            withdraw(subject, kind, **how)
    except ActRefused as refused:
        raise NotNow(refused.code, str(refused)) from refused
    return _("Written down, with the message as proof.")


@sensitive_variables()
def file(asked: Asked) -> str:
    """Take in a request; the clock began with the message. What needs nobody's judgement is answered at once."""
    message, rights = asked.message(), asked.said.get("direitos")
    if not isinstance(rights, list) or not rights or not set(map(str, rights)) <= set(Right.values):
        raise SaidWrong("right")
    subject = person_of(asked.row)
    given = filing.Asked(
        rights=[str(one) for one in rights], channel=DataRequest.Channel.CHAT, received_at=min(message.sent_at, asked.now),
        text=text_of(message)[: filing.LONGEST_TEXT], contact=_phone(asked.row),
        evidence=_evidence(asked.row, message) if proves_channel(asked.row) else None,
    )  # fmt: skip
    request = filing.file_request(
        asked.row.connection.clinic, given, actor=asked.actor, now=asked.now, registered_by=asked.user, subject=subject
    )
    following.advance(request, now=asked.now)
    return _("Protocol %(protocol)s: tell it to the person.") % {"protocol": request.protocol}


def minor(asked: Asked) -> str:
    report_minor(person_of(asked.row), by=asked.user, now=asked.now)
    return _("Noted. The data protection officer verifies the guardian.")


# Steps ----------------------------------------------------------------------------------------------------------------


@sensitive_variables()
def text_of(message: ObservedMessage) -> str:
    """The words, for the sealed file of the request or the hash of the evidence: shown to nobody here."""
    if message.content is None:
        return ""
    opener = open_for(
        [message.subject_id], actor=READER, purpose=PurposeOfUse.SYSTEM, fields=["bridge.ObservedMessage.content"]
    )
    told = json.loads(opener.text(message.content, subject=message.subject_id, context=message_context(message.pk)))
    return str(told.get("text", ""))


def _evidence(row: ObservedConversation, message: ObservedMessage) -> Evidence:
    return Evidence.of_message(f"chatwoot:{row.connection_id}:{message.chatwoot_message_id}", text_of(message))


def _served(asked: Asked, kind: str, message: ObservedMessage) -> ServedText | None:
    """The text the person had read before that message."""
    rule = asked_for(person_of(asked.row), kind)
    rows = ServedText.objects.filter(
        subject=asked.row.contact.subject, version__kind=TextKind.CONSENT, version__purpose=rule.purpose,
        served_at__lte=message.sent_at + rule.periods.late,
    )  # fmt: skip
    return rows.select_related("version").order_by("-served_at").first()


@sensitive_variables()
def _phone(row: ObservedConversation) -> Contact | None:
    """Where the person writes from: codes and the answer go there."""
    contact = row.contact
    if contact.phone is None:
        return None
    opener = open_for(
        [contact.subject_id], actor=READER, purpose=PurposeOfUse.SYSTEM, fields=["bridge.ObservedContact.phone"]
    )
    return Contact.read(
        opener.text(contact.phone, subject=contact.subject_id, context=contact_context(contact.pk, "phone"))
    )


ACTS: dict[str, Callable[[Asked], str]] = {
    "pedir": ask_for_consent,
    "registrar": write_down,
    "requisicao": file,
    "menor": minor,
}


def run(name: str, asked: Asked) -> str:
    """Do it and return what to tell the attendant. Raises ActionRefused, KeyError for an act nobody knows."""
    act = ACTS[name]
    permit(asked.place, asked.actor, *DAILY, what="rights")
    refuse_closed(asked.row.contact)
    return act(asked)
