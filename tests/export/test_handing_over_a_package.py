"""G6 and the API: identity, one download that may be resumed, every byte audited; C6 for people."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from exporting import bytes_of, exported
from factories import clinic, signed_in, user

from audit.models import AuditLog
from bridge.api import keys
from bridge.models import ObservedContact, Scope
from consent.access import exceptional
from consent.encryption import Actor
from consent.export import control, job, links
from consent.models import ExportLink, ExportPackage, User
from consent.roles import Role

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

SYSTEM = Actor.system("test")


@pytest.fixture
def released(person: ObservedContact, dpo: User) -> ExportPackage:
    row = exported(person, identity_method="two_channels", identity_at=timezone.now())
    control.release(row, by=dpo, now=timezone.now())
    return row


@pytest.fixture
def issued(released: ExportPackage) -> links.Issued:
    return control.issue_link(released, channel="mail", actor=SYSTEM, now=timezone.now())


def enter(issued: links.Issued, code: str, client: Client | None = None) -> Any:
    return (client or Client()).post(reverse("export-enter", args=[issued.token]), {"code": code})


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def address(issued: links.Issued) -> str:
    found: str = enter(issued, issued.code).context["address"]
    return found


def test_the_right_code_opens_one_download_and_then_the_address_opens_nothing(
    issued: links.Issued, released: ExportPackage
) -> None:
    whole = bytes_of(released)
    where = address(issued)
    answer = Client().get(where)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="titular-2026-000123.zip"'
    assert body(answer) == whole
    released.refresh_from_db()
    assert released.state == "delivered"
    assert Client().get(where).status_code == 404
    assert enter(issued, issued.code).status_code == 404
    assert list(AuditLog.objects.filter(action__startswith="export.de").values_list("actor_type", flat=True)) == [
        "person"
    ]
    assert AuditLog.objects.filter(action="export.download").count() == 1


def test_an_interrupted_download_goes_on_where_it_stopped(issued: links.Issued, released: ExportPackage) -> None:
    whole, where = bytes_of(released), address(issued)
    first = Client().get(where, headers={"Range": "bytes=0-29999"})
    part = body(first)
    assert (first.status_code, len(part)) == (206, 30_000)
    ahead = Client().get(where, headers={"Range": "bytes=40000-"})
    assert ahead.status_code == 416
    second = Client().get(where, headers={"Range": "bytes=30000-"})
    assert second.headers["Content-Range"] == f"bytes 30000-{len(whole) - 1}/{len(whole)}"
    assert part + body(second) == whole
    assert Client().get(where).status_code == 404


def test_a_broken_connection_uses_up_nothing(issued: links.Issued, released: ExportPackage) -> None:
    where = address(issued)
    answer = Client().get(where)
    next(iter(answer.streaming_content))
    answer.close()
    link = ExportLink.objects.get()
    assert link.used_at is None
    assert len(body(Client().get(where))) == released.file_bytes


def test_five_wrong_codes_end_the_address(issued: links.Issued) -> None:
    for _try in range(5):
        assert enter(issued, "AAAAAAAA").status_code == 200
    assert enter(issued, issued.code).status_code == 404
    assert AuditLog.objects.filter(action="export.code", outcome="denied").count() == 5


def test_forged_old_and_revoked_addresses_look_alike(issued: links.Issued, released: ExportPackage) -> None:
    assert Client().get(reverse("export-enter", args=["x" * 43])).status_code == 404
    assert Client().get(reverse("export-download", args=["forged"])).status_code == 404
    assert issued.link.state(timezone.now() + timedelta(days=7, minutes=1)) == "expired"
    control.revoke_links(released, actor=SYSTEM, now=timezone.now())
    assert enter(issued, issued.code).status_code == 404


def test_a_new_link_ends_the_one_before(issued: links.Issued, released: ExportPackage) -> None:
    other = control.issue_link(released, channel="letter", actor=SYSTEM, now=timezone.now())
    assert enter(issued, issued.code).status_code == 404
    assert enter(other, other.code).status_code == 200


def test_nothing_is_handed_over_before_release_or_without_identity(person: ObservedContact, dpo: User) -> None:
    row = exported(person)
    with pytest.raises(control.NotPossible):
        control.issue_link(row, channel="mail", actor=SYSTEM, now=timezone.now())
    control.release(row, by=dpo, now=timezone.now())
    with pytest.raises(control.NotPossible):
        control.issue_link(row, channel="mail", actor=SYSTEM, now=timezone.now())


def test_the_public_key_and_the_program_are_published(released: ExportPackage) -> None:
    told = Client().get(reverse("export-key", args=[released.signing_key_id])).json()
    assert told["public_key"] == bytes(released.signing_key.public_key).hex()  # type: ignore[union-attr]
    assert Client().get(reverse("export-key", args=["unknown"])).status_code == 404
    assert b"def is_signed" in Client().get(reverse("export-verifier")).content


# C6 -------------------------------------------------------------------------------------------------------------------


def test_the_data_protection_officer_makes_releases_and_hands_over_a_package(
    person: ObservedContact, in_english: None
) -> None:
    client = signed_in(Role.DPO, person.connection.clinic)
    made = client.post(
        reverse("admin:consent_exportpackage_ask"),
        {"person": "+5511987654321", "protocol": "2026-000777", "rights": ["T03"]},
    )
    row = ExportPackage.objects.get(protocol="2026-000777")
    one = reverse("admin:consent_exportpackage_change", args=[row.pk])
    assert (made.status_code, made.url) == (302, one)
    while job.run_once():
        pass
    act = reverse("admin:consent_exportpackage_act", args=[row.pk])
    for what in ({"do": "release"}, {"do": "identity", "method": "in_person"}, {"do": "check"}):
        assert client.post(act, what).status_code == 302
    shown = client.post(act, {"do": "link", "channel": "mail"}).content.decode()
    row.refresh_from_db()
    assert (row.state, row.check_result) == ("released", "")
    assert "/copia/" in shown
    assert "/copia/" not in client.get(one).content.decode()
    assert client.get(reverse("admin:consent_exportpackage_changelist")).status_code == 200
    client.post(act, {"do": "destroy"})
    row.refresh_from_db()
    assert row.state == "destroyed"


def test_other_clinics_packages_do_not_exist_and_auditors_only_look(released: ExportPackage) -> None:
    one = reverse("admin:consent_exportpackage_change", args=[released.pk])
    act = reverse("admin:consent_exportpackage_act", args=[released.pk])
    foreign = signed_in(Role.DPO, clinic("Clínica Lua"))
    assert [foreign.get(one).status_code, foreign.post(act, {"do": "destroy"}).status_code] == [404, 404]
    auditor = signed_in(Role.AUDITOR, released.clinic)
    assert [auditor.get(one).status_code, auditor.post(act, {"do": "destroy"}).status_code] == [200, 403]
    released.refresh_from_db()
    assert released.state == "released"


def test_a_dpo_prints_the_page_only_under_an_exceptional_access(released: ExportPackage, dpo: User) -> None:
    client, where = Client(), reverse("admin:consent_exportpackage_print", args=[released.pk])
    client.force_login(dpo)
    assert client.post(where).status_code == 302
    why = "O titular pediu a cópia impressa no balcão."
    exceptional.ask(dpo, released.subject, reason="titular_request", explanation=why, now=timezone.now())
    printed = client.post(where)
    assert printed.status_code == 200
    assert "Bom dia" in body(printed).decode()


# API ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(person: ObservedContact) -> Callable[..., Any]:
    """Calls the API with a key of the person's clinic."""
    now = timezone.now()
    issued = keys.issue(
        clinic=person.connection.clinic, client="portal", scopes=[Scope.READ_EXPORTS, Scope.WRITE_EXPORTS],
        expires_at=now + timedelta(days=1), by=user(Role.CLINIC_MANAGER, person.connection.clinic), now=now,
    )  # fmt: skip

    def call(method: str, path: str, data: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {issued.token}", "Accept-Language": "en"}
        sent = {} if data is None else {"data": json.dumps(data), "content_type": "application/json"}
        return getattr(Client(), method)(path, headers=headers, **sent)

    return call


def test_a_program_begins_an_export_follows_it_and_gets_a_link_once_people_released_it(
    person: ObservedContact, dpo: User, program: Callable[..., Any]
) -> None:
    asked = {"connection_id": person.connection_id, "contact_id": person.chatwoot_contact_id,
             "protocol": "2026-API1", "rights": ["T06"], "identity": "fact"}  # fmt: skip
    begun = program("post", "/api/v1/exports", asked)
    assert begun.status_code == 202, begun.content
    where = begun.headers["Location"]
    assert program("get", where).json()["state"] == "waiting"
    assert program("post", "/api/v1/exports", asked).status_code == 409
    while job.run_once():
        pass
    told = program("get", where).json()
    assert (told["state"], told["is_complete"], told["records"]["message"]) == ("ready", True, 3)
    assert program("post", f"{where}/links").status_code == 409
    control.release(ExportPackage.objects.get(), by=dpo, now=timezone.now())
    link = program("post", f"{where}/links").json()
    assert Client().get(link["address"]).status_code == 200


def test_a_program_knows_nothing_of_other_clinics_and_misspelt_members_are_refused(
    released: ExportPackage, program: Callable[..., Any]
) -> None:
    ExportPackage.objects.filter(pk=released.pk).update(clinic=clinic("Clínica Lua"))
    assert program("get", f"/api/v1/exports/{released.pk}").status_code == 404
    unknown = {"connection_id": 1, "contact_id": 999_999, "protocol": "2026-X"}
    assert program("post", "/api/v1/exports", unknown).status_code == 404
    assert program("post", "/api/v1/exports", {**unknown, "contact": 1}).status_code == 400
