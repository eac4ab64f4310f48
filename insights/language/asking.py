"""Asking a clinic's language model about a conversation: the one way by which anything leaves to it.

It never raises for what providers, budgets or people's choices do: without answer there is a reason, and the screens
show their fixed sentences.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import ActorType
from audit.services import record
from bridge.models import ObservedConversation
from bridge.sync.clock import database_now
from consent.encryption import Actor, open_system
from consent.encryption.blind import blind
from consent.models import User
from insights.language import budget
from insights.language.answers import VERSION, Discarded, Prompt, Task, ids_in, prompt_for, text_in
from insights.language.budget import NotAsked
from insights.language.providers import ProviderFailed, Reply, provider_of
from insights.language.reading import Material, pass_gate, read, subjects_of
from insights.language.sweep import findings_back
from insights.models.language import LanguageCall, LanguageSettings

Outcome = LanguageCall.Outcome
SENTENCES: Mapping[str, str | Promise] = {
    "not_installed": _("Language models are switched off in this installation."),
    "stopped": _("Language models are stopped for every clinic."),
    "off": _("The language model of this clinic is switched off."),
    "incomplete": _("The contract or the provider's data are incomplete."),
    "paused": _("The provider failed a moment ago and is not asked for some minutes."),
    "budget_day": _("Today's budget is used up."),
    "budget_month": _("This month's budget is used up."),
    "too_often": _("Asked too often within one hour."),
    "may_not_open": _("Your role may not read these messages."),
    "nothing_to_read": _("The conversation has no text."),
    "nothing_to_order": _("There are no suggestions to put in order."),
    "sweep": _("After masking something still looked like personal data: nothing was sent."),
}
AT_THE_GATE = _("The person's data may not be given to a language model.")
NO_ANSWER = _("The model gave no usable answer.")


@dataclass(frozen=True)
class Answer:
    """What may be shown, marked as made by a model; a person decides what becomes of it. Empty with a reason."""

    task: Task
    text: str = field(default="", repr=False)
    ids: tuple[str, ...] = ()
    made_by: str = ""
    reason: str = ""

    @property
    def sentence(self) -> str | Promise:
        return sentence_of(self.reason)


def sentence_of(reason: str) -> str | Promise:
    """Why there is no answer, for people; empty where there is one."""
    if not reason:
        return ""
    return SENTENCES.get(reason) or (AT_THE_GATE if reason.startswith("gate_") else NO_ANSWER)


@dataclass(frozen=True)
class Preview:
    """What would leave now; with a reason, nothing would."""

    messages: Sequence[Mapping[str, str]] = field(default=(), repr=False)
    found: frozenset[str] = frozenset()
    answer: Answer = Answer(Task.SUMMARY)


def preview(conversation: ObservedConversation, *, by: User) -> Preview:
    """The masked messages without sending them, and what would stop them."""
    now, subjects, reason = database_now(), subjects_of(conversation), ""
    try:
        budget.ready(conversation.connection.clinic_id, now)
        pass_gate(conversation, subjects, now)
    except NotAsked as no:
        reason = no.reason
    try:
        material = read(conversation, subjects, by=by)
    except NotAsked as no:
        return Preview(answer=Answer(Task.SUMMARY, reason=no.reason))
    reason = reason or ("sweep" if material.found else "")
    return Preview(material.messages, material.found, Answer(Task.SUMMARY, reason=reason))


def ask(conversation: ObservedConversation, task: Task, *, by: User, offered: Sequence[str] = ()) -> Answer:
    """Ask about a conversation on behalf of `by`; `offered` are the ids of suggestions to put in order.

    May not be called inside a transaction: a partner is called.
    """
    now = database_now()
    call = LanguageCall(
        clinic_id=conversation.connection.clinic_id, conversation=conversation, by=by, task=task, asked_at=now,
        prompt_version=VERSION,
    )  # fmt: skip
    try:
        row = budget.ready(call.clinic_id, now)
        if task == Task.ORDER and not offered:
            raise NotAsked("nothing_to_order")
        subjects = subjects_of(conversation)
        pass_gate(conversation, subjects, now)
        material = read(conversation, subjects, by=by)
        if material.found:
            raise NotAsked("sweep")
        prompt = prompt_for(task, material.messages, offered)
        call.input_digest, call.input_chars = blind("content", prompt.content), prompt.chars
        budget.reserve(call, tokens_in=prompt.most_tokens_in)
    except NotAsked as no:
        call.cost, call.outcome, call.reason = Decimal(0), Outcome.REFUSED, no.reason
        call.save()
        return Answer(task, reason=no.reason)
    return _asked(row, call, prompt, material, offered)


def _asked(
    row: LanguageSettings, call: LanguageCall, prompt: Prompt, material: Material, offered: Sequence[str]
) -> Answer:
    """The call is written down: give the question to the provider, once, and look at what comes back."""
    task = Task(call.task)
    _audit(row, call)
    try:
        reply = provider_of(row, _key(row)).ask(prompt)
    except ProviderFailed as failure:
        budget.failed(row)
        budget.settle(call, Outcome.FAILED, failure.reason[:40], **({} if failure.may_cost else {"cost": 0}))
        return Answer(task, reason=failure.reason)
    budget.answered(row)
    costs = budget.true_cost(row, call, reply.tokens_in, reply.tokens_out)
    try:
        answer = _shown(task, reply, material, offered, made_by=str(row))
    except Discarded as no:
        budget.settle(call, Outcome.DISCARDED, no.reason, **costs)
        return Answer(task, reason=no.reason)
    budget.settle(call, Outcome.ANSWERED, **costs)
    return answer


def _shown(task: Task, reply: Reply, material: Material, offered: Sequence[str], *, made_by: str) -> Answer:
    if task == Task.ORDER:
        return Answer(task, ids=ids_in(reply.value, offered), made_by=made_by)
    text = text_in(reply.value, task)
    found = findings_back(text, sent=material.texts, known=material.masker.known)
    if found:
        raise Discarded(f"back_{min(found)}")
    return Answer(task, text=material.masker.unmask(text), made_by=made_by)


def _key(row: LanguageSettings) -> str:
    if not row.api_key:
        return ""
    opened = open_system(row.api_key, context=row.key_context, actor=Actor.system("language"), purpose="system")
    return opened.decode()


def _audit(row: LanguageSettings, call: LanguageCall) -> None:
    """Masked words of a person reach another processor: that is in the trail before it happens."""
    record(
        action="insights.language_asked",
        actor_type=ActorType.STAFF,
        actor_id=str(call.by_id),
        clinic_id=call.clinic_id,
        subject=call.conversation.contact.subject.pseudonym,
        object_type="insights.LanguageCall",
        object_id=str(call.pk),
        purpose="care",
        reason_code=row.kind,
    )
