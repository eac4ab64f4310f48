"""Consent through the API: shown, answered, checked, taken back; only with proof, only in the key's own clinic."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from approved import approve_all
from django.test import Client
from django.utils import timezone
from factories import connection, contact, user

from bridge.api.keys import issue
from bridge.api.limits import counters
from bridge.api.route import invalid_traffic
from bridge.models import Connection, ObservedContact, Scope
from consent.models import ConsentEvent, ConsentRecord
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

PROOF = {"kind": "form", "sha256": hashlib.sha256(b"formulario").hexdigest(), "reference": "site-77"}


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    counters.forget()
    invalid_traffic.forget()


class Program:
    """A program with a key of a clinic."""

    def __init__(self, of: Connection, *scopes: Scope) -> None:
        made = issue(
            clinic=of.clinic, client="Site", scopes=scopes or list(Scope), by=user(Role.TECHNICAL_ADMIN, of.clinic),
            expires_at=timezone.now() + timedelta(days=30), now=timezone.now(),
        )  # fmt: skip
        self.headers = {"Authorization": f"Bearer {made.token}"}

    def get(self, **query: Any) -> Any:
        return Client().get("/api/v1/consents", query, headers=self.headers)

    def post(self, what: str, **body: Any) -> Any:
        return Client().post(f"/api/v1/consents/{what}", body, content_type="application/json", headers=self.headers)


@pytest.fixture
def person() -> ObservedContact:
    made = contact(connection())
    approve_all(made.connection.clinic)
    return made


def about(person: ObservedContact, **more: Any) -> dict[str, Any]:
    return {
        "connection_id": person.connection_id, "contact_id": person.chatwoot_contact_id, "consent_type": "marketing",
        **more,
    }  # fmt: skip


def test_show_grant_check_withdraw(person: ObservedContact) -> None:
    site = Program(person.connection)
    shown = site.post("show", **about(person))
    assert shown.status_code == 201
    assert "promoções" in shown.json()["text"]
    given = site.post("grant", **about(person, served_id=shown.json()["served_id"], evidence=PROOF))
    assert given.status_code == 201, given.json()
    assert (given.json()["status"], given.json()["state"]) == ("granted", "given")
    assert site.post("check", **about(person)).json()["allows"] is True
    assert ConsentEvent.objects.get().evidence_ref == "api:site-77"
    taken = site.post("withdraw", **about(person, evidence=PROOF))
    assert (taken.status_code, taken.json()["status"]) == (201, "withdrawn")
    assert site.post("withdraw", **about(person, evidence=PROOF)).status_code == 201
    assert site.post("check", **about(person)).json()["allows"] is False
    listed = site.get(connection_id=person.connection_id, contact_id=person.chatwoot_contact_id).json()["results"]
    assert [row["status"] for row in listed] == ["withdrawn", "granted"]
    assert all(row["contact_id"] == person.chatwoot_contact_id for row in listed)


def test_refusals_name_their_reason(person: ObservedContact) -> None:
    site = Program(person.connection)
    unknown = "0f8fad5b-d9cb-469f-a165-70867728950e"
    not_shown = site.post("grant", **about(person, served_id=unknown, evidence=PROOF))
    assert (not_shown.status_code, not_shown.json()["reason"]) == (409, "text_not_shown")
    other_base = site.post("show", **about(person) | {"consent_type": "health_data"})
    assert (other_base.status_code, other_base.json()["reason"]) == (409, "not_consent_based")
    for body in (
        about(person, evidence={"kind": "form", "sha256": "x"}),
        about(person, evidence={"kind": "message", "sha256": "0" * 64}),
        about(person, evidence=PROOF, porpose="typo"),
        about(person),
    ):
        assert site.post("withdraw", **body).status_code == 400
    assert site.post("show", **about(person) | {"consent_type": "tudo"}).status_code == 400
    assert not ConsentRecord.objects.exists()


def test_another_clinics_people_do_not_exist_and_scopes_count(person: ObservedContact) -> None:
    stranger = Program(connection(name="Outra"))
    for what in ("show", "check"):
        assert stranger.post(what, **about(person)).status_code == 404
    assert stranger.post("withdraw", **about(person, evidence=PROOF)).status_code == 404
    Program(person.connection).post("withdraw", **about(person, evidence=PROOF))
    assert stranger.get().json()["results"] == []
    assert stranger.get(connection_id=person.connection_id).json()["results"] == []
    reader = Program(person.connection, Scope.READ_CONSENTS)
    assert reader.get().status_code == 200
    assert reader.post("withdraw", **about(person, evidence=PROOF)).status_code == 403
