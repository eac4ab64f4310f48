"""Carrying out one message to a person: the text is recorded as shown, *sent* is committed, then it is sent once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from bridge.back.carry import in_chatwoot
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.interactive import APART, OUR_MARK, choice
from bridge.consents.asking import WINDOW
from bridge.consents.words import CHOICES
from bridge.errors import PartnerError, PartnerGone, PartnerRejected
from bridge.models import Effect, ObservedMessage, Saying, Wish
from bridge.request_channel.words import ABOUT_REQUESTS, arrived, came_back, words_of
from bridge.sync import carry_wishes, effects
from bridge.sync.clock import database_now
from bridge.sync.lanes import fence
from bridge.sync.plan import Step
from bridge.sync.work import Attempt, Later, Work
from consent.consents import may_ask, request
from consent.consents.state import WhyNot, asked_for
from consent.encryption import Actor
from consent.models import ConsentEvent, ServedText, TextKind, TextVersion
from consent.policy import Purpose
from consent.texts import NoTextInForce, serve, text_in_force

Reason = Wish.Reason
TEXTS = {
    Saying.Kind.CANCEL_QUESTION: TextKind.CANCEL_QUESTION,
    Saying.Kind.GIVEN: TextKind.CONSENT_GIVEN,
    Saying.Kind.REFUSED: TextKind.CONSENT_REFUSED,
    Saying.Kind.WITHDRAWAL: TextKind.WITHDRAWAL,
}
LOOK_AGAIN = timedelta(seconds=30)
LOOK_BACK = timedelta(minutes=2)


def say(attempt: Attempt, step: Step) -> None:
    """Send the message if it is still wanted and the conversation takes it; else the wish is refused with its reason."""
    work = attempt.work
    rows = Saying.objects.select_related("contact__subject__clinic", "wish")
    saying = rows.filter(pk=step.wish.id, wish__state=Wish.State.OPEN).first() if step.wish else None
    if saying is None or step.conversation_id is None:
        raise Later(work.now)
    in_chatwoot(attempt, step, lambda: _send_or_come_back(attempt, step, saying))


def _send_or_come_back(attempt: Attempt, step: Step, saying: Saying) -> None:
    """What Chatwoot refuses people solve; an answer to a request does not wait for them, but takes another way."""
    try:
        _send(attempt, step, saying)
    except (PartnerRejected, PartnerGone):
        if saying.kind in ABOUT_REQUESTS:
            _refuse(attempt.work, saying, Reason.NOT_NOW)
        raise


def _send(attempt: Attempt, step: Step, saying: Saying) -> None:
    work, number = attempt.work, step.conversation_id or 0
    words = words_of(saying, work.now) if saying.kind in ABOUT_REQUESTS else _words_of(saying, work.now)
    if words is None or not work.chat.conversation(number).can_reply:
        _refuse(work, saying, Reason.WINDOW_CLOSED if words else Reason.NOT_NOW)
        return
    made: list[str] = []
    attempt.sending(write=lambda: made.append(words()))
    offered = CHOICES.get(saying.kind, ())
    attributes: dict[str, object] = {OUR_MARK: step.ref}
    if offered:
        attributes = choice([(title, value) for title, value in offered], step.ref)
    if saying.kind in ABOUT_REQUESTS:
        attributes[APART] = True
    message = work.chat.message_create(number, made[0], attributes=attributes, is_choice=bool(offered))
    attempt.confirm({step: message.id}, lambda: said(saying.pk, message.id))


def _words_of(saying: Saying, now: datetime) -> Callable[[], str] | None:
    """What records the approved text as shown, and returns it; None when it may not be said now."""
    text = _text_of(saying, now)
    return None if text is None else partial(_shown, saying, text)


def _text_of(saying: Saying, now: datetime) -> TextVersion | None:
    subject = saying.contact.subject
    is_question = saying.kind == Saying.Kind.QUESTION
    is_stale = not is_question and saying.created_at < now - WINDOW
    if is_stale or (is_question and not _may_ask(saying, now)):
        return None
    kind = TextKind.CONSENT if is_question else TEXTS[Saying.Kind(saying.kind)]
    purpose = asked_for(subject, saying.consent_type).purpose if is_question else ""
    try:
        return text_in_force(subject.clinic, kind, purpose=purpose, now=now)
    except NoTextInForce:
        return None


def _may_ask(saying: Saying, now: datetime) -> bool:
    """A question whose sending failed was written down as asked: it is not asked a second time, but a first."""
    may = may_ask(saying.contact.subject, saying.consent_type, now=now)
    return bool(may) or (saying.served_id is not None and may.reason == WhyNot.ASKED)


def _shown(saying: Saying, text: TextVersion) -> str:
    """Inside the transaction that commits *sent*: what the person is about to read, and that it asks."""
    now = database_now()
    subject = saying.contact.subject
    served = serve(text, subject, channel=ServedText.Channel.CHAT, now=now, reference=str(saying.pk))
    Saying.objects.filter(pk=saying.pk).update(served=served, sent_at=now)
    if saying.kind == Saying.Kind.QUESTION and saying.served_id is None:
        request(
            subject, saying.consent_type, served=served, channel=ConsentEvent.Channel.CHAT,
            actor=Actor.system("lanes"), now=now,
        )  # fmt: skip
    return served.shown


def said(saying_id: UUID, message_id: int) -> None:
    """Chatwoot has the message; inside the transaction that confirms it."""
    saying = Saying.objects.get(pk=saying_id)
    saying.chatwoot_message_id = message_id
    saying.save(update_fields=["chatwoot_message_id"])
    arrived(saying, message_id, database_now())
    carry_wishes.settle([saying_id])


def _refuse(work: Work, saying: Saying, reason: Reason) -> None:
    with transaction.atomic():
        fence(work.claim)
        came_back(saying, reason.value, work.now)
        carry_wishes.settle([saying.pk], Wish.State.REFUSED, reason)


def purpose_of(step: Step) -> Purpose:
    """Asking for consent and replying to a word is no marketing; what a person asked for is answered even if blocked."""
    kind = Saying.objects.filter(pk=step.wish.id).values_list("kind", flat=True).first() if step.wish else None
    return Purpose.REQUESTS if kind in ABOUT_REQUESTS else Purpose.CARE_CONTACT


def find_said(work: Work, effect: Effect) -> bool:
    """Whether a message in doubt reached Chatwoot: it carries our mark. True also while Chatwoot cannot be asked."""
    try:
        found = _marked(work.chat, work, effect)
    except PartnerGone:
        return False
    except PartnerError:
        effects.look_later(work.claim, effect, until=database_now(LOOK_AGAIN))
        return True
    if found is None:
        return False
    rows = Saying.objects.filter(contact=work.contact, chatwoot_message_id=None, sent_at__isnull=False)
    saying = next((row for row in rows if effect.object_ref.endswith(f"-s{row.pk.hex[:16]}")), None)
    effects.confirm(work.claim, {effect: found}, lambda: said(saying.pk, found) if saying else None, calls=work.calls)
    return True


def _marked(chat: ChatwootClient, work: Work, effect: Effect) -> int | None:
    """The message with our mark among those that came after the last one known from before the call."""
    before = ObservedMessage.objects.filter(
        conversation__connection=work.connection,
        conversation__chatwoot_conversation_id=effect.conversation_id or 0,
        sent_at__lt=(effect.sent_at or work.now) - LOOK_BACK,
    )
    last = before.aggregate(last=Max("chatwoot_message_id"))["last"] or 0
    recent = chat.messages_since(effect.conversation_id or 0, last)
    return next((message.id for message in recent if message.mark == effect.object_ref), None)
