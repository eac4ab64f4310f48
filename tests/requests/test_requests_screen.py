"""C1, C2: the officer's list, one request with its buttons, staff entry; and who may not."""

import pytest
from asking import files, item_of, proves
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from factories import EMAIL, PHONE, clinic, user

from audit.models import AuditLog
from consent.models import Clinic, DataRequest, DataSubject, DpoDesignation, ExportPackage, RequestItem, User
from consent.requests.states import State
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
LIST = "/admin/consent/datarequest/"


def browser_of(account: User) -> Client:
    client = Client()
    client.force_login(account)
    return client


def act(client: Client, request: DataRequest, do: str, item: RequestItem | None = None, **said: object) -> str:
    given = {"do": do, **({"item": str(item.pk)} if item else {}), **said}
    return client.post(f"{LIST}{request.pk}/act/", given, follow=True).content.decode()


def test_the_officer_decides_answers_and_sends(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    client, request = browser_of(dpo), files(sol, "T04")
    proves(request, fact=PHONE)
    item = item_of(request, "T04")
    assert "Escolha" in act(client, request, "decide", item, decision="refuse")
    assert item_of(request, "T04").state == State.VERIFIED
    act(client, request, "decide", item, decision="grant")
    assert "precisa de palavras" in act(client, request, "done", item, words="")
    act(client, request, "done", item, words="Corrigido.")
    page = act(client, request, "send", item, route="email")
    assert item_of(request, "T04").state == State.CLOSED
    assert "SHA-256" in page
    assert "no prazo" in page


def test_access_is_answered_by_a_package_made_for_the_request(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    client, request = browser_of(dpo), files(sol, "T02")
    act(client, request, "seen")
    item = item_of(request, "T02")
    act(client, request, "decide", item, decision="grant")
    assert "pacote está sendo montado" in act(client, request, "export", item)
    row = ExportPackage.objects.get()
    assert (row.subject, row.protocol, row.rights, row.request_ref) == (
        marina, request.protocol, ["T02"], str(request.pk),
    )  # fmt: skip
    assert str(row.pk) in act(client, request, "export", item)
    assert ExportPackage.objects.count() == 1


def test_overdue_rights_stay_on_top_whatever_is_looked_for(sol: Clinic, dpo: User) -> None:
    past = timezone.now() - timezone.timedelta(days=40)
    late, fresh = files(sol, "T02", now=past), files(sol, "T04", contact="outra@exemplo.com.br")
    for query in ("", "?tab=done", "?tab=person&right=T04", "?tab=open&right=T09"):
        page = browser_of(dpo).get(LIST + query).content.decode()
        assert late.protocol in page, query
        assert (fresh.protocol in page) == ("person" in query)
    page = browser_of(dpo).get(LIST + "?tab=person").content.decode()
    assert page.index(late.protocol) < page.index(fresh.protocol)
    assert "1 direito está atrasado" in page


def test_the_words_open_only_by_a_press_and_leave_rows(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    client, request = browser_of(dpo), files(sol, text="Tenho medo de agulha.")
    page = client.get(f"{LIST}{request.pk}/change/").content.decode()
    assert "agulha" not in page
    assert EMAIL not in page
    assert "agulha" in client.post(f"{LIST}{request.pk}/read/").content.decode()
    rows = AuditLog.objects.using("audit").filter(action__in=["request.read", "reveal"], actor_id=dpo.pk)
    assert {row.action for row in rows} == {"request.read", "reveal"}
    assert marina.pseudonym in {row.subject for row in rows}


def test_an_auditor_looks_and_opens_nothing(sol: Clinic, dpo: User) -> None:
    request, client = files(sol, text="Tenho medo de agulha."), browser_of(user(Role.AUDITOR, sol))
    assert client.get(f"{LIST}{request.pk}/change/").status_code == 200
    for name in ("read", "act", "package"):
        assert client.post(f"{LIST}{request.pk}/{name}/", {"do": "take_on"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert DataRequest.objects.get().owner is None


def test_another_clinics_request_is_not_there(sol: Clinic, dpo: User) -> None:
    request = files(clinic("Clínica Lua"))
    client = browser_of(dpo)
    assert request.protocol not in client.get(LIST).content.decode()
    for name in ("change", "read", "act", "package"):
        assert client.post(f"{LIST}{request.pk}/{name}/").status_code == 404
    assert browser_of(user(Role.CLINIC_MANAGER, sol)).get(LIST).status_code == 403


def test_staff_writes_a_letter_down_with_the_day_it_came(sol: Clinic, dpo: User) -> None:
    client = browser_of(dpo)
    said = {
        "clinic": sol.pk, "channel": "letter", "received_at": "2026-11-02T20:30", "rights": ["T02", "T14"],
        "contact": "", "text": "Carta da dona Marina.",
    }  # fmt: skip
    future = client.post(f"{LIST}add/", {**said, "received_at": "2126-01-01T00:00"}).content.decode()
    assert "futuro" in future
    assert not DataRequest.objects.exists()
    page = client.post(f"{LIST}add/", said, follow=True).content.decode()
    request = DataRequest.objects.get()
    assert request.protocol in page
    assert request.received_at.isoformat() == "2026-11-02T23:30:00+00:00"
    assert (request.registered_by, request.items.count()) == (dpo, 2)


def test_a_request_page_takes_few_queries_however_many_rights(sol: Clinic, marina: DataSubject, dpo: User) -> None:
    client, request = browser_of(dpo), files(sol, *[f"T{n:02}" for n in range(1, 15)])
    proves(request, fact=PHONE)
    for address in (LIST, f"{LIST}{request.pk}/change/", f"{LIST}desk/"):
        with CaptureQueriesContext(database) as asked:
            assert client.get(address).status_code == 200
        assert len(asked) <= 30, address


def test_the_desk_counts_what_is_due_and_leads_there(sol: Clinic, dpo: User) -> None:
    assert "Nenhuma requisição vence em cinco dias" in browser_of(dpo).get(f"{LIST}desk/").content.decode()
    files(sol, "T01", now=timezone.now() - timezone.timedelta(days=2))
    page = browser_of(dpo).get(f"{LIST}desk/").content.decode()
    assert "1 está atrasado" in page
    assert LIST in page


def test_the_register_of_officers_hashes_the_act_and_names_days_without(sol: Clinic, dpo: User) -> None:
    client, base = browser_of(dpo), "/admin/consent/dpodesignation/"
    said = {
        "clinic": sol.pk, "part": "dpo", "name": "Paula Prado", "contact": "lgpd@clinica.exemplo",
        "starts_on": "01/01/2026", "ends_on": "31/01/2026", "act_signed_on": "01/01/2026",
        "conflict_statement": "Nenhum.", "attributions": "", "responsible_person": "", "publication_address": "",
    }  # fmt: skip
    client.post(f"{base}add/", said)
    assert not DpoDesignation.objects.exists()
    client.post(f"{base}add/", {**said, "act": SimpleUploadedFile("ato.pdf", b"assinado")})
    row = DpoDesignation.objects.get()
    assert (row.act_sha256, row.act_name) == (
        "386d004729eaecd977831efa5d9f54cd9c4380771e34dc04e74231ccd97995b1",
        "ato.pdf",
    )
    page = client.get(base).content.decode()
    assert "ninguém designado a partir de 01/02/2026" in page
