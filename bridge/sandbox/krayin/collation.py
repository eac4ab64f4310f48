"""Comparing values as MariaDB does for Krayin's columns (contract sections 4, 20.1, 20.2).

Text columns use `utf8mb4_unicode_ci`: case, accents and trailing blanks are ignored, every emoji equals every other.
JSON columns are compared byte by byte, on the text PHP wrote.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias

Json: TypeAlias = Any
Predicate = Callable[[Json], bool]

_IGNORED = {"Mn", "Me", "Cf"}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)")


def _fold_character(character: str) -> str:
    if ord(character) > 0xFFFF:
        return "\ufffd"
    kept = [part for part in unicodedata.normalize("NFD", character) if unicodedata.category(part) not in _IGNORED]
    return "".join(kept).casefold()


@lru_cache(maxsize=100_000)
def _fold_all(text: str) -> str:
    if text.isascii():
        return text.lower()
    return "".join(_fold_character(character) for character in unicodedata.normalize("NFC", text))


def fold(text: str) -> str:
    """The key under which two texts are equal for the database."""
    return _fold_all(text).rstrip(" ")


def php_json(value: Json) -> str:
    """JSON as PHP's `json_encode` writes it: no blanks, `\\uXXXX` for non-ASCII, escaped slashes."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/")


def to_number(text: str) -> float:
    """A text where a number is expected: its leading digits, 0 when there are none."""
    found = _NUMBER.match(text)
    return float(found.group(1)) if found else 0.0


@lru_cache(maxsize=2_000)
def _like_pattern(pattern: str, collated: bool) -> re.Pattern[str]:
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        else:
            literal = next(characters, "\\") if character == "\\" else character
            parts.append(re.escape(_fold_all(literal) if collated else literal))
    return re.compile("".join(parts), re.DOTALL)


def like(kind: str, pattern: str) -> Predicate:
    """`column LIKE pattern` for a column of the given kind; NULL never matches."""
    collated = kind == "text"
    # Both ends open: searching is the same as matching the whole, and much faster.
    contains = len(pattern) > 1 and pattern[0] == pattern[-1] == "%" and pattern[-2] != "\\"
    regex = _like_pattern(pattern[1:-1] if contains else pattern, collated)
    test = regex.search if contains else regex.fullmatch

    def matches(stored: Json) -> bool:
        if stored is None:
            return False
        text = _fold_all(stored) if collated else str(stored)
        return test(text) is not None

    return matches


def is_in(kind: str, wanted: Iterable[str]) -> Predicate:
    """`column IN (...)` for a column of the given kind; NULL never matches."""
    if kind == "text":
        folded = {fold(value) for value in wanted}
        return lambda stored: stored is not None and fold(stored) in folded
    if kind in ("int", "decimal"):
        numbers = {to_number(value) for value in wanted}
        return lambda stored: stored is not None and float(stored) in numbers
    if kind == "date":
        dates = {value.strip()[:10] for value in wanted}
        return lambda stored: stored is not None and stored[:10] in dates
    if kind == "datetime":
        moments = {_as_datetime(value) for value in wanted}
        return lambda stored: stored is not None and stored in moments
    texts = set(wanted)
    return lambda stored: stored is not None and stored in texts


def equals(kind: str, wanted: str) -> Predicate:
    """`column = value` for a column of the given kind; NULL never matches."""
    return is_in(kind, [wanted])


def _as_datetime(text: str) -> str:
    text = text.strip().replace("T", " ")
    return f"{text} 00:00:00" if len(text) == 10 else text[:19]


def cut_characters(text: str, length: int = 255) -> str:
    """A VARCHAR takes the first characters and drops the rest without an error (strict mode is off)."""
    return text[:length]


def cut_bytes(text: str, length: int = 65_535) -> str:
    """A TEXT column takes what fits in bytes, up to the last whole character."""
    encoded = text.encode("utf-8", "surrogatepass")
    return text if len(encoded) <= length else encoded[:length].decode("utf-8", "ignore")
