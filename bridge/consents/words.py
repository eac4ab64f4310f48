"""What people can say to Ponte in a conversation, and the buttons it offers them. Pure but for the clinics' own words."""

import threading
import time
from datetime import datetime

from bridge.models import Saying
from consent.models import Clinic
from consent.texts.withdrawal import LONGEST, plain, words_in_force

Answer = Saying.Answer

# Buttons carry 20 characters at most on WhatsApp.
CHOICES: dict[str, tuple[tuple[str, Answer], ...]] = {
    Saying.Kind.QUESTION: (("Sim, aceito", Answer.YES), ("Não aceito", Answer.NO)),
    Saying.Kind.CANCEL_QUESTION: (("Cancelar consulta", Answer.APPOINTMENT), ("Parar mensagens", Answer.MESSAGES)),
}
SAID = {plain(title): answer for choices in CHOICES.values() for title, answer in choices}
FRESH_S = 30.0


class Vocabulary:
    """Each clinic's withdrawal words, looked up at most twice a minute: a message that is no word costs no statement."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, frozenset[str]]] = {}

    def of(self, clinic: Clinic, now: datetime) -> frozenset[str]:
        with self._lock:
            read_at, words = self._known.get(clinic.pk, (-FRESH_S, frozenset()))
        if time.monotonic() - read_at < FRESH_S and words:
            return words
        row = words_in_force(clinic, now)
        words = frozenset((*row.words, *row.asking_words))
        with self._lock:
            self._known[clinic.pk] = (time.monotonic(), words)
        return words

    def forget(self) -> None:
        with self._lock:
            self._known.clear()


vocabulary = Vocabulary()


def is_worth_hearing(text: str, clinic: Clinic, now: datetime) -> bool:
    """Whether a whole message is one of the clinic's words or the text of a button."""
    if not text or len(text) > 4 * LONGEST:
        return False
    said = plain(text)
    return len(said) <= LONGEST and (said in SAID or said in vocabulary.of(clinic, now))
