"""The eight words in which every screen says how something stands (screens section 1, rule 6)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from bridge.models import Effect, WebhookEvent


class Word(models.TextChoices):
    """Value: also the name of the icon and of the colour."""

    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("in progress")
    DONE = "done", _("done")
    IGNORED = "ignored", _("ignored")
    POSTPONED = "postponed", _("postponed")
    FAILED = "failed", _("failed")
    BLOCKED = "blocked", _("blocked")
    UNKNOWN = "unknown", _("unknown")


EVENT_WORDS: dict[str, Word] = {
    WebhookEvent.Status.RECEIVED: Word.WAITING,
    WebhookEvent.Status.OBSERVED: Word.DONE,
    WebhookEvent.Status.IGNORED: Word.IGNORED,
    WebhookEvent.Status.PARKED: Word.FAILED,
}

EFFECT_WORDS: dict[str, Word] = {
    Effect.State.SHADOW: Word.POSTPONED,
    Effect.State.INTENDED: Word.WAITING,
    Effect.State.SENT: Word.RUNNING,
    Effect.State.UNKNOWN: Word.UNKNOWN,
    Effect.State.CONFIRMED: Word.DONE,
    Effect.State.REJECTED: Word.FAILED,
    Effect.State.DENIED: Word.BLOCKED,
    Effect.State.CANCELLED: Word.IGNORED,
    Effect.State.DISCARDED: Word.IGNORED,
}


def event_word(status: str) -> Word:
    return EVENT_WORDS.get(status, Word.UNKNOWN)


def effect_word(state: str) -> Word:
    return EFFECT_WORDS.get(state, Word.UNKNOWN)
