"""Each conversion gives what Krayin's field takes, comes back as it was, and refuses what it cannot read."""

import contextlib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fields.convert import Unconvertible, canonical, to_chatwoot, to_krayin
from bridge.fields.mapping import Row
from bridge.mappers.attributes import text_of
from bridge.models import FieldRow

OPTIONS = {"3": "Unimed", "7": "São José, Filial", "9": "Amil"}


def row(conversion: str, kind: str = "text", chat: str = "text") -> Row:
    return Row(
        "contact.custom.x", "person", "y", conversion, "both", "chatwoot", "R03", type=kind, chat_type=chat,
        options=OPTIONS,
    )  # fmt: skip


def there_and_back(of: Row, text: str) -> object:
    return to_chatwoot(of, canonical(to_krayin(of, text)))


@given(st.text(min_size=1, max_size=200))
def test_text_comes_back_without_its_outer_blanks(text: str) -> None:
    if text.strip():
        assert there_and_back(row("text"), text) == text.strip()
    else:
        with pytest.raises(Unconvertible):
            to_krayin(row("text"), text)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2999, 12, 31)))
def test_a_day_is_written_in_iso_and_comes_back_in_brazilian(day: date) -> None:
    written = f"{day:%d/%m}/{day.year}"
    assert to_krayin(row("date"), written) == to_krayin(row("date"), f"{day.isoformat()}T00:00:00.000Z")
    assert there_and_back(row("date"), written) == written
    assert there_and_back(row("date", chat="date"), written) == day.isoformat()


@given(st.decimals(min_value=Decimal("-9999999"), max_value=Decimal("9999999"), places=4))
def test_a_number_survives_with_thousands_dots_and_decimal_comma(value: Decimal) -> None:
    brazilian = f"{value:,.4f}".replace(",", "_").replace(".", ",").replace("_", ".")
    stored = canonical(to_krayin(row("number"), brazilian))
    assert Decimal(stored) == value
    assert canonical(to_krayin(row("number"), str(to_chatwoot(row("number"), stored)))) == stored
    shown = to_chatwoot(row("number", chat="number"), stored)
    assert isinstance(shown, int | float)
    assert Decimal(str(shown)) == value


@given(st.integers(-(10**7), 10**7) | st.floats(-(10**6), 10**6).map(lambda x: round(x, 3)))
def test_a_number_of_chatwoots_own_is_read_as_it_is_meant(value: float) -> None:
    assert Decimal(canonical(to_krayin(row("number"), text_of(value)))) == Decimal(str(value))


@given(st.booleans())
def test_yes_and_no_come_back_in_the_words_of_the_field(value: bool) -> None:
    stored = to_krayin(row("yes_no", "boolean"), text_of(value))
    assert stored == int(value)
    assert to_chatwoot(row("yes_no", "boolean", "checkbox"), str(stored)) is value
    assert there_and_back(row("yes_no", "boolean"), text_of(value)) == ("Sim" if value else "Não")


@given(st.lists(st.sampled_from(sorted(OPTIONS.values())[:2]), min_size=1, max_size=4))
def test_several_options_are_known_by_name_whatever_their_order(names: list[str]) -> None:
    stored = to_krayin(row("list", "multiselect"), "; ".join(name.upper() for name in names))
    assert stored == sorted({int(number) for number, label in OPTIONS.items() if label in names})
    assert str(there_and_back(row("list", "multiselect"), "; ".join(names))).split("; ") == [
        OPTIONS[str(number)] for number in stored
    ]


@given(st.sampled_from(sorted(OPTIONS.items())))
def test_an_option_is_found_without_case_and_accents(option: tuple[str, str]) -> None:
    number, label = option
    assert to_krayin(row("option", "select"), f" {label.upper().replace('Ã', 'A')} ") == int(number)
    assert to_chatwoot(row("option", "select"), number) == label


@given(st.text(max_size=40), st.sampled_from(sorted(FieldRow.Conversion.values)))
def test_no_text_makes_a_conversion_fail_in_another_way(text: str, conversion: str) -> None:
    with contextlib.suppress(Unconvertible):
        assert canonical(to_krayin(row(conversion), text))


@pytest.mark.parametrize(
    ("conversion", "text", "stored"),
    [
        ("digits", "529.982.247-25", "52998224725"),
        ("phone", "(11) 98765-4321", "+5511987654321"),
        ("email", " Ana@Exemplo.com ", "ana@exemplo.com"),
        ("number", "R$ 1.234,50", "1234.5"),
        ("number", "1.234", "1234"),
        ("number", "12.5", "12.5"),
        ("date", "1/2/2026", "2026-02-01"),
    ],
)
def test_what_people_write_is_understood(conversion: str, text: str, stored: str) -> None:
    assert to_krayin(row(conversion), text) == stored


@pytest.mark.parametrize(
    ("conversion", "kind", "text"),
    [
        ("digits", "text", "nenhum"), ("phone", "text", "123"), ("email", "text", "ana@"), ("date", "date", "31/02/2026"),
        ("date", "date", "amanhã"), ("number", "price", "-1"), ("number", "text", "1,23456"), ("number", "text", "mil"),
        ("yes_no", "boolean", "talvez"), ("option", "select", "Bradesco"), ("list", "multiselect", "Unimed; Bradesco"),
        ("text", "text", "x" * 256),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(conversion: str, kind: str, text: str) -> None:
    with pytest.raises(Unconvertible):
        to_krayin(row(conversion, kind), text)
