"""Hints for plain language, how texts are drawn, and the words that withdraw."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import translation

from consent.models import Clinic, TextKind, WithdrawalWords
from consent.texts import Said, withdrawal, words_in_force
from consent.texts.comparing import changed_share, differences
from consent.texts.drawing import blocks
from consent.texts.plain import ease, hints, missing_contents
from consent.texts.proposals import proposals
from tests.texts.shown_texts import NOW, dpo_of, whole_clinic


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.mark.parametrize("key", sorted(proposals()), ids="-".join)
def test_every_proposal_reads_easily_and_says_what_the_law_asks(key: tuple[str, str]) -> None:
    text = proposals()[key]
    whole = f"{text.body}\n\n{text.consequences}"
    assert ease(whole).score >= 50
    assert hints(text.kind, whole) == []


def test_a_hard_text_gets_hints() -> None:
    hard = (
        "Outrossim, mediante o presente instrumento a controladora supracitada poderá disponibilizar a parceiros "
        "diversos os dados pessoais sensíveis do titular para os fins que entender convenientes e oportunos."
    )
    told = hints(TextKind.CONSENT, hard)
    assert any("Long sentence (2" in one for one in told)
    assert "“mediante”: people say “com”." in told
    assert "It does not seem to say: how to take it back." in told
    assert ease(hard).score < 30


def test_a_notice_without_its_contents_says_which_are_missing() -> None:
    assert len(missing_contents(TextKind.PRIVACY_NOTICE, "Cuidamos bem dos seus dados.")) == 10
    assert missing_contents(TextKind.HELP, "") == []


def test_texts_are_drawn_without_ever_being_html() -> None:
    drawn = blocks("# Título\nUma *palavra* <script>alert(1)</script>\n- um\n- dois")
    assert [one.kind for one in drawn] == ["heading", "paragraph", "list"]
    assert drawn[1].lines == ["Uma <strong>palavra</strong> &lt;script&gt;alert(1)&lt;/script&gt;"]
    assert len(drawn[2].lines) == 2


def test_versions_are_compared_word_by_word() -> None:
    pieces = differences("Guardamos por 12 meses.", "Guardamos por 24 meses.")
    assert [(one.kind, one.text) for one in pieces if one.kind != "same"] == [("gone", "12"), ("new", "24")]
    assert changed_share("a b", "a b") == 0


# Withdrawal words -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sol(db: None) -> Clinic:
    return whole_clinic()


@pytest.mark.parametrize(
    ("message", "asked_hours_ago", "said"),
    [
        ("SAIR", None, Said.WITHDRAWS),
        ("  sair!! ", None, Said.WITHDRAWS),
        ("Párar.", None, Said.WITHDRAWS),
        ("revogar", 5000, Said.WITHDRAWS),
        ("quero sair", None, Said.NOTHING),
        ("sair " * 60, None, Said.NOTHING),
        ("", None, Said.NOTHING),
        ("cancelar", None, Said.ASK),
        ("CANCELAR", 73, Said.ASK),
        ("Cancelar…", 72, Said.WITHDRAWS),
        ("cancelar consulta", 1, Said.NOTHING),
    ],
)
def test_what_a_message_says(sol: Clinic, message: str, asked_hours_ago: int | None, said: Said) -> None:
    asked_at = NOW - timedelta(hours=asked_hours_ago) if asked_hours_ago is not None else None
    assert withdrawal.meaning(message, words_in_force(sol, NOW), asked_at=asked_at, now=NOW) == said


def test_a_clinics_own_words_count_from_their_version_on(sol: Clinic) -> None:
    row = withdrawal.shipped(sol, NOW)
    row.words, row.asking_words = withdrawal.read_words("Sair, não quero\nchega"), []
    withdrawal.change_words(row, by=dpo_of(sol))
    assert row.words == ["SAIR", "NAO QUERO", "CHEGA"]
    assert words_in_force(sol, NOW - timedelta(seconds=1)).words == list(withdrawal.WORDS)
    own = words_in_force(sol, NOW)
    assert withdrawal.meaning("Não quero", own, asked_at=None, now=NOW) == Said.WITHDRAWS
    assert withdrawal.meaning("cancelar", own, asked_at=None, now=NOW) == Said.NOTHING


@pytest.mark.parametrize(
    ("words", "reason"), [("", "none_left"), ("SAIR, CANCELAR", "asks_first"), ("A" * 41, "too_long")]
)
def test_words_that_cannot_stand_are_refused(sol: Clinic, words: str, reason: str) -> None:
    row = withdrawal.shipped(sol, NOW)
    row.words = withdrawal.read_words(words)
    with pytest.raises(withdrawal.WordsRefused, match=reason):
        withdrawal.change_words(row, by=dpo_of(sol))
    assert not WithdrawalWords.objects.exists()


def test_clashes_with_bot_menus_and_usual_answers_are_named() -> None:
    assert withdrawal.clashes(["SAIR", "OK"], ["CANCELAR"], ["SAIR", "MENU"]) == ["OK", "SAIR"]
    assert withdrawal.clashes(withdrawal.WORDS, withdrawal.ASKING_WORDS, []) == []
