"""Whatever prints, logs, serialises or copies a sealed value gets a mask or ciphertext."""

import copy
import io
import json
import logging
import pickle
from collections.abc import Callable

import pytest
from django.contrib.admin.utils import display_for_field
from django.core.exceptions import FieldError, ValidationError
from django.core.management import call_command
from django.core.serializers import deserialize, serialize
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context as TemplateContext
from django.template import Template
from django.utils.html import format_html
from rest_framework.renderers import JSONRenderer

from consent.encryption import Context, Sealed, Undecryptable, ensure_subject_keys, seal
from consent.identifiers import MASK
from consent.models import ContactPoint, DataSubject

pytestmark = pytest.mark.django_db

PHONE = "+5511987654321"


@pytest.fixture
def point(make_subject: Callable[..., DataSubject]) -> ContactPoint:
    subject = make_subject()
    point = ContactPoint(subject=subject, clinic=subject.clinic, kind="phone")
    point.seal_value(PHONE, mask="·4321")
    point.save()
    return ContactPoint.objects.get(pk=point.pk)


PRINTERS: dict[str, Callable[[Sealed], str]] = {
    "str": str,
    "repr": repr,
    "f-string": lambda sealed: f"{sealed}",
    "padded": lambda sealed: f"{sealed:>10}".strip(),
    "percent": lambda sealed: "%s" % sealed,  # noqa: UP031
    "django json": lambda sealed: json.loads(json.dumps(sealed, cls=DjangoJSONEncoder)),
    "rest framework": lambda sealed: json.loads(JSONRenderer().render(sealed)),
    "template": lambda sealed: Template("{{ v }}").render(TemplateContext({"v": sealed})),
    "safe template": lambda sealed: Template("{{ v|safe }}").render(TemplateContext({"v": sealed})),
    "format_html": lambda sealed: format_html("{}", sealed),
    "admin": lambda sealed: str(display_for_field(sealed, ContactPoint._meta.get_field("value"), "-")),
}


@pytest.mark.parametrize("printer", PRINTERS)
def test_every_way_of_printing_gives_the_mask(point: ContactPoint, printer: str) -> None:
    assert PRINTERS[printer](point.value) == MASK


def test_logging_gives_the_mask(point: ContactPoint, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("value %s %r", point.value, {"v": point.value})
    assert caplog.messages == [f"value {MASK} {{'v': {MASK}}}"]


def test_pickles_and_copies_hold_ciphertext_only(point: ContactPoint) -> None:
    pickled = pickle.dumps(point)
    assert PHONE.encode() not in pickled
    assert pickle.loads(pickled).value == copy.deepcopy(point.value) == point.value


def test_dumpdata_holds_ciphertext_only_and_loads_again(point: ContactPoint) -> None:
    out = io.StringIO()
    call_command("dumpdata", "consent.ContactPoint", stdout=out)
    assert PHONE not in out.getvalue()
    assert "987654321" not in out.getvalue()
    (loaded,) = deserialize("json", serialize("json", [point]))
    assert loaded.object.value == point.value


def test_sealed_values_do_not_change(point: ContactPoint) -> None:
    with pytest.raises(AttributeError):
        point.value.blob = b""
    with pytest.raises(AttributeError):
        point.value._blob = b""


def test_equality_is_equality_of_bytes(point: ContactPoint) -> None:
    again = seal(PHONE, subject=point.subject_id, context=point.value_context)
    assert point.value == Sealed(point.value.blob)
    assert len({point.value, Sealed(point.value.blob), again}) == 2
    assert not Sealed(b"")


def test_text_cannot_be_stored_in_place_of_a_sealed_value(point: ContactPoint) -> None:
    point.value = PHONE
    with pytest.raises(TypeError, match="takes Sealed values, not str") as refused:
        point.save()
    assert PHONE not in str(refused.value)
    with pytest.raises(ValidationError, match="not a sealed value"):
        ContactPoint._meta.get_field("value").clean(PHONE, point)


@pytest.mark.parametrize("lookup", ["value", "value__contains", "value__in"])
def test_ciphertext_cannot_be_searched(lookup: str) -> None:
    with pytest.raises(FieldError, match="blind index"):
        ContactPoint.objects.filter(**{lookup: "x"}).exists()


def test_empty_columns_can_be_found(point: ContactPoint) -> None:
    assert not ContactPoint.objects.filter(value__isnull=True).exists()
    assert ContactPoint.objects.filter(value__isnull=False).get() == point


def test_sealed_values_are_stored_in_bulk(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject()
    points = [ContactPoint(subject=subject, clinic=subject.clinic, kind="phone") for _ in range(3)]
    for number, point in enumerate(points):
        point.seal_value(f"{PHONE}{number}", mask="·4321")
    ContactPoint.objects.bulk_create(points)
    for point in points:
        point.value = seal("x", subject=subject.pk, context=point.value_context)
    ContactPoint.objects.bulk_update(points, ["value"])
    stored = {point.pk: point.value for point in ContactPoint.objects.all()}
    assert stored == {point.pk: point.value for point in points}


def test_errors_do_not_repeat_what_could_not_be_opened() -> None:
    with pytest.raises(Undecryptable) as error:
        Sealed.from_base64("bm8gc2VjcmV0")
    assert "bm8" not in str(error.value)


def test_a_context_names_the_place_without_the_row(make_subject: Callable[..., DataSubject]) -> None:
    ensure_subject_keys([make_subject().pk])
    assert Context("bridge.ObservedContact", "name", "8812").place == "bridge.ObservedContact.name"
