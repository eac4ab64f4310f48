"""Krayin's search grammar: our queries, read back as Krayin reads them, mean what was asked (contract section 20.1)."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bridge.clients import krayin_search as search
from bridge.errors import UnusableKey

REFERENCES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{2,40}", fullmatch=True)
ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
ADDRESSES = st.builds(
    "{}@{}".format, st.text(min_size=1, max_size=20), st.from_regex(r"[a-z0-9.-]{4,20}", fullmatch=True)
)
TERMS = st.tuples(
    st.none() | st.lists(REFERENCES, min_size=1, max_size=4).map(search.own_keys),
    st.none() | ADDRESSES.map(search.email),
    st.none() | st.from_regex(r"[0-9]{8,13}", fullmatch=True).map(search.phone),
)


def as_krayin_reads(query: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Field -> (condition, value), by the rules of sections 4 and 20.1: a second colon cuts, the last field wins."""
    conditions = dict(part.split(":") for part in query["searchFields"].split(";"))
    read = {}
    for part in query["search"].strip().split(";"):
        field, value, *_cut = part.split(":")
        read[field] = (conditions[field], value)
    return read


def like(pattern: str, stored: str) -> bool:
    """MariaDB's `LIKE '%pattern%'` with backslash escapes on a binary collation, for patterns without a bare `_`."""
    assert not re.search(r"(?<!\\)_", pattern)
    position = 0
    for piece in re.split(r"(?<!\\)%", pattern):
        literal = re.sub(r"\\(.)", r"\1", piece)
        found = stored.find(literal, position)
        if found < 0:
            return False
        position = found + len(literal)
    return True


def stored_as_json(*values: str) -> str:
    """How Krayin keeps e-mails and phones on MariaDB: PHP's JSON text."""
    entries = [{"value": value, "label": "work"} for value in values]
    return json.dumps(entries, separators=(",", ":")).replace("/", "\\/")


@settings(deadline=None)
@given(TERMS)
def test_what_krayin_reads_is_exactly_what_was_asked(terms: tuple[search.Term | None, ...]) -> None:
    asked = [term for term in terms if term is not None]
    assume(asked)

    read = as_krayin_reads(search.query(terms))

    assert read == {term.field: (term.condition, term.value) for term in asked}
    assert all(value.strip('%" ') for _, value in read.values())


@settings(deadline=None)
@given(ANY_TEXT)
def test_no_text_becomes_a_term_that_matches_everybody(text: str) -> None:
    for term in (search.email(text), search.phone(text)):
        if term is not None:
            assert not like(term.value, stored_as_json("", "z@z.zz", "+55 00 0000-0000"))
            assert not set(term.value) & set(":;,")


@settings(deadline=None)
@given(ADDRESSES)
def test_a_searched_address_finds_the_person_who_has_it(address: str) -> None:
    term = search.email(address)
    assume(term is not None)

    assert like(term.value, stored_as_json("other@example.com", address.strip()))


@pytest.mark.parametrize(
    ("address", "pattern"),
    [
        ("joao@x.com", '"joao@x.com"'),
        ("ana_lima@x.com", r'"ana\_lima@x.com"'),
        ("m%silva@x.com", r'"m\%silva@x.com"'),
        ("a:b;c,d@x.com", '"a%b%c%d@x.com"'),
        ("pedro+odonto@x.com", '"pedro+odonto@x.com"'),
        ("o'hara@x.com", '"o\'hara@x.com"'),
        ("joão/x@x.com", '"jo%o%x@x.com"'),
        ("a::é;b_%c@x.com", r'"a%b\_\%c@x.com"'),
        ('"quoted"@x.com', '"%quoted%@x.com"'),
        ("back\\slash@x.com", '"back%slash@x.com"'),
        (" joao@x.com\n", '"joao@x.com"'),
    ],
)
def test_special_characters_of_an_address_are_escaped_or_widened(address: str, pattern: str) -> None:
    term = search.email(address)

    assert term is not None
    assert term.value == pattern


@pytest.mark.parametrize(
    "address", ["", "@", "a@b", "%%%%@%%", "ééééé@é", "not an address", "a:b:c:d:e@x.com", f"{'a' * 250}@x.com"]
)
def test_an_address_with_too_little_to_look_for_gives_no_term(address: str) -> None:
    assert search.email(address) is None


def test_an_address_does_not_find_another_that_only_ends_like_it() -> None:
    term = search.email("ana@x.com")

    assert term is not None
    assert not like(term.value, stored_as_json("mariana@x.com"))
    assert not like(term.value, stored_as_json("ana@x.com.br"))


@pytest.mark.parametrize("stored", ["+5511987654321", "+55 11 98765-4321", "(11) 98765 4321"])
def test_digits_find_a_number_however_it_is_spaced(stored: str) -> None:
    term = search.phone("987654321")

    assert term is not None
    assert term.value == "9%8%7%6%5%4%3%2%1"
    assert like(term.value, stored_as_json(stored))


@pytest.mark.parametrize("digits", ["", "1234567", "+5511987654321", "98765-4321", "９８７６５４３２", "9" * 7 + "%"])
def test_only_eight_or_more_plain_digits_are_searched(digits: str) -> None:
    assert search.phone(digits) is None


@settings(deadline=None)
@given(REFERENCES)
def test_a_reference_is_found_inside_a_title_and_as_own_key(reference: str) -> None:
    read = as_krayin_reads(search.query([search.title_with(reference), search.own_keys([reference])]))

    assert read["attribute_values.text_value"] == ("=", reference)
    assert like(read["title"][1], f"Ana · Recepção · {reference}")
    assert not like(read["title"][1], "Ana · Recepção · ")


def test_an_underscore_of_a_reference_matches_only_itself() -> None:
    assert not like(search.title_with("cw_1").value, "Ana · cwX1")


@pytest.mark.parametrize(
    "reference", ["", "ab", "a:b:c", "a;bc", "a,bc", "a bc", "a%bc", "-abc", "ação", "a" * 101, "abc\n"]
)
def test_a_reference_that_could_be_misread_is_refused(reference: str) -> None:
    with pytest.raises(UnusableKey):
        search.own_keys([reference])
    with pytest.raises(UnusableKey):
        search.title_with(reference)


def test_several_references_become_one_list_without_repetition() -> None:
    assert search.own_keys(["b-2", "a-1", "b-2"]) == search.Term("attribute_values.text_value", "in", "a-1,b-2")


def test_no_reference_gives_no_term() -> None:
    assert search.own_keys([]) is None


@pytest.mark.parametrize(
    "terms",
    [
        [],
        [None],
        [search.Term("emails", "like", "")],
        [search.Term("emails", "like", '"%"')],
        [search.Term("emails", "like", "a@b.cd"), search.Term("emails", "like", "c@d.ef")],
    ],
)
def test_a_query_that_would_flood_or_lose_a_term_is_refused(terms: list[search.Term | None]) -> None:
    with pytest.raises(UnusableKey):
        search.query(terms)
