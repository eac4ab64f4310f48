"""The package: everything of section 9 in its place, the same bytes for the same data, nothing in it that acts."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from exporting import bytes_of, exported, files_of, message, records, sealed_zip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.models import ObservedContact, ObservedConversation
from consent.datamap import Export, entries
from consent.export import checking, layout, rendering, rows
from consent.export.names import sanitised, unique
from consent.export.sources import Attachment, Item, LeftOut, Record

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

REQUIRED = (
    "manifest.json", "manifest.sig", "CHECKSUMS.sha256", "index.html", "LEIA-ME.txt", "data/person.json",
    "data/person.csv", "data/contacts.json", "data/contacts.csv", "data/conversations/1.json", "data/messages.csv",
    "data/crm/leads.json", "data/crm/leads.csv", "data/crm/quotes.json", "data/crm/quotes.csv",
    "data/crm/activities.json", "data/crm/activities.csv", "data/crm/emails.json", "data/crm/emails.csv",
    "data/consents/records.json", "data/consents/events.csv", "data/processing.json", "data/sharing.csv",
    "data/accesses.csv", "data/requests.csv", "data/automated_decisions.json",
)  # fmt: skip
NASTY = (
    "<script>alert(1)</script>", "{{ request }}{% load x %}", "=cmd|'/c calc'!A1", "+551133334444", "-1", "@SUM(A1)",
    "\ttab", "a,b\"c\r\nd", "<!--records:person-->", "\u202egnp.exe", "",
)  # fmt: skip


def test_a_package_has_every_file_of_the_layout_and_a_schema_for_every_json_file(person: ObservedContact) -> None:
    row = exported(person)
    files = files_of(row)
    assert row.state == "ready"
    assert [path for path in REQUIRED if path not in files] == []
    manifest = json.loads(files["manifest.json"])
    schemas = {one["path"]: one["schema"] for one in manifest["files"] if one["path"].startswith("data/")}
    assert all(schemas[path] in files for path in schemas if path.endswith(".json"))
    assert manifest["format"] == "bridge-lgpd-export"
    assert manifest["controller"]["name"] == "Clínica Sol Ltda"
    assert manifest["subject"]["display_name"] == "Marina Serra Azul"


def test_the_conversation_says_what_was_written_by_role_and_never_by_the_names_of_attendants(
    person: ObservedContact,
) -> None:
    talk = ObservedConversation.objects.get()
    message(talk, 9, "Posso ajudar?", direction="outgoing", author_kind="user")
    row = exported(person)
    held = records(row, "data/conversations/1.json")
    assert held["messages"][0]["text"] == "Bom dia"
    assert [one["author"] for one in held["messages"]] == ["contact", "contact", "contact", "user"]
    assert ["attendant", "THIRD_PARTY", 1] in row.exclusions


def test_telephones_of_others_are_masked_and_counted_the_persons_own_stay(person: ObservedContact) -> None:
    row = exported(person)
    texts = [one["text"] for one in records(row, "data/conversations/1.json")["messages"]]
    assert texts[1] == "Meu fone: (11) 98765-4321"
    assert texts[2] == "O da minha mãe: ••••"
    told = json.loads(files_of(row)["manifest.json"])["exclusions"]
    assert [one["count"] for one in told if one["what"] == "third_person_phone"] == [1]


def test_the_same_data_give_the_same_bytes_except_times_and_ids_of_the_package(person: ObservedContact) -> None:
    before = exported(person, "2026-A")
    first = files_of(before)
    # An earlier copy is a fact about the person, too.
    before.delete()
    second = files_of(exported(person, "2026-B"))
    differing = {path for path in first if first[path] != second.get(path)}
    assert first.keys() == second.keys()
    assert differing <= {"manifest.json", "manifest.sig", "CHECKSUMS.sha256", "index.html", "LEIA-ME.txt"}


def test_what_people_wrote_acts_nowhere(person: ObservedContact, also: Callable[..., None]) -> None:
    def read(unit: str) -> Iterator[Item]:
        for number, text in enumerate(NASTY):
            yield Record("activities", {"system": "outro", "id": number, "type": "note", "title": text, "text": text})
        yield Record("conversation", {"system": "outro", "conversation_id": 5})
        yield Record("message", {"system": "outro", "message_id": 1, "text": "anexo", "attachments": ["x"]})
        for name in ("../../etc/passwd", "C:\\temp\\laudo.pdf", "laudo.pdf", "LAUDO.pdf", "nul", "a\x00b\u202e.png"):
            yield Attachment(name, "application/pdf", iter([b"%PDF-1.7"]))

    also(read)
    row = exported(person)
    files = files_of(row)
    page = files["index.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ request }}" in page
    assert page.count('<section id="person">') == 1
    cells = files["data/crm/activities.csv"].decode("utf-8-sig")
    assert "'=cmd" in cells
    assert "'@SUM" in cells
    attached = sorted(path for path in files if path.startswith("attachments/"))
    assert {path.rpartition("/")[2] for path in attached} == {
        "laudo.pdf", "laudo (2).pdf", "LAUDO (3).pdf", "_nul", "ab.png", "passwd"
    }  # fmt: skip
    assert not any(".." in path or "\\" in path for path in files)
    assert checking.wrong_with(sealed_zip(row), row.signing_key) == ""


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_tables_read_back_as_they_were_written_and_hold_no_formula(cells: list[str]) -> None:
    written = rendering.row(cells).decode()
    assert written.endswith("\r\n")
    (read,) = csv.reader(io.StringIO(written, newline=""), strict=True)
    assert not any(cell.startswith(rendering.FORMULA) for cell in read)
    assert [cell.removeprefix("'") if cell != was else cell for cell, was in zip(read, cells, strict=True)] == cells


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=200), min_size=1, max_size=8))
def test_names_of_files_become_one_harmless_path_part_each_different(names: list[str]) -> None:
    taken: dict[str, int] = {}
    paths = [unique("attachments/1", name, taken) for name in names]
    assert len({path.casefold() for path in paths}) == len(names)
    for path in paths:
        part = path.removeprefix("attachments/1/")
        assert part not in ("", ".", "..")
        assert not set(part) & set('/\\:*?"<>|\n\r\0')
        assert len(part.encode()) <= 140
    assert sanitised("../../etc/passwd") == "passwd"


def test_every_column_the_data_map_hands_over_has_its_place_in_the_package() -> None:
    """lgpd 9: completeness. What a colleague's model adds must be handed over, or be left out with a reason."""
    missing = sorted(
        f"{label}.{name}"
        for label, model in entries().items()
        if label not in rows.whole_models()
        for name, entry in model.fields.items()
        if entry.is_personal and entry.category != "R18" and entry.export != Export.EXCLUDE
        if f"{label}.{name}" not in layout.handed_over()
    )
    assert missing == []


def test_left_out_things_are_told_with_their_reason(person: ObservedContact, also: Callable[..., None]) -> None:
    also(lambda unit: iter([LeftOut("quotes", "IMPOSSIBLE")]))
    told = json.loads(files_of(exported(person))["manifest.json"])["exclusions"]
    quotes = next(one for one in told if one["what"] == "quotes")
    assert quotes["article"] == "LGPD Art. 18, § 4º, II"
    assert "Krayin" in quotes["text_pt"]


def test_nothing_of_a_package_lies_readable_on_the_disk(person: ObservedContact, export_dir: Any) -> None:
    row = exported(person)
    stored = b"".join(path.read_bytes() for path in export_dir.rglob("*") if path.is_file())
    assert len(stored) > len(bytes_of(row))
    for canary in (b"Marina Serra", b"Bom dia", b"98765", b"manifest.json"):
        assert canary not in stored


@pytest.mark.parametrize("text", NASTY)
def test_the_readable_page_shows_a_value_as_text(text: str) -> None:
    html = rendering.told({"Texto": text})
    assert "<script" not in html
    assert "<!--" not in html
