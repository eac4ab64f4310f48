"""D1 and D2: who did what, and who saw whom; names of fields, never values, only of the viewer's clinics."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factories import EMAIL, NAME, PHONE, contact, signed_in, user

from audit.models import AuditLog
from audit.services import Entry, record_many
from bridge.models import Connection
from consent.models import DataSubject, User
from consent.roles import Role
from screens.pages import main_of

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

TRAIL, WHO, EXPORT, PERSON = (
    reverse(f"admin:audit_auditlog_{name}") for name in ("changelist", "who", "export", "person")
)
READERS = [Role.DPO, Role.DPO_SUBSTITUTE, Role.AUDITOR]


@pytest.fixture
def dpo(sol: Connection) -> Client:
    return signed_in(Role.DPO, sol.clinic)


@pytest.fixture
def marina(sol: Connection) -> DataSubject:
    return contact(sol, phone="+5521987650001", email=EMAIL).subject


@pytest.fixture
def bia(sol: Connection) -> User:
    return user(Role.CLINIC_MANAGER, sol.clinic, name="Bia Campos")


def act(by: User | None, of: Connection, **fields: Any) -> None:
    values = {"action": "reveal", "purpose": "scheduling", "fields": ["bridge.ObservedContact.name"]} | fields
    actor = {"actor_type": "staff", "actor_id": str(by.pk)} if by else {"actor_type": "system", "actor_id": "lanes"}
    record_many([Entry(clinic_id=of.clinic_id, **actor, **values)], own_connection=False)


def rows(action: str) -> list[AuditLog]:
    return list(AuditLog.objects.using("audit").filter(action=action).order_by("pk"))


# D1 -------------------------------------------------------------------------------------------------------------------


def test_an_act_is_told_in_words(dpo: Client, sol: Connection, marina: DataSubject, bia: User) -> None:
    act(bia, sol, subject=marina.pseudonym)
    text = main_of(dpo.get(TRAIL))
    assert "Bia Campos" in text
    assert "abriu dados protegidos : nome" in text
    assert "Agendamento" in text
    assert "·0001" in text
    for code in ("reveal", "scheduling", "ObservedContact"):
        assert code not in text.split("Exportar")[0].split("quem", 1)[1]


def test_no_value_and_no_whole_contact_stands_on_the_page(
    dpo: Client, sol: Connection, marina: DataSubject, bia: User
) -> None:
    act(bia, sol, subject=marina.pseudonym)
    content = dpo.get(TRAIL).content.decode()
    assert not any(personal in content for personal in (NAME, PHONE, EMAIL, "87650001"))


@pytest.mark.parametrize("role", list(Role))
def test_only_who_looks_after_the_audit_sees_it(sol: Connection, role: Role) -> None:
    client = signed_in(role, sol.clinic)
    for address in (TRAIL, WHO, reverse("admin:audit_verification_changelist")):
        assert (client.get(address).status_code == 200) == (role in READERS), address
    if role not in READERS:
        assert client.post(EXPORT, {"reason": "incident"}).status_code in (302, 403)
        assert rows("audit.export") == rows("audit.view") == []


def test_another_clinics_acts_are_absent_and_404(dpo: Client, sol: Connection, lua: Connection, bia: User) -> None:
    act(bia, lua, reason_code="nothing_found", action="search")
    foreign = AuditLog.objects.get(clinic_id=lua.clinic_id, action="search")
    assert "ninguém encontrado" not in main_of(dpo.get(TRAIL))
    assert dpo.get(reverse("admin:audit_auditlog_change", args=[foreign.pk])).status_code == 404
    assert foreign.pk not in exported_ids(dpo.post(EXPORT, {"reason": "incident"}))
    own = signed_in(Role.DPO, lua.clinic)
    assert own.get(reverse("admin:audit_auditlog_change", args=[foreign.pk])).status_code == 200


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"action": "search"}, {"search"}),
        ({"purpose": "legal"}, {"update"}),
        ({"outcome": "denied"}, {"delete"}),
        ({"object_type": "consent.Clinic"}, {"update"}),
        ({"object_type": "consent.Clinic", "object_id": "77"}, set()),
        ({"action": "no_such_act"}, {"search", "update", "delete"}),
    ],
)
def test_filters_narrow(dpo: Client, sol: Connection, bia: User, asked: dict[str, str], found: set[str]) -> None:
    act(bia, sol, action="search", purpose="")
    act(bia, sol, action="update", purpose="legal", object_type="consent.Clinic", object_id="5")
    act(bia, sol, action="delete", purpose="care", outcome="denied")
    lines = dpo.get(TRAIL, {**asked, "staff": bia.pk}).context["lines"]
    words = {"search": "procurou uma pessoa", "update": "alterou", "delete": "removeu"}
    assert {line["did"] for line in lines} == {words[action] for action in found}


def test_a_period_is_always_asked_for_and_seven_days_unless_told(dpo: Client) -> None:
    asked = dpo.get(TRAIL, {"from": "nonsense"}).context["asked"].period
    assert asked.days == 7
    long = dpo.get(TRAIL, {"from": "2001-01-01"}).context["asked"].period
    assert (long.days, long.was_shortened) == (366, True)


def test_older_lines_follow_by_key_without_doubles_or_gaps(dpo: Client, sol: Connection, bia: User) -> None:
    for number in range(120):
        act(bia, sol, object_id=f"n{number}")
    address, seen = f"{TRAIL}?staff={bia.pk}", []
    while address:
        context = dpo.get(address).context
        seen += [line["object_id"] for line in context["lines"]]
        address = TRAIL + context["next"] if context["next"] else ""
    assert seen == [f"n{number}" for number in reversed(range(120))]


def test_a_person_is_found_by_phone_and_the_search_is_recorded(
    dpo: Client, sol: Connection, marina: DataSubject, bia: User
) -> None:
    act(bia, sol, subject=marina.pseudonym)
    act(bia, sol, subject=DataSubject.objects.exclude(pk=marina.pk).first().pseudonym)  # type: ignore[union-attr]
    answer = dpo.post(PERSON, {"screen": "trail", "q": "(21) 98765-0001"})
    assert answer.status_code == 302
    assert str(marina.pseudonym) in answer["Location"]
    assert "98765" not in answer["Location"]
    (searched,) = rows("search")
    assert (searched.subject, searched.fields, searched.outcome) == (marina.pseudonym, ["phone"], "ok")
    lines = dpo.get(answer["Location"]).context["lines"]
    assert {line["person"] for line in lines} == {"·0001 m•••@•••"}


def test_a_person_of_another_clinic_is_not_found(lua: Connection, marina: DataSubject) -> None:
    answer = signed_in(Role.DPO, lua.clinic).post(PERSON, {"screen": "trail", "q": EMAIL})
    assert answer.status_code == 200
    assert "Ninguém nas suas clínicas tem este contato" in main_of(answer)
    (searched,) = rows("search")
    assert (searched.subject, searched.reason_code) == (None, "nothing_found")


def test_nonsense_searches_nothing(dpo: Client) -> None:
    assert "nada foi procurado" in main_of(dpo.post(PERSON, {"screen": "who", "q": "Marina"}))
    assert rows("search") == []


def test_looking_is_recorded_once_an_hour(dpo: Client, sol: Connection) -> None:
    for _turn in range(3):
        dpo.get(TRAIL)
    (seen,) = rows("audit.view")
    assert (seen.clinic_id, seen.fields, seen.object_type) == (sol.clinic_id, ["trail"], "audit.AuditLog")


def test_one_act_leads_to_the_others_on_its_object(dpo: Client, sol: Connection, bia: User) -> None:
    act(bia, sol, action="update", object_type="bridge.Connection", object_id=str(sol.pk))
    act(bia, sol, action="update", object_type="bridge.Connection", object_id="999999")
    row = AuditLog.objects.filter(object_id=str(sol.pk)).latest("timestamp")
    page = dpo.get(reverse("admin:audit_auditlog_change", args=[row.pk]))
    assert "Auditoria deste item" in main_of(page)
    lines = dpo.get(page.context["of_object"]).context["lines"]
    assert {line["object_id"] for line in lines} == {str(sol.pk)}


def test_the_history_of_a_page_is_its_audit(dpo: Client, sol: Connection) -> None:
    answer = dpo.get(reverse("admin:bridge_connection_history", args=[sol.pk]))
    assert answer.status_code == 302
    assert f"object_type=bridge.Connection&object_id={sol.pk}" in answer["Location"]


# Export ---------------------------------------------------------------------------------------------------------------


def exported(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]


def exported_ids(answer: Any) -> set[int]:
    return {row["id"] for row in exported(answer)}


def test_an_export_takes_a_reason_and_leaves_a_row_first(dpo: Client, sol: Connection, bia: User) -> None:
    act(bia, sol, action="update", purpose="")
    answer = dpo.post(EXPORT, {"reason": "authority", "staff": bia.pk})
    (row,) = exported(answer)
    assert (row["action"], row["actor_ref"], row["clinic_id"]) == ("update", str(bia.pk), sol.clinic_id)
    assert "row_mac" not in row
    assert answer["Content-Disposition"].startswith("attachment")
    assert [(one.reason_code, one.clinic_id) for one in rows("audit.export")] == [("authority", sol.clinic_id)]


@pytest.mark.parametrize("reason", ["", "because"])
def test_without_a_reason_nothing_is_exported(dpo: Client, reason: str) -> None:
    answer = dpo.post(EXPORT, {"reason": reason})
    assert "Escolha um motivo" in main_of(answer) or not answer.context["lines"]
    assert rows("audit.export") == []


# D2 -------------------------------------------------------------------------------------------------------------------


def test_who_saw_a_person_by_day_purpose_and_fields(
    dpo: Client, sol: Connection, marina: DataSubject, bia: User
) -> None:
    for _turn in range(3):
        act(bia, sol, subject=marina.pseudonym)
    act(bia, sol, subject=marina.pseudonym, purpose="care", fields=["bridge.ObservedMessage.content"])
    act(bia, sol, subject=marina.pseudonym, outcome="denied")
    act(None, sol, subject=marina.pseudonym, purpose="system")
    page = dpo.get(WHO, {"person": str(marina.pseudonym)})
    told = {(one["who"], one["purpose"], tuple(one["fields"]), one["count"]) for one in page.context["groups"]}
    assert told == {
        ("Bia Campos", "Agendamento", ("nome",), 3),
        ("Bia Campos", "Cuidado", ("texto das mensagens",), 1),
    }
    text = main_of(page)
    assert "visto 4 vezes por 1 pessoa da equipe" in text
    assert "Programas abriram estes dados 1 vez" in text


def test_what_a_member_of_staff_saw(dpo: Client, sol: Connection, marina: DataSubject, bia: User) -> None:
    act(bia, sol, subject=marina.pseudonym)
    page = dpo.get(WHO, {"staff": bia.pk})
    assert [(one["person"], one["count"]) for one in page.context["groups"]] == [("·0001 m•••@•••", 1)]
    assert "Bia Campos viu dados de 1 pessoa" in main_of(page)
    assert [row.fields for row in rows("audit.view")] == [["who_saw_whom"]]


def test_what_happened_in_another_clinic_does_not_count(
    dpo: Client, sol: Connection, lua: Connection, bia: User
) -> None:
    stranger = contact(lua, phone="+5521987650009").subject
    act(bia, lua, subject=stranger.pseudonym)
    page = dpo.get(WHO, {"person": str(stranger.pseudonym)})
    assert page.context["groups"] == []
    assert "Bia" not in main_of(page).split("Ninguém")[-1]


def test_staff_of_other_clinics_are_not_offered(dpo: Client, lua: Connection) -> None:
    other = user(Role.CLINIC_MANAGER, lua.clinic, name="Rui Alheio")
    assert other.pk not in dict(dpo.get(WHO).context["staff"])
    assert "Rui Alheio" not in dpo.get(TRAIL).content.decode()


# Limits ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [2, 50])
def test_pages_take_few_queries_however_long_and_open_nothing(
    dpo: Client, sol: Connection, marina: DataSubject, bia: User, lines: int
) -> None:
    for number in range(lines):
        act(bia, sol, subject=marina.pseudonym, object_id=f"n{number}")
    before = len(rows("reveal"))
    row = AuditLog.objects.latest("timestamp")
    for address in (TRAIL, f"{WHO}?staff={bia.pk}", reverse("admin:audit_auditlog_change", args=[row.pk])):
        with CaptureQueriesContext(db) as captured:
            assert dpo.get(address).status_code == 200
        assert len(captured) <= 20, address
    assert len(rows("reveal")) == before


def test_the_trail_is_narrowed_to_its_period_in_the_database(dpo: Client, sol: Connection, bia: User) -> None:
    act(bia, sol)
    later = (timezone.now() + timedelta(days=1)).date()
    with CaptureQueriesContext(db) as captured:
        dpo.get(TRAIL, {"to": later.isoformat()})
    asked = [q["sql"] for q in captured if 'ORDER BY "audit_logs"."created_at" DESC' in q["sql"]]
    assert len(asked) == 1
    assert 'created_at" >=' in asked[0]
    assert "LIMIT 51" in asked[0]
