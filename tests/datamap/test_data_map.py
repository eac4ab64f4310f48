"""Every stored field is described, and a description that the law or the table contradicts stops the start."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from io import StringIO

import pytest
from celery import Task
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.test.utils import isolate_apps

from bridge.models import ObservedContact
from consent import datamap
from consent.datamap import Erasure, FieldEntry, ModelMap, Part, Processing, Why
from consent.datamap.checks import data_map_is_complete, incomplete, problems_of, stored_models
from consent.datamap.kinds import CLINICAL, CONTACT, LINK, SETTING
from consent.encryption.places import Owner, places
from consent.models import DataSubject


@contextmanager
def added(model: type[models.Model], name: str, field: models.Field) -> Iterator[None]:
    """The model with one more field, as if somebody had just written it."""
    field.contribute_to_class(model, name)
    try:
        yield
    finally:
        model._meta.local_fields.remove(field)
        delattr(model, name)
        model._meta._expire_cache()  # type: ignore[attr-defined]


@contextmanager
def described(changed: ModelMap) -> Iterator[None]:
    """The data map with one model described otherwise."""
    before = datamap.entries()[changed.label]
    datamap.register([changed])
    try:
        yield
    finally:
        datamap.register([before])


def without(label: str, name: str) -> ModelMap:
    return ModelMap(label, tuple(Part(e, n) for n, e in datamap.entries()[label].fields.items() if n != name))


def with_entry(label: str, name: str, entry: FieldEntry) -> ModelMap:
    fields = {**datamap.entries()[label].fields, name: entry}
    return ModelMap(label, tuple(Part(e, n) for n, e in fields.items()))


def check() -> None:
    call_command("check", stdout=StringIO(), stderr=StringIO())


def test_every_stored_field_of_every_installed_model_is_described() -> None:
    assert list(incomplete(stored_models(), datamap.entries())) == []
    assert sum(len(one.fields) for one in datamap.entries().values()) > 700


@pytest.mark.acceptance(1)
def test_a_field_somebody_adds_stops_the_start_by_its_name() -> None:
    with added(ObservedContact, "nickname", models.CharField(max_length=50)), pytest.raises(SystemCheckError) as error:
        check()
    assert "(ponte.E012) bridge.ObservedContact.nickname is stored and not in the data map." in str(error.value)
    assert "one block per model" in str(error.value)
    check()


@isolate_apps("consent")
def test_a_model_nobody_described_stops_the_start() -> None:
    class Diary(models.Model):
        class Meta:
            app_label = "consent"

        def __str__(self) -> str:
            return "diary"

    assert "consent.Diary is stored and not in the data map." in list(incomplete([Diary], datamap.entries()))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (without("consent.ContactPoint", "mask"), "consent.ContactPoint.mask is stored and not in the data map."),
        (with_entry("consent.ContactPoint", "nick", SETTING), "describes consent.ContactPoint.nick, which does not exist."),
        (with_entry("consent.ContactPoint", "mask", CONTACT), "ContactPoint.mask is not, but the data map says encrypted."),
        (
            with_entry("consent.ContactPoint", "value", replace(CONTACT, sealed=False)),
            "ContactPoint.value is encrypted, but the data map says plain.",
        ),
        (with_entry("bridge.WebhookBody", "headers", LINK), "WebhookBody.headers is JSON and the data map lists none"),
        (with_entry("consent.ContactPoint", "kind", replace(LINK, keys=("a",))), "ContactPoint.kind, which is not JSON."),
        (with_entry("consent.ContactPoint", "kind", replace(LINK, category="R99")), "kind: unknown code 'R99'."),
        (with_entry("consent.ContactPoint", "kind", replace(LINK, base="A7-XI")), "kind: unknown code 'A7-XI'."),
    ],
)  # fmt: skip
def test_a_wrong_description_stops_the_start(changed: ModelMap, said: str) -> None:
    with described(changed):
        found = [message.msg for message in data_map_is_complete(None)]
    assert [message for message in found if said in message] == found
    assert found
    assert data_map_is_complete(None) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (replace(CLINICAL, base="A7-V"), "sensitive data on base A7-V."),
        (replace(CLINICAL, base="A7-IX"), "sensitive data on base A7-IX."),
        (replace(CLINICAL, sensitive=False), "R01 is sensitive, the entry says it is not."),
        (replace(CLINICAL, purposes=()), "personal data without purpose."),
        (replace(LINK, why=None), "left out of the copy for the person without a reason."),
        (FieldEntry(datamap.NONE), "no personal data, yet it has a base, a period or no reason."),
        (replace(SETTING, base="A7-II"), "no personal data, yet it has a base, a period or no reason."),
    ],
)
def test_an_entry_the_law_contradicts_is_named(entry: FieldEntry, said: str) -> None:
    assert [problem for problem, _hint in problems_of(entry)] == [said]


def test_what_a_persons_key_seals_is_shredded_or_outlives_the_person_in_a_file_of_its_own() -> None:
    own_file = {"R06", "R14"}  # requests and their papers: the key belongs to the file
    for place in places(Owner.SUBJECT):
        entry = datamap.entry(place.model._meta.label, place.field)
        assert entry.is_personal, place.label
        assert entry.erasure == Erasure.SHRED or entry.category in own_file, place.label


def test_arguments_of_tasks_are_places_of_the_map() -> None:
    """What waits in Redis is stored, too."""
    told = " ".join(place.where for place in datamap.places())
    found = []
    for app in ("config", "audit", "bridge", "consent", "insights"):
        try:
            module = import_module(f"{app}.tasks")
        except ModuleNotFoundError:
            continue
        for name, task in vars(module).items():
            if isinstance(task, Task) and inspect.signature(task.run).parameters:
                found.append(f"{app}.tasks.{name}")
    assert found
    assert [name for name in found if name not in told] == []


def test_one_field_can_be_asked_for() -> None:
    entry = datamap.entry("bridge.ObservedMessage", "content")
    assert (entry.category, entry.base, entry.erasure, entry.sealed) == ("R01", "A11-II-f", Erasure.SHRED, True)
    assert Processing.MESSAGE_TEXT in entry.purposes
    assert datamap.entry(DataSubject._meta.label, "pseudonym").why == Why.INTERNAL
    with pytest.raises(KeyError):
        datamap.entry("bridge.ObservedMessage", "colour")
