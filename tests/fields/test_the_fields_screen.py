"""A7: the draft, what it would do, its versions; nobody of another clinic, nothing opened by looking (screens A7)."""

import uuid

import pytest
from django.contrib.messages import get_messages
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, contact, lane, signed_in
from screens.pages import main_of

from audit.models import AuditLog
from bridge.fields import edit
from bridge.models import (
    Connection,
    DirectoryEntry,
    FieldRow,
    FieldVersion,
    ObservedContact,
    ObservedValue,
    SyncedObject,
)
from consent.encryption import seal
from consent.roles import Role

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_fieldrow_changelist")
KEY = "contact.custom.plano"


@pytest.fixture
def here() -> Connection:
    """A connection whose lists of fields were read."""
    made = connection(clinic("Clínica Mar"))
    fields = [
        ("contact", "plano", "Plano de saúde", "text", {}), ("contact", "idade", "Idade", "number", {}),
        ("talk", "origem", "Origem", "text", {}), ("person", "convenio", "Convênio", "text", {}),
        ("person", "job_title", "Cargo", "text", {}), ("person", "tipo", "Tipo", "select", {"3": "Ouro"}),
        ("lead", "canal", "Canal", "text", {}),
    ]  # fmt: skip
    for kind, key, name, type_, options in fields:
        DirectoryEntry.objects.create(
            connection=made, kind=kind, key=key, name=name, detail={"type": type_, "options": options},
            seen_at=timezone.now(),
        )  # fmt: skip
    return made


@pytest.fixture
def viewer(here: Connection) -> Client:
    return signed_in(Role.CLINIC_MANAGER, here.clinic)


def draft(chatwoot: str = KEY, entity: str = "person", code: str = "convenio", **more: str) -> edit.Draft:
    values = {"conversion": "text", "direction": "krayin", "winner": "chatwoot", "category": "R03", **more}
    return edit.Draft(chatwoot, entity, code, **values)


def value(of: ObservedContact, text: str, key: str = KEY) -> ObservedValue:
    made = ObservedValue(
        id=uuid.uuid4(), connection=of.connection, contact=of, subject=of.subject, key=key, mask=f"{text[0]}•••",
        digest=uuid.uuid4().hex, changed_at=timezone.now(),
    )  # fmt: skip
    made.value = seal(text, subject=of.subject_id, context=made.context)
    made.save()
    return made


def in_krayin(of: ObservedContact) -> None:
    SyncedObject.objects.create(
        connection=of.connection, krayin=of.connection.krayin, kind="person", lane_key=lane(of), foreign_id=7,
        ref=f"ponte-{of.connection.ref_code}-c{of.chatwoot_contact_id}",
    )  # fmt: skip


def act(client: Client, of: Connection, do: str, **more: object) -> str:
    response = client.post(reverse("admin:bridge_fieldrow_list_act", args=[of.pk]), {"do": do, **more}, follow=True)
    assert response.status_code == 200
    return main_of(response)


def told(client: Client, of: Connection, do: str, **more: object) -> list[str]:
    response = client.post(reverse("admin:bridge_fieldrow_list_act", args=[of.pk]), {"do": do, **more})
    return [str(message) for message in get_messages(response.wsgi_request)][-1:]


def test_a_row_is_added_changed_published_and_brought_back(viewer: Client, here: Connection) -> None:
    new = reverse("admin:bridge_fieldrow_new", args=[here.pk])
    chosen = {"chatwoot": KEY, "target": "person.convenio", "conversion": "text", "direction": "krayin",
              "winner": "chatwoot", "category": ""}  # fmt: skip
    assert "The row is in the draft." in viewer.post(new, chosen, follow=True).content.decode()
    assert "Choose the data category" in main_of(viewer.get(LIST))
    assert (
        "rows to put right first" in act(viewer, here, "publish", reason="agora") or FieldVersion.objects.count() == 0
    )
    change = reverse("admin:bridge_fieldrow_change", args=[FieldRow.objects.get().pk])
    viewer.post(change, {**chosen, "category": "R02"})
    assert told(viewer, here, "publish", reason=" ") == ["Say why: the reason stays with the version."]
    assert told(viewer, here, "publish", reason="pedido da recepção") == ["Version 1 is published."]
    page = main_of(viewer.get(LIST))
    assert "Version 1 acts: 1 field." in page
    assert "pedido da recepção" in page
    viewer.post(reverse("admin:bridge_fieldrow_act", args=[FieldRow.objects.get().pk]), {"do": "remove"})
    act(viewer, here, "publish", reason="nada mais")
    assert "No field is mapped" in main_of(viewer.get(LIST))
    act(viewer, here, "restore", number="1", reason="voltar")
    assert "Version 3 acts: 1 field." in main_of(viewer.get(LIST))
    assert list(FieldVersion.objects.values_list("number", "restored_from").order_by("number")) == [
        (1, None), (2, None), (3, 1),
    ]  # fmt: skip
    here.refresh_from_db()
    assert here.field_keys == [KEY]
    rows = AuditLog.objects.filter(object_type__in=["bridge.FieldRow", "bridge.FieldVersion"])
    assert rows.filter(clinic_id=here.clinic_id, actor_type="staff").count() >= 6


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"conversion": "option"}, "For this field of Krayin:"),
        ({"direction": "both"}, "can only be written to Krayin"),
        ({"direction": "both", "chatwoot": "contact.name", "target": "person.job_title"}, "Only custom attributes"),
        ({"target": "person.emails"}, "Select a valid choice"),
        ({"target": "person.tipo"}, "option by its name"),
    ],
)
def test_what_cannot_work_is_not_taken_into_the_draft(
    viewer: Client, here: Connection, chosen: dict[str, str], said: str
) -> None:
    values = {"chatwoot": KEY, "target": "person.convenio", "conversion": "text", "direction": "krayin",
              "winner": "chatwoot", "category": "R03"}  # fmt: skip
    response = viewer.post(reverse("admin:bridge_fieldrow_new", args=[here.pk]), values | chosen)
    assert said in response.content.decode()
    assert not FieldRow.objects.exists()


