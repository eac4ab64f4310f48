"""Hearing what people say about consent, as messages are observed: words that withdraw, answers to our questions.

It runs inside the transaction that observes, so that a withdrawal is in force once the message is. A message that is no
word and no answer costs no statement.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.consents import asking
from bridge.consents.words import CHOICES, SAID, is_worth_hearing
from bridge.events import MessageFact
from bridge.models import Connection, ObservedContact, ObservedConversation, ObservedMessage, Saying
from consent.consents import ActRefused, Evidence, grant, refuse, withdraw_all
from consent.consents.periods import periods_of
from consent.encryption import Actor
from consent.models import ConsentEvent
from consent.texts.withdrawal import Said, meaning, plain, words_in_force

logger = logging.getLogger(__name__)

Answer = Saying.Answer
Direction = ObservedMessage.Direction
CHAT = ConsentEvent.Channel.CHAT
ACTOR = Actor("person", "")


@dataclass(frozen=True)
class Heard:
    """One message of the person, and where it belongs."""

    connection: Connection
    conversation: ObservedConversation
    fact: MessageFact
    now: datetime
    said: str  # the text, or the value that was chosen in a form
    at: datetime

    @property
    def contact(self) -> ObservedContact:
        return self.conversation.contact

    @property
    def evidence(self) -> Evidence:
        return Evidence.of_message(f"chatwoot:{self.connection.pk}:{self.fact.message_id}", self.said)


def hear(
    connection: Connection, changed: Mapping[int, ObservedMessage], facts: Iterable[MessageFact], now: datetime
) -> None:
    """Act on what the facts of one helping say; `changed` are the rows they made or changed, by message id."""
    for fact in sorted(facts, key=lambda one: (one.sent_at, one.message_id)):
        if fact.submitted and fact.direction is not Direction.INCOMING:
            _hear_choice(connection, fact, now)
        elif _is_for_us(connection, changed, fact, now):
            _hear_text(_heard(connection, changed[fact.message_id].conversation, fact, now))


def _is_for_us(
    connection: Connection, changed: Mapping[int, ObservedMessage], fact: MessageFact, now: datetime
) -> bool:
    if fact.direction is not Direction.INCOMING or fact.is_deleted or fact.message_id not in changed:
        return False
    return not fact.attachments and is_worth_hearing(fact.text, connection.clinic, now)


def _heard(
    connection: Connection, conversation: ObservedConversation, fact: MessageFact, now: datetime, chosen: str = ""
) -> Heard:
    # The row of another process' connection object would be read again for every word.
    conversation.contact.connection = connection
    at = datetime.fromtimestamp(fact.version / 1_000_000, UTC) if chosen and fact.version else fact.sent_at
    return Heard(connection, conversation, fact, now, chosen or fact.text, at)


# Words ----------------------------------------------------------------------------------------------------------------


def _hear_text(heard: Heard) -> None:
    answer = SAID.get(plain(heard.said))
    if answer is not None:
        question = _open_question(heard, answer)
        if question is not None:
            _answered(heard, question, answer)
            return
    words = words_in_force(heard.connection.clinic, heard.now)
    said = meaning(heard.said, words, asked_at=_last_text_of_ours(heard), now=heard.at)
    if said is Said.WITHDRAWS:
        _withdraw(heard)
    elif said is Said.ASK:
        _reply(heard, Saying.Kind.CANCEL_QUESTION)


def _withdraw(heard: Heard) -> None:
    """The optional purposes end at this transaction's commit; care goes on."""
    done = withdraw_all(
        heard.contact.subject, evidence=heard.evidence, channel=CHAT, actor=ACTOR, now=heard.now, at=heard.at
    )
    if done:
        _reply(heard, Saying.Kind.WITHDRAWAL)


def _last_text_of_ours(heard: Heard) -> datetime | None:
    """When our last message to the person was sent, if it was marketing or a consent text."""
    ours = ObservedMessage.objects.filter(
        conversation__contact=heard.contact,
        direction__in=[Direction.OUTGOING, Direction.TEMPLATE],
        is_deleted=False,
        sent_at__lte=heard.at,
    )
    last = (
        ours.order_by("-sent_at", "-chatwoot_message_id").only("sent_at", "is_marketing", "chatwoot_message_id").first()
    )
    questions = Saying.objects.filter(contact=heard.contact, kind=Saying.Kind.QUESTION, sent_at__isnull=False)
    question = questions.order_by("-sent_at").first()
    if question and question.sent_at and (last is None or _is_last(question, last)):
        return question.sent_at
    return last.sent_at if last and last.is_marketing else None


def _is_last(question: Saying, last: ObservedMessage) -> bool:
    """Whether no message of ours came after the question; Chatwoot's own times are whole seconds."""
    is_same = question.chatwoot_message_id == last.chatwoot_message_id
    return is_same or (question.sent_at is not None and question.sent_at.replace(microsecond=0) >= last.sent_at)


# Answers --------------------------------------------------------------------------------------------------------------


def _hear_choice(connection: Connection, fact: MessageFact, now: datetime) -> None:
    """A form of ours was answered in the web widget: the same message, with what was chosen."""
    rows = Saying.objects.filter(connection=connection, chatwoot_message_id=fact.message_id, answer="")
    question = rows.select_related("wish__conversation__contact__subject__clinic", "served__version").first()
    if question is None or question.wish.conversation is None:
        return
    choices = {str(value): (title, value) for title, value in CHOICES.get(question.kind, ())}
    chosen = next((choices[value] for value in fact.submitted if value in choices), None)
    if chosen is None:
        return
    heard = _heard(connection, question.wish.conversation, fact, now, chosen=chosen[0])
    _answered(heard, question, chosen[1])


def _open_question(heard: Heard, answer: Answer) -> Saying | None:
    """The newest question to this contact that offers this answer and can still be answered."""
    kinds = [kind for kind, choices in CHOICES.items() if answer in {value for _title, value in choices}]
    since = heard.at - periods_of(heard.connection.clinic.policy_version).answer
    rows = Saying.objects.filter(contact=heard.contact, kind__in=kinds, answer="", sent_at__gt=since)
    return rows.select_related("served__version").order_by("-sent_at").first()


def _answered(heard: Heard, question: Saying, answer: Answer) -> None:
    rows = Saying.objects.filter(pk=question.pk, answer="")
    if not rows.update(answer=answer, answered_at=heard.at):
        return
    if answer == Answer.MESSAGES:
        _withdraw(heard)
    elif answer in {Answer.YES, Answer.NO}:
        _decided(heard, question, is_yes=answer == Answer.YES)


def _decided(heard: Heard, question: Saying, *, is_yes: bool) -> None:
    write = grant if is_yes else refuse
    try:
        write(
            heard.contact.subject, question.consent_type, evidence=heard.evidence, served=question.served, channel=CHAT,
            actor=ACTOR, now=heard.now, at=heard.at,
        )  # fmt: skip
    except ActRefused as refused:
        logger.info("answer not taken: connection=%s %s", heard.connection.pk, refused.code)
        return
    kind = Saying.Kind.GIVEN if is_yes else Saying.Kind.REFUSED
    _reply(heard, kind, consent_type=question.consent_type)


def _reply(heard: Heard, kind: str, consent_type: str = "") -> None:
    asking.reply(
        heard.contact, heard.conversation, kind, to=heard.fact.message_id, now=heard.now, sent_at=heard.at,
        consent_type=consent_type,
    )  # fmt: skip
