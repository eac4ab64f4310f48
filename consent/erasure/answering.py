"""From a granted right to an erasure, and from the erasure back to the answer (T05, T07; lgpd 5.4, 5.5)."""

from collections.abc import Iterable
from datetime import date, datetime

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from consent.datamap import retention
from consent.erasure.notes import BY
from consent.erasure.words import code_word, stay_word
from consent.holds import HeldBack, holds_on
from consent.models.erasures import Erasure, ErasureNode
from consent.models.requests import RequestItem
from consent.models.subjects import DataSubject
from consent.models.texts import PORTUGUESE
from consent.requests import answers, following
from consent.requests.execution import Done
from consent.requests.rules import Right
from consent.requests.states import State

RIGHTS = (Right.UNLAWFUL, Right.ERASURE)
Verified = RequestItem.Verified
LINE = "\n"
# Where the answer of an erasure that is over may still be due.
OPEN = (State.EXECUTING, State.WAITING_THIRD_PARTY, State.FAILED)


def items_of(erasure: Erasure) -> list[RequestItem]:
    """The rights this erasure answers: its own, and others of the same person that wait for it."""
    rows = RequestItem.objects.filter(
        request__subject=erasure.subject_id, right__in=RIGHTS, state__in=OPEN
    ).select_related("request__holder", "request__clinic")
    return list(rows)


def answer(erasure: Erasure, *, now: datetime) -> int:
    """Everything was removed and read back: the answers are ready to be sent; return how many."""
    verified = Verified.EXCEPTION if erasure.leftovers else Verified.CHECKED
    return _finish(erasure, _words(erasure), "LEGAL_RETENTION" if erasure.keeps_clinical else "", verified, now)


def answer_held(erasure: Erasure, *, now: datetime) -> int:
    """Nothing was removed: the person is told of the hold, by its kind and never the case."""
    with translation.override(PORTUGUESE):
        detail = _kinds(erasure.subject)
    return _finish(erasure, detail, "HOLD", Verified.NOTHING_DONE, now)


def held_answer(item: RequestItem, *, now: datetime) -> Done:
    with translation.override(PORTUGUESE):
        detail = _kinds(item.request.subject)
    return Done(State.VERIFYING, answers.refused(item, "HOLD", detail, now=now), Verified.NOTHING_DONE)


def _kinds(subject: DataSubject | None) -> str:
    return ", ".join(HeldBack(holds_on(subject)).kinds) if subject else ""


def _finish(erasure: Erasure, words: str, code: str, verified: str, now: datetime) -> int:
    items = items_of(erasure)
    for item in items:
        in_part = code != "HOLD"
        text = answers.refused(item, code, words, now=now, in_part=in_part) if code else ""
        text = text or answers.carried_out(item, words, now=now)
        following.finish(item, text, verified=verified, actor=BY, now=now, reason="erasure")
    if items:
        Erasure.objects.filter(pk=erasure.pk).update(answered_at=now)
        erasure.answered_at = now
    return len(items)


def _words(erasure: Erasure) -> str:
    """What was done and what stays, in the language of the person."""
    with translation.override(PORTUGUESE):
        return LINE.join((*_done(erasure), *_staying(erasure), *_told(erasure)))


def _done(erasure: Erasure) -> Iterable[str]:
    if erasure.keeps_clinical:
        yield _("We removed what the law does not oblige the clinic to keep, and checked it in every system.")
    else:
        yield _("We removed your data from Ponte, Chatwoot and Krayin, and checked it in every system.")
    if erasure.key_due_at:
        due = _day(erasure.key_due_at.date())
        yield _("The key that opened them is destroyed on %(day)s; copies in backups are unreadable from then on.") % {
            "day": due
        }
    for left in erasure.leftovers:
        yield _("Could not be removed yet: %(what)s (%(count)s).") % {
            "what": stay_word(left["kind"]), "count": left["count"],
        }  # fmt: skip


def _staying(erasure: Erasure) -> Iterable[str]:
    if erasure.stays:
        yield _("What stays, blocked or without your name, and why:")
    for stay in erasure.stays:
        yield f"- {line_of(stay)}"


def line_of(stay: dict[str, object]) -> str:
    """`Provas de consentimento (3): LGPD, Art. 8, §2; até 21/11/2031`, in the language in force."""
    count, code = stay["count"], str(stay["retention"] or "")
    name = f"{stay_word(str(stay['what']))} ({count})" if count else stay_word(str(stay["what"]))
    source = retention(code).source if code else code_word(str(stay["code"]))
    until = stay["until"]
    day = _("until %(day)s") % {"day": _day(date.fromisoformat(str(until)))} if until else ""
    return f"{name}: {'; '.join(part for part in (source, day) if part)}".rstrip(": ")


def _told(erasure: Erasure) -> Iterable[str]:
    if erasure.nodes.filter(system="recipient").exclude(state=ErasureNode.State.STAYS).exists():
        yield _("Those who work with the data for the clinic are told to remove their copies (Art. 18, §6).")


def _day(day: date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")
