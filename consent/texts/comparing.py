"""What differs between two versions of a text, word by word."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """A run of words: in both (`same`), only in the older (`gone`), only in the newer (`new`)."""

    kind: str
    text: str


def differences(older: str, newer: str) -> list[Piece]:
    """The newer text as pieces, with what is gone in its place."""
    old, new = _words(older), _words(newer)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [piece for step in matcher.get_opcodes() for piece in _pieces(step, old, new)]


def _pieces(step: tuple[str, int, int, int, int], old: list[str], new: list[str]) -> Iterator[Piece]:
    tag, old_from, old_to, new_from, new_to = step
    if tag == "equal":
        yield Piece("same", "".join(new[new_from:new_to]))
        return
    if gone := "".join(old[old_from:old_to]):
        yield Piece("gone", gone)
    if added := "".join(new[new_from:new_to]):
        yield Piece("new", added)


def changed_share(older: str, newer: str) -> float:
    """How much of the words differs, 0 to 1: a help for saying whether a change is editorial."""
    return 1 - difflib.SequenceMatcher(None, _words(older), _words(newer), autojunk=False).ratio()


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|[^\s]+", text)
