"""A text as pieces to draw: headings, paragraphs, lists, bold. Nothing of it is ever taken for HTML."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

BOLD = re.compile(r"\*([^*\n]+)\*")


@dataclass(frozen=True)
class Block:
    """`kind` is heading, list or paragraph; its lines are drawn already."""

    kind: str
    lines: Sequence[SafeString]


def blocks(text: str) -> list[Block]:
    """The text in the order it is read: “# ” begins a heading, “- ” a line of a list, a blank line a paragraph."""
    found: list[tuple[str, list[SafeString]]] = []
    for line in text.split("\n"):
        kind, words = _kind(line)
        if kind and found and found[-1][0] == kind != "heading":
            found[-1][1].append(_bold(words))
        else:
            found.append((kind, [_bold(words)]))
    return [Block(kind, lines) for kind, lines in found if kind]


def _kind(line: str) -> tuple[str, str]:
    if not line.strip():
        return "", ""
    if line.startswith("# "):
        return "heading", line[2:]
    return ("list", line[2:]) if line.startswith("- ") else ("paragraph", line)


def _bold(line: str) -> SafeString:
    """`*words*` in bold, as the chat draws them; everything else escaped."""
    parts = BOLD.split(line)
    drawn = [
        format_html("<strong>{}</strong>", part) if index % 2 else format_html("{}", part)
        for index, part in enumerate(parts)
    ]
    return format_html_join("", "{}", ((part,) for part in drawn))