def test_a_field_that_is_gone_and_two_rows_for_one_field_are_marked(viewer: Client, here: Connection) -> None:
    edit.add(here, draft())
    edit.add(here, draft("contact.custom.idade"))
    assert main_of(viewer.get(LIST)).count("Another row writes the same field.") == 2
    DirectoryEntry.objects.filter(key="convenio").update(gone_at=timezone.now())
    assert main_of(viewer.get(LIST)).count("Krayin no longer has this field.") == 2
    act(viewer, here, "publish", reason="mesmo assim")
    assert not FieldVersion.objects.exists()


def test_the_dry_check_counts_what_would_happen_and_shows_no_value(viewer: Client, here: Connection) -> None:
    edit.add(here, draft())
    edit.add(here, draft("contact.custom.idade", "person", "job_title", conversion="number"))
    for number in range(1, 6):
        person = contact(here, phone=f"+551198765{number:04d}", chatwoot_contact_id=number)
        if number <= 4:
            value(person, "Unimed Ouro")
            value(person, "trinta" if number == 1 else "30", "contact.custom.idade")
        if number <= 2:
            in_krayin(person)
    before = AuditLog.objects.using("audit").filter(action="reveal").count()
    page = act(viewer, here, "check")
    assert "5 contacts looked at: 7 values would be written, 1 cannot be converted." in page
    assert "2 would be written to Krayin" in page
    assert "2 would go with the new record" in page
    assert "1 without value" in page
    assert "Unimed" not in page
    assert AuditLog.objects.using("audit").filter(action="reveal").count() == before + 5
    assert not SyncedObject.objects.filter(kind="fields").exists()


def test_looking_shows_masks_and_opens_nothing(viewer: Client, here: Connection) -> None:
    edit.add(here, draft())
    value(contact(here), "Unimed Ouro")
    before = AuditLog.objects.using("audit").filter(action="reveal").count()
    page = main_of(viewer.get(LIST))
    assert "U•••" in page
    assert "Unimed" not in page
    assert AuditLog.objects.using("audit").filter(action="reveal").count() == before


def test_who_may_only_look_changes_nothing(here: Connection) -> None:
    row = edit.add(here, draft())
    client = signed_in(Role.SUPERVISOR, here.clinic)
    text = main_of(client.get(LIST))
    assert "Your role looks only." in text
    assert client.post(reverse("admin:bridge_fieldrow_list_act", args=[here.pk]), {"do": "publish"}).status_code == 404
    assert client.post(reverse("admin:bridge_fieldrow_act", args=[row.pk]), {"do": "remove"}).status_code == 404
    assert FieldRow.objects.exists()


def test_another_clinics_mapping_does_not_exist(here: Connection) -> None:
    row = edit.add(here, draft())
    stranger = signed_in(Role.CLINIC_MANAGER, connection(clinic("Clínica Lua")).clinic)
    for name, pk in (("new", here.pk), ("list_act", here.pk), ("act", row.pk), ("change", row.pk)):
        address = reverse(f"admin:bridge_fieldrow_{name}", args=[pk])
        assert stranger.get(address).status_code == 404
        assert stranger.post(address, {"do": "remove"}).status_code == 404
    assert "Plano" not in main_of(stranger.get(LIST, {"connection": here.pk}))
    assert FieldRow.objects.exists()


def test_list_and_check_take_few_queries_however_long(viewer: Client, here: Connection) -> None:
    def queries(do: str) -> int:
        with CaptureQueriesContext(db) as captured:
            assert viewer.get(LIST).status_code == 200 if not do else act(viewer, here, do)
        return len(captured)

    edit.add(here, draft())
    value(contact(here), "Unimed")
    short = queries(""), queries("check")
    edit.add(here, draft("contact.custom.idade", "person", "job_title", conversion="number"))
    edit.add(here, draft("conversation.custom.origem", "lead", "canal"))
    for number in range(1, 12):
        value(contact(here, phone=f"+551198765{number:04d}"), "Amil")
    assert (queries(""), queries("check")) == short
    assert max(short) <= 30
