"""What people do alone (G4, G5) and what the officer does (C4)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from approved import approve_all
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from factories import clinic as make_clinic
from factories import connection, contact, signed_in

from audit.models import AuditLog
from consent.consents.links import make_link
from consent.encryption import Actor
from consent.models import ConsentEvent, ConsentLink, ConsentRecord, DataRequest, DataSubject
from consent.public.consents import traffic
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

PERSON = Actor("person", "")
LIST = "/admin/consent/consentevent/"


@pytest.fixture(autouse=True)
def _nobody_came_before() -> None:
    traffic.forget()


@pytest.fixture
def person() -> DataSubject:
    made = contact(connection(make_clinic(dpo_name="Dora Prado", dpo_contact="dpo@clinica.exemplo"))).subject
    approve_all(made.clinic)
    return made


def address(person: DataSubject, kind: str) -> str:
    return make_link(person, kind, by=PERSON, now=timezone.now()).removeprefix("http://127.0.0.1:8000")


def form_of(page: Any, **answers: str) -> dict[str, str]:
    served = dict(re.findall(r'name="(served-\w+)" value="([0-9a-f-]+)"', page.content.decode()))
    return served | {f"answer-{kind}": said for kind, said in answers.items()}


# Alone ----------------------------------------------------------------------------------------------------------------


def test_each_purpose_is_answered_alone_and_nothing_is_ticked(person: DataSubject) -> None:
    client, where = Client(), address(person, "answer")
    page = client.get(where)
    text = page.content.decode()
    assert text.count("<fieldset") == 2
    assert "checked" not in text
    assert "<script" not in text
    assert "Se você disser não, nada muda no seu atendimento." in text
    assert "Dora Prado" in text
    assert 'content="noindex' in text
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    assert not ConsentRecord.objects.exists()
    sent = client.post(where, form_of(page, marketing="yes", language_model="no"))
    assert sent.status_code == 303
    assert dict(ConsentRecord.objects.values_list("consent_type", "status")) == {
        "marketing": "granted", "language_model": "denied",
    }  # fmt: skip
    receipt = client.get(sent["Location"])
    assert "Comprovante" in receipt.content.decode()
    file = client.get(f"{sent['Location']}?file=marketing")
    assert file.json()["format"] == "ponte-consent-receipt"
    assert "attachment" in file["Content-Disposition"]


def test_what_is_left_open_stays_open_and_nothing_is_answered_by_looking(person: DataSubject) -> None:
    client, where = Client(), address(person, "answer")
    assert client.post(where, form_of(client.get(where))).status_code == 200
    client.post(where, form_of(client.get(where), marketing="yes"))
    assert list(ConsentRecord.objects.values_list("consent_type", flat=True)) == ["marketing"]


def test_an_answer_to_what_was_not_shown_is_not_taken(person: DataSubject) -> None:
    client, where = Client(), address(person, "answer")
    for served in ("", "nonsense", "0f8fad5b-d9cb-469f-a165-70867728950e"):
        refused = client.post(where, {"answer-marketing": "yes", "served-marketing": served})
        assert refused.status_code == 409
    assert not ConsentRecord.objects.exists()


def test_forged_expired_foreign_and_missing_addresses_look_alike(person: DataSubject) -> None:
    client, where = Client(), address(person, "answer")
    pages = [client.get(where.replace("/consentimento/", "/parar/"))]
    pages.append(client.get(where[:-3] + "xx/"))
    pages.append(client.get("/consentimento/qualquer/"))
    ConsentLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    pages += [client.get(where), client.post(where, {"answer-marketing": "yes"})]
    assert {page.status_code for page in pages} == {404}
    assert len({page.content for page in pages}) == 1


def test_one_tap_stops_and_deletion_is_a_separate_choice(person: DataSubject) -> None:
    client, where = Client(), address(person, "withdraw")
    assert "Parar agora" in client.get(where).content.decode()
    assert not ConsentRecord.objects.exists()
    done = client.post(where)
    assert set(ConsentRecord.objects.values_list("status", flat=True)) == {"withdrawn"}
    assert "eliminação" in done.content.decode()
    assert not DataRequest.objects.exists()
    asked = client.post(where, {"action": "delete"})
    request = DataRequest.objects.get()
    assert request.protocol in asked.content.decode()
    assert request.subject == person
    client.post(where)
    assert ConsentRecord.objects.count() == 2


def test_an_address_that_calls_too_often_waits() -> None:
    client = Client()
    answers = [client.get("/parar/x/").status_code for _ in range(62)]
    assert answers[0] == 404
    assert answers[-1] == 429


# The officer ----------------------------------------------------------------------------------------------------------


def registered(client: Client, person: DataSubject) -> ConsentEvent:
    ask = {"person": "+5511987654321", "consent_type": "marketing", "channel": "in_person"}
    page = client.post(f"{LIST}register/", ask)
    served = re.search(r'name="served" value="([0-9a-f-]+)"', page.content.decode())
    assert served, page.content.decode()[:3000]
    paper = SimpleUploadedFile("termo.pdf", b"%PDF assinado", "application/pdf")
    said = {"answer": "yes", "served": served[1], "channel": "in_person", "proof": paper}
    done = client.post(f"{LIST}register/{person.pk}/marketing/", said)
    assert done.status_code == 302, done.content.decode()[-3000:]
    return ConsentEvent.objects.get()


def test_an_answer_at_the_desk_needs_the_text_read_out_and_a_paper(person: DataSubject) -> None:
    officer = signed_in(Role.DPO, person.clinic)
    event = registered(officer, person)
    assert (event.channel, event.evidence_kind, event.state) == ("in_person", "file", "given")
    assert event.served is not None
    assert event.served.served_at <= event.event_time
    assert event.collected_by is not None
    page = officer.get(f"{LIST}{event.pk}/change/").content.decode()
    for told in ("promoções da clínica", "✓ dado", bytes(event.evidence_sha256 or b"").hex(), "foi assinado"):
        assert told in page, told
    listed = officer.get(LIST).content.decode()
    assert "·4321" in listed
    assert "987654321" not in listed
    without = officer.post(f"{LIST}register/{person.pk}/marketing/", {"answer": "yes", "channel": "in_person"})
    assert without.status_code == 200
    assert ConsentEvent.objects.count() == 1
    assert AuditLog.objects.using("audit").filter(action="search", subject=person.pseudonym).exists()


def test_the_officer_takes_back_invalidates_and_makes_addresses(person: DataSubject) -> None:
    officer = signed_in(Role.DPO, person.clinic)
    event = registered(officer, person)
    made = officer.post(f"{LIST}{event.pk}/link/", {"kind": "withdraw"}).content.decode()
    assert "/parar/" in made
    assert "Comprovante" in officer.get(f"{LIST}{event.pk}/receipt/").content.decode()
    officer.post(f"{LIST}{event.pk}/invalidate/", {"reason": "not_informed"})
    assert ConsentEvent.objects.filter(state="invalidated", reason="not_informed").exists()
    officer.post(f"{LIST}{event.pk}/withdraw/", {"channel": "phone"})
    assert ConsentEvent.objects.filter(state="withdrawn", channel="phone").exists()


def test_the_list_is_the_clinics_and_acting_is_the_officers(person: DataSubject) -> None:
    event = registered(signed_in(Role.DPO, person.clinic), person)
    foreign = signed_in(Role.DPO, make_clinic("Clínica Lua"))
    auditor = signed_in(Role.AUDITOR, person.clinic)
    for what in ("change", "receipt"):
        assert foreign.get(f"{LIST}{event.pk}/{what}/").status_code == 404
        assert auditor.get(f"{LIST}{event.pk}/{what}/").status_code == 200
    for what in ("withdraw", "invalidate", "link"):
        assert foreign.post(f"{LIST}{event.pk}/{what}/", {"channel": "phone"}).status_code == 404
        assert auditor.post(f"{LIST}{event.pk}/{what}/", {"channel": "phone"}).status_code == 403
    assert foreign.post(f"{LIST}register/{person.pk}/marketing/", {"answer": "yes"}).status_code == 404
    assert str(event.pk) not in foreign.get(LIST).content.decode()


def test_the_list_costs_the_same_however_many_rows(person: DataSubject, django_assert_max_num_queries: Any) -> None:
    officer = signed_in(Role.DPO, person.clinic)
    for number in range(5):
        other = contact(connection(person.clinic), phone=f"+55119876540{number:02}").subject
        Client().post(address(other, "withdraw"))
    officer.get(LIST)
    with django_assert_max_num_queries(30):
        assert officer.get(LIST).content.decode().count("✕ revogado") == 10
