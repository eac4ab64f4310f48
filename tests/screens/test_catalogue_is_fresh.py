"""Every text a person reads is in the Portuguese catalogue, translated and compiled."""

from pathlib import Path

import polib
import pytest
from django.utils import translation

from bridge.causes import ADVICE, Cause
from config import catalogue
from config.catalogue import Places


def test_every_text_is_in_the_catalogue_translated_and_compiled() -> None:
    assert catalogue.faults(catalogue.texts(), catalogue.places()) == []


def test_every_cause_and_its_button_are_read_in_portuguese() -> None:
    with translation.override("pt-br"):
        portuguese = {str(cause.label) for cause in Cause} | {str(ADVICE[cause].button) for cause in Cause}
    with translation.override("en"):
        english = {str(cause.label) for cause in Cause} | {str(ADVICE[cause].button) for cause in Cause}
    assert not portuguese & english


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from django.utils.translation import gettext_lazy as _\n_('a' 'b')", [("ab", "")]),
        ("from django.utils.translation import ngettext\nngettext('one', 'many', 3)", [("one", "many")]),
        ("from elsewhere import gettext as _\n_('not ours')", []),
        ("from django.utils.translation import gettext\ngettext(name)", []),
    ],
)
def test_texts_are_found_in_code_under_any_imported_name(source: str, expected: list[tuple[str, str]]) -> None:
    assert list(catalogue.in_python(source)) == expected


def test_texts_are_found_in_templates() -> None:
    source = (
        '{% load i18n %}{% translate "Don\'t" %}{% blocktranslate count n=n %}{{ n }} cat{% plural %}{{ n }} cats'
        '{% endblocktranslate %}{% include "x.html" with title=_("Home") %}'
    )
    assert list(catalogue.in_template(source)) == [("Don't", ""), ("%(n)s cat", "%(n)s cats"), ("Home", "")]


def catalogue_at(folder: Path, *entries: polib.POEntry) -> Places:
    where = Places(folder / "django.po", folder / "django.mo")
    made = polib.POFile()
    made.extend(entries)
    catalogue.write(made, where)
    return where


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (polib.POEntry(msgid="%(n)d people", msgstr="pessoas"), "other placeholders: '%(n)d people'"),
        (polib.POEntry(msgid="Use {nome}", msgstr="Use {name}"), "other placeholders: 'Use {nome}'"),
        (polib.POEntry(msgid="House", msgstr=""), "untranslated: 'House'"),
        (polib.POEntry(msgid="House", msgstr="Casa", flags=["fuzzy"]), "untranslated: 'House'"),
    ],
)
def test_a_wrong_translation_is_named(tmp_path: Path, entry: polib.POEntry, fault: str) -> None:
    where = catalogue_at(tmp_path, entry)
    assert fault in catalogue.faults({(entry.msgid, ""): ["a.py"]}, where)


def test_missing_and_leftover_texts_are_named(tmp_path: Path) -> None:
    where = catalogue_at(tmp_path, polib.POEntry(msgid="Old", msgstr="Velho"))
    assert catalogue.faults({("New", ""): ["a.py"]}, where) == ["missing: 'New'", "no longer used: 'Old'"]


def test_an_old_compiled_file_is_noticed(tmp_path: Path) -> None:
    where = catalogue_at(tmp_path, polib.POEntry(msgid="House", msgstr="Casa"))
    where.po.write_text(where.po.read_text().replace("Casa", "Lar"))
    assert catalogue.faults({("House", ""): ["a.py"]}, where) == ["the compiled file is not of this catalogue"]


def test_renewing_keeps_translations_and_drops_what_is_no_longer_used(tmp_path: Path) -> None:
    old = polib.POFile()
    old.extend([polib.POEntry(msgid="House", msgstr="Casa"), polib.POEntry(msgid="Old", msgstr="Velho")])
    new = catalogue.renewed(old, {("House", ""): ["a.py"], ("New", ""): ["b.py"]})
    assert [(entry.msgid, entry.msgstr) for entry in new] == [("House", "Casa"), ("New", "")]
