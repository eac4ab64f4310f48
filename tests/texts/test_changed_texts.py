"""A material change stops its purposes until people answer, and names whom to tell; an editorial one does neither."""

from datetime import datetime, timedelta

import pytest
from factories import clinic, connection, contact

from consent.decisions import decide
from consent.models import Clinic, ConsentRecord, DataSubject, TextKind
from consent.policy import Action, Category, Purpose
from consent.texts import people_to_inform, serve
from tests.texts.shown_texts import NOW, approved

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
DAY = timedelta(days=1)
CONSENT = {"kind": TextKind.CONSENT, "purpose": "marketing"}


@pytest.fixture
def sol() -> Clinic:
    return clinic(policy_version="1", policy_confirmed_at=NOW, dpo_contact="d@x.br", cnpj="11222333000181")


def person(of: Clinic, *, said_yes_at: datetime | None = None) -> DataSubject:
    made = contact(connection(of)).subject
    if said_yes_at:
        ConsentRecord.objects.create(
            subject=made, consent_type="marketing", status="granted", granted_at=said_yes_at, consent_text="Aceito.",
            consent_version="1",
        )  # fmt: skip
    return made


def may_send(to: DataSubject, at: datetime, purpose: Purpose = Purpose.MARKETING) -> str:
    return decide(to, purpose=purpose, category=Category.LEAD, action=Action.SEND, now=at).reason


def test_a_material_change_stops_the_purpose_until_a_new_yes(sol: Clinic) -> None:
    approved(sol, **CONSENT, at=NOW)
    anna = person(sol, said_yes_at=NOW + DAY)
    assert may_send(anna, NOW + 2 * DAY) == "allowed"
    approved(sol, **CONSENT, body="Outra pergunta?", at=NOW + 3 * DAY, change="material")
    assert may_send(anna, NOW + 3 * DAY) == "no_consent"
    assert may_send(anna, NOW + 3 * DAY, Purpose.CARE_CONTACT) == "allowed", "care never stops"
    again = ConsentRecord.objects.get(subject=anna)
    again.pk, again.granted_at = None, NOW + 4 * DAY
    again.save(force_insert=True)
    assert may_send(anna, NOW + 4 * DAY) == "allowed"


def test_an_editorial_change_stops_nothing_and_nobody_has_to_be_told(sol: Clinic) -> None:
    approved(sol, **CONSENT, at=NOW)
    anna = person(sol, said_yes_at=NOW + DAY)
    changed = approved(sol, **CONSENT, body="A mesma pergunta?", at=NOW + 2 * DAY, change="editorial")
    assert may_send(anna, NOW + 3 * DAY) == "allowed"
    assert not people_to_inform(changed).exists()


def test_a_change_that_has_not_begun_stops_nothing_yet(sol: Clinic) -> None:
    approved(sol, **CONSENT, at=NOW)
    anna = person(sol, said_yes_at=NOW + DAY)
    approved(sol, **CONSENT, body="Outra?", at=NOW + DAY, change="material", valid_from=NOW + 9 * DAY)
    assert [may_send(anna, NOW + days * DAY) for days in (8, 9)] == ["allowed", "no_consent"]


def test_a_changed_notice_stops_the_purposes_named_in_this_clinic_only(sol: Clinic) -> None:
    lua = clinic("Clínica Lua", policy_version="1", policy_confirmed_at=NOW)
    anna, bia = person(sol, said_yes_at=NOW), person(lua, said_yes_at=NOW)
    approved(sol, TextKind.PRIVACY_NOTICE, body="Primeiro aviso.", at=NOW)
    approved(
        sol, TextKind.PRIVACY_NOTICE, body="Segundo aviso.", at=NOW + DAY, change="material", affected=("marketing",)
    )
    assert [may_send(one, NOW + DAY) for one in (anna, bia)] == ["no_consent", "allowed"]


def test_whoever_said_yes_or_read_the_earlier_text_is_told_once(sol: Clinic) -> None:
    first = approved(sol, **CONSENT, at=NOW)
    said_yes, said_no, read_it, never = (person(sol, said_yes_at=NOW if index < 2 else None) for index in range(4))
    ConsentRecord.objects.create(
        subject=said_no, consent_type="marketing", status="withdrawn", withdrawn_at=NOW, consent_text="Não.",
        consent_version="1",
    )  # fmt: skip
    serve(first, read_it, channel="chat", now=NOW)
    changed = approved(sol, **CONSENT, body="Outra pergunta?", at=NOW + DAY, change="material")
    assert set(people_to_inform(changed)) == {said_yes, read_it}
    assert never not in people_to_inform(changed)
    serve(changed, said_yes, channel="chat", now=NOW + DAY)
    assert set(people_to_inform(changed)) == {read_it}
