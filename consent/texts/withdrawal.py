"""Words with which people withdraw by chat (lgpd 4): which count in a clinic, what a message says, where words clash."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum, auto

from django.db import transaction

from audit.models import ActorType
from audit.services import record
from consent.models.staff import Clinic, User
from consent.models.texts import WithdrawalWords

# Until a clinic says otherwise.
WORDS = ("SAIR", "PARAR", "REVOGAR", "DESCADASTRAR")
ASKING_WORDS = ("CANCELAR",)
WINDOW_HOURS = 72
LONGEST = 40
# What appointment reminders and bot menus usually ask people to write.
COMMON_ANSWERS = ("SIM", "NAO", "OK", "CONFIRMAR", "CONFIRMO", "REMARCAR", "MENU", "VOLTAR", "INICIO", "ATENDENTE")


class Said(Enum):
    """What a message means for consent."""

    NOTHING = auto()
    WITHDRAWS = auto()  # the optional purposes, never care
    ASK = auto()  # appointment or messages? Send TextKind.CANCEL_QUESTION


def plain(message: str) -> str:
    """Upper case without accents, punctuation and surrounding space: how words are kept and compared."""
    apart = unicodedata.normalize("NFKD", message)
    kept = "".join(char for char in apart if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\s]|_", " ", kept).upper().split())


def words_in_force(clinic: Clinic, now: datetime) -> WithdrawalWords:
    """The clinic's words; before it said anything an unsaved row with the shipped ones."""
    rows = WithdrawalWords.objects.filter(clinic=clinic, valid_from__lte=now)
    return rows.order_by("-valid_from", "-pk").first() or shipped(clinic, now)


def shipped(clinic: Clinic, now: datetime) -> WithdrawalWords:
    return WithdrawalWords(
        clinic=clinic, words=[*WORDS], asking_words=[*ASKING_WORDS], window_hours=WINDOW_HOURS, valid_from=now
    )


def meaning(message: str, words: WithdrawalWords, *, asked_at: datetime | None, now: datetime) -> Said:
    """What a whole message says. asked_at: when our last marketing or consent text went to this person, if ever."""
    if len(message) > 4 * LONGEST:
        return Said.NOTHING
    said = plain(message)
    if said in words.words:
        return Said.WITHDRAWS
    if said not in words.asking_words:
        return Said.NOTHING
    is_recent = asked_at is not None and now - asked_at <= timedelta(hours=words.window_hours)
    return Said.WITHDRAWS if is_recent else Said.ASK


def read_words(text: str) -> list[str]:
    """Words as typed into a form, one per line or comma, plain and once each."""
    found = (plain(part) for part in re.split(r"[,;\n]", text))
    return list(dict.fromkeys(word for word in found if word))


def clashes(words: Iterable[str], asking_words: Iterable[str], bot_words: Iterable[str]) -> list[str]:
    """Words that would be taken for a withdrawal although they mean something else: bot menus, usual answers."""
    withdrawing, asking = set(words), set(asking_words)
    other = set(bot_words) | set(COMMON_ANSWERS)
    return sorted(withdrawing & other | withdrawing & asking | asking & set(COMMON_ANSWERS))


class WordsRefused(Exception):
    """The words cannot stand: none left, too long, or CANCELAR would withdraw at once. `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def change_words(row: WithdrawalWords, *, by: User) -> WithdrawalWords:
    """Add a version of the clinic's words. Raises WordsRefused."""
    if not row.words:
        raise WordsRefused("none_left")
    if any(len(word) > LONGEST for word in (*row.words, *row.asking_words, *row.bot_words)):
        raise WordsRefused("too_long")
    if set(row.words) & set(ASKING_WORDS):
        raise WordsRefused("asks_first")
    row.created_by = by
    with transaction.atomic():
        row.save(force_insert=True)
        record(
            action="text.words", actor_type=ActorType.STAFF, actor_id=str(by.pk), clinic_id=row.clinic_id,
            object_type="consent.WithdrawalWords", object_id=str(row.pk), own_connection=False,
        )  # fmt: skip
    return row
