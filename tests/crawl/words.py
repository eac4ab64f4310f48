"""Which words of a page are English: those of the code's texts that no Portuguese text of the catalogue uses."""

import re
from functools import cache
from pathlib import Path

import polib
from django.conf import settings

# Names of partners' things, of formats and of people in the examples.
ALLOWED = frozenset({"follow", "rest", "bridge", "settings", "access"})
WORD = re.compile(r"[a-zà-ÿ]{3,}")
NOT_WORDS = re.compile(r"%\(\w+\)\w|\{[^}]*\}|<[^>]+>|https?://\S+|\S+@\S+|\S*[_/0-9]\S*|&\w+;")


def words_of(text: str) -> set[str]:
    return set(WORD.findall(NOT_WORDS.sub(" ", text).lower()))


@cache
def english() -> frozenset[str]:
    catalogue = polib.pofile(str(Path(settings.LOCALE_PATHS[0]) / "pt_BR" / "LC_MESSAGES" / "django.po"))
    said, translated = set[str](), set[str]()
    for entry in catalogue:
        said |= words_of(f"{entry.msgid} {entry.msgid_plural}")
        translated |= words_of(" ".join([entry.msgstr, *entry.msgstr_plural.values()]))
    return frozenset(said - translated - ALLOWED)


def english_in(text: str) -> set[str]:
    return words_of(text) & english()
