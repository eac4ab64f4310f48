"""Krayin's search grammar, written so that a query can neither flood nor miss (Krayin contract sections 4 and 20.1).

A parameter is `field:value;field:value` with a condition per field. The grammar has no escapes: a second colon cuts the
value, a semicolon ends it, and an empty value in a `like` field matches every record. So each kind of value has its own
encoding here, and a value that cannot be searched gives no term at all. Hits are candidates: always compare them with
what was asked, because `like` is wider than equality and equality ignores case and accents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.errors import UnusableKey

OWN_KEY = "attribute_values.text_value"
EMAILS = "emails"
PHONES = "contact_numbers"
TITLE = "title"

PHONE_DIGITS_AT_LEAST = 8
_EMAIL_PLAIN_AT_LEAST = 5
_EMAIL_WILDCARDS_AT_MOST = 3
_EMAIL_LENGTH_AT_MOST = 254
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,99}")
_DIGITS = re.compile(r"[0-9]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9@.+'_%-]+")
_LIKE_SIGN = re.compile(r"[_%]")


@dataclass(frozen=True, slots=True)
class Term:
    """One field, its condition and the value as Krayin reads it: for `like`, a pattern without the outer `%`."""

    field: str
    condition: Literal["=", "like", "in"]
    value: str


def reference(text: str) -> str:
    """`text` if it can be found again as a title part and as an own key, else UnusableKey.

    3 to 100 ASCII letters, digits, dots, hyphens, underscores, starting with a letter or digit: no colon, semicolon,
    comma or blank. Krayin compares without case, so two references must not differ by case alone.
    """
    if not _REFERENCE.fullmatch(text):
        raise UnusableKey("a reference is 3 to 100 ASCII letters, digits, dots, hyphens or underscores")
    return text


def own_keys(references: Iterable[str]) -> Term | None:
    """Records holding one of these own keys in any text attribute; None without a reference."""
    values = sorted({reference(each) for each in references})
    if not values:
        return None
    if len(values) == 1:
        return Term(OWN_KEY, "=", values[0])
    return Term(OWN_KEY, "in", ",".join(values))


def email(address: str) -> Term | None:
    """Records with this address, anchored by quotes to the whole JSON text; None if nothing searchable is left.

    The stored JSON may spell a slash as `\\/` and other letters as `\\uXXXX`, and the grammar takes colon, semicolon
    and blanks: each run of such characters becomes one wildcard `%`, at most three. The comparison is case-sensitive.
    """
    address = address.strip()
    plain = sum(character.isascii() and character.isalnum() for character in address)
    if "@" not in address or plain < _EMAIL_PLAIN_AT_LEAST or len(address) > _EMAIL_LENGTH_AT_MOST:
        return None
    if len(_UNSAFE.findall(address)) > _EMAIL_WILDCARDS_AT_MOST:
        return None
    pattern = "%".join(_LIKE_SIGN.sub(r"\\\g<0>", plain_part) for plain_part in _UNSAFE.split(address))
    return Term(EMAILS, "like", f'"{pattern}"')


def phone(digits: str) -> Term | None:
    """Records with these consecutive digits, however spaced; None below 8 digits, which would match too many.

    Krayin stores any spelling, so `%` stands between the digits. Eight trailing digits find a Brazilian mobile with and
    without the ninth digit.
    """
    if not _DIGITS.fullmatch(digits) or len(digits) < PHONE_DIGITS_AT_LEAST:
        return None
    return Term(PHONES, "like", "%".join(digits))


def title_with(part: str) -> Term:
    """Leads whose title contains the reference `part`."""
    return Term(TITLE, "like", reference(part).replace("_", r"\_"))


def query(terms: Sequence[Term | None], *, limit: int = 50) -> dict[str, str]:
    """The query of a search for records that match any of the terms; None entries are left out of both lists.

    Raises UnusableKey when no term is left (Krayin would return every record) or a field comes twice (only the last one
    counts). Values still have to be URL-encoded, `+` included.
    """
    given = [term for term in terms if term is not None]
    if not given or any(not term.value.strip('%" ') for term in given):
        raise UnusableKey("a search without a term returns every record")
    if len({term.field for term in given}) < len(given):
        raise UnusableKey("a field can be searched once per query")
    return {
        "search": ";".join(f"{term.field}:{term.value}" for term in given),
        "searchFields": ";".join(f"{term.field}:{term.condition}" for term in given),
        "searchJoin": "or",
        "limit": str(limit),
    }
