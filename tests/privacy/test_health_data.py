"""Health data of a person: masks until revealed, written without showing what stood there, never sent anywhere."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from factories import clinic, connection, user
from screens.pages import main_of, said
from sealed_rows import Person, person

from audit.models import AuditLog
from bridge.health.opening import open_record, record_of
from bridge.health.writing import WriteRefused, add_note, write_profile
from bridge.models import LeadHealthProfile, SensitiveNote
from consent.encryption import Actor, RevealDenied
from consent.identifiers import MASK
from consent.models import DataSubject
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

TEXT = "Hipertensão desde 2019"
NOTE = "Relatou tontura na conversa"


@pytest.fixture
def rita() -> Person:
    return person(connection(clinic("Clínica Sol")), 1)


@pytest.fixture
def manager(rita: Person, sign_in: Callable[..., Client]) -> Client:
    return sign_in(Role.CLINIC_MANAGER, rita.connection.clinic)


def address(of: Person, what: str = "person") -> str:
    return reverse(f"admin:bridge_leadhealthprofile_{what}", args=[of.contact.pk])


def manager_of(of: Person) -> Actor:
    return Actor.staff(user(Role.CLINIC_MANAGER, of.connection.clinic))


@pytest.fixture
def written(rita: Person) -> Person:
    write_profile(rita.contact.subject, {"medical_notes": TEXT, "medications": "Losartana"}, actor=manager_of(rita))
    add_note(rita.contact, NOTE, activity_id=801, actor=manager_of(rita))
    return rita


def rows_of(of: Person, action: str) -> list[AuditLog]:
    found = AuditLog.objects.filter(subject=of.contact.subject.pseudonym, action=action).order_by("pk")
    return list(found)


# Writing --------------------------------------------------------------------------------------------------------------


def test_what_is_written_is_sealed_and_audited_by_the_names_of_the_fields(rita: Person, manager: Client) -> None:
    answer = manager.post(address(rita, "write"), {"medical_notes": TEXT, "medications": "Losartana"})
    assert answer["Location"] == address(rita)
    (row,) = rows_of(rita, "create")
    assert (row.object_type, sorted(row.fields)) == ("bridge.LeadHealthProfile", ["medical_notes", "medications"])
    with database.cursor() as cursor:
        cursor.execute("SELECT medical_notes, health_conditions, medications FROM lead_health_profiles")
        notes, conditions, medications = cursor.fetchone()
    assert conditions is None
    assert all(TEXT.encode() not in bytes(one) and b"Losartana" not in bytes(one) for one in (notes, medications))


def test_editing_replaces_only_what_is_typed_and_shows_nothing_of_the_old(written: Person, manager: Client) -> None:
    page = manager.get(address(written)).content.decode()
    assert TEXT not in page
    assert "Losartana" not in page
    manager.post(address(written, "write"), {"medical_notes": "", "medications": "Nenhum", "health_conditions": ""})
    (row,) = rows_of(written, "update")
    assert row.fields == ["medications"]
    opened = open_record(record_of(written.contact.subject), actor=manager_of(written), purpose="care")
    assert opened.profile == {"medical_notes": TEXT, "medications": "Nenhum"}


def test_what_is_kept_can_be_removed_without_being_opened(written: Person, manager: Client) -> None:
    manager.post(address(written, "write"), {"empty_medical_notes": "on"})
    assert LeadHealthProfile.objects.get().filled == ["medications"]
    assert rows_of(written, "reveal") == []


def test_nothing_typed_changes_nothing(rita: Person, manager: Client) -> None:
    answer = manager.post(address(rita, "write"), {"medical_notes": "", "empty_medications": "on"})
    assert not LeadHealthProfile.objects.exists()
    assert rows_of(rita, "create") == []
    assert len(said(answer)) == 1


def test_a_note_belongs_to_an_activity_of_this_person(rita: Person, manager: Client) -> None:
    page = manager.get(address(rita)).content.decode()
    assert 'value="801"' in page
    manager.post(address(rita, "note"), {"text": NOTE, "activity": "801"})
    note = SensitiveNote.objects.get()
    assert (note.krayin_activity_id, note.chatwoot_conversation_id) == (801, 9001)
    with pytest.raises(WriteRefused):
        add_note(rita.contact, NOTE, activity_id=999, actor=manager_of(rita))
    assert SensitiveNote.objects.count() == 1


@pytest.mark.parametrize("state", [{"blocked_at": "2026-11-01T10:00Z"}, {"erased_at": "2026-11-01T10:00Z"}])
def test_of_blocked_and_erased_people_nothing_is_written(rita: Person, state: dict[str, str]) -> None:
    DataSubject.objects.filter(pk=rita.subject).update(**state)
    with pytest.raises(WriteRefused):
        write_profile(rita.contact.subject, {"medical_notes": TEXT}, actor=manager_of(rita))
    assert not LeadHealthProfile.objects.exists()
    assert [row.outcome for row in AuditLog.objects.using("audit").filter(action="update")] == ["denied"]


# Opening --------------------------------------------------------------------------------------------------------------


def test_masks_stand_there_until_revealed_and_one_row_is_left(written: Person, manager: Client) -> None:
    assert MASK in main_of(manager.get(address(written)))
    assert rows_of(written, "reveal") == []
    answer = manager.post(address(written, "reveal"), {"purpose": "care"})
    shown = main_of(answer)
    assert all(text in shown for text in (TEXT, "Losartana", NOTE))
    assert "no-store" in answer["Cache-Control"]
    (row,) = AuditLog.objects.using("audit").filter(action="reveal")
    assert (row.purpose, row.outcome, row.subject) == ("care", "ok", written.contact.subject.pseudonym)
    assert sorted(row.fields) == [
        "bridge.LeadHealthProfile.medical_notes", "bridge.LeadHealthProfile.medications",
        "bridge.SensitiveNote.sensitive_notes",
    ]  # fmt: skip


@pytest.mark.parametrize("said_so", [{}, {"purpose": "break_glass"}, {"purpose": "support"}, {"purpose": "curiosity"}])
def test_without_a_purpose_that_counts_nothing_is_shown(
    written: Person, manager: Client, said_so: dict[str, str]
) -> None:
    answer = manager.post(address(written, "reveal"), said_so)
    assert answer.status_code == 200
    assert TEXT not in answer.content.decode()
    assert not AuditLog.objects.using("audit").filter(action="reveal", outcome="ok").exists()


def test_who_may_see_contact_data_only_opens_nothing_clinical(written: Person, sign_in: Callable[..., Client]) -> None:
    dpo = sign_in(Role.DPO, written.connection.clinic)
    answer = dpo.post(address(written, "reveal"), {"purpose": "dpo"})
    assert TEXT not in answer.content.decode()
    assert dpo.post(address(written, "write"), {"medical_notes": "x"}).status_code == 404
    actor = Actor.staff(user(Role.SUPERVISOR, written.connection.clinic))
    with pytest.raises(RevealDenied):
        open_record(record_of(written.contact.subject), actor=actor, purpose="care")


def test_strangers_find_no_page(written: Person, sign_in: Callable[..., Client]) -> None:
    other = sign_in(Role.CLINIC_MANAGER, clinic("Clínica Lua"))
    supervisor = sign_in(Role.SUPERVISOR, written.connection.clinic)
    for what in ("person", "reveal", "write", "note"):
        for client in (other, supervisor):
            answer = client.post(address(written, what), {"purpose": "care", "medical_notes": "x", "text": "x"})
            assert answer.status_code == 404, what
    assert rows_of(written, "update") == []


# Around it ------------------------------------------------------------------------------------------------------------


def test_the_link_page_leads_to_it_and_the_list_opens_nothing(
    written: Person, manager: Client, sign_in: Callable[..., Client]
) -> None:
    mapping = written.connection.contact_mappings.get()
    link = reverse("admin:bridge_contactmapping_change", args=[mapping.pk])
    assert address(written) in manager.get(link).content.decode()
    supervisor = sign_in(Role.SUPERVISOR, written.connection.clinic)
    assert address(written) not in supervisor.get(link).content.decode()
    listed = main_of(manager.get(reverse("admin:bridge_leadhealthprofile_changelist")))
    assert written.contact.mask in listed
    assert TEXT not in listed
    assert rows_of(written, "reveal") == []
    profile = LeadHealthProfile.objects.get()
    assert manager.get(reverse("admin:bridge_leadhealthprofile_change", args=[profile.pk]))["Location"] == address(
        written
    )


def test_a_text_that_was_moved_here_is_not_shown(written: Person, manager: Client) -> None:
    profile: Any = LeadHealthProfile.objects.get()
    profile.health_conditions = profile.medical_notes
    profile.save()
    answer = manager.post(address(written, "reveal"), {"purpose": "care"})
    assert TEXT not in answer.content.decode()
