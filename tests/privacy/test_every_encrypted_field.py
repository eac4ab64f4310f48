"""Every encrypted field, found by looking at the models: closed on every way out, and only openable in its place."""

import copy
import json
import logging
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import serializers
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.forms import model_to_dict
from django.template import Context, Template
from sealed_rows import BUILD, Person, canary, fill, opened, two_people

from consent.encryption import Sealed, Undecryptable
from consent.encryption.places import Owner, Place, places, sealed_fields
from consent.encryption.places import _places as registered
from consent.identifiers import MASK

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

LABELS = sorted(sealed_fields())


@pytest.fixture
def people() -> tuple[tuple[Person, dict[str, Any]], tuple[Person, dict[str, Any]]]:
    rita, sara = two_people()
    return (rita, fill(rita)), (sara, fill(sara))


def test_no_field_is_forgotten() -> None:
    assert [place.label for place in places()] == LABELS
    assert {place.model for place in places()} == set(BUILD)
    assert len(LABELS) >= 18


def test_a_field_without_place_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registered, LABELS[0])
    assert [(one.id, LABELS[0] in one.msg) for one in run_checks() if one.id == "ponte.E011"] == [("ponte.E011", True)]


def test_no_way_of_writing_a_row_down_shows_the_text(people: Any, caplog: Any) -> None:
    (rita, rows), _sara = people
    for place in places():
        row = place.model._default_manager.get(pk=rows[place.label].pk)
        value = getattr(row, place.field)
        with caplog.at_level(logging.DEBUG):
            logging.getLogger("tests").warning("%s %r %s", value, value, row)
        for text in ways(row, place.field, value):
            assert canary(place, rita) not in text, place.label
        assert pickle.loads(pickle.dumps(value)) == value
        assert str(value) == MASK, place.label
    assert "CANARIO" not in caplog.text


def ways(row: Any, field: str, value: Any) -> Iterator[str]:
    """How a value, or the row it stands in, becomes text."""
    yield from (str(value), repr(value), f"{value}", f"{value:>40}", f"{value!r}", repr(vars(row)), repr(row), str(row))
    yield json.dumps({"value": value}, cls=DjangoJSONEncoder)
    yield serializers.serialize("json", [row])
    yield serializers.serialize("xml", [row])
    yield str(model_to_dict(row, fields=[field]))
    yield str(list(type(row)._default_manager.filter(pk=row.pk).values()))
    yield str(copy.deepcopy(value))
    yield pickle.dumps(value).decode("latin-1")
    yield pickle.dumps(row).decode("latin-1")
    yield Template("{{ value }} {{ value|safe }} {{ row }}").render(Context({"value": value, "row": row}))


def test_a_value_opens_in_its_own_place_and_in_no_other(people: Any) -> None:
    """Swapped between rows, between fields and between people, for every field; all of it refused."""
    (rita, mine), (sara, hers) = people
    for place in places():
        label = place.label
        value: Sealed = getattr(mine[label], place.field)
        assert opened(place, mine[label], value, subject=rita.subject) == canary(place, rita)
        assert_closed(place, hers[label], value, rita)
        if place.owner == Owner.SUBJECT:
            assert_closed(place, mine[label], value, sara)
        for elsewhere in places():
            if elsewhere.label != place.label:
                assert_closed(elsewhere, mine[elsewhere.label], value, rita)


def assert_closed(place: Place, row: Any, value: Sealed, of: Person) -> None:
    with pytest.raises(Undecryptable):
        opened(place, row, value, subject=of.subject)


def test_a_field_takes_no_text(people: Any) -> None:
    (_rita, rows), _sara = people
    for place in places():
        row = rows[place.label]
        with pytest.raises(TypeError, match="takes Sealed values"), transaction.atomic():
            place.model._default_manager.filter(pk=row.pk).update(**{place.field: "em claro"})
        again = place.model._default_manager.get(pk=row.pk)
        assert getattr(again, place.field) == getattr(row, place.field), place.label


def test_a_dump_of_the_data_holds_ciphertext_only(people: Any, tmp_path: Any) -> None:
    target = tmp_path / "dump.json"
    labels = sorted({place.model._meta.label for place in places()})
    call_command("dumpdata", *labels, output=str(target), verbosity=0)
    text = target.read_text(encoding="utf-8")
    assert len(json.loads(text)) >= 2 * len(labels)
    assert "CANARIO" not in text
