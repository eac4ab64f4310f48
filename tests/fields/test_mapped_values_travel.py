"""A published mapping acts: values go across, echoes are known, and what fails stops nothing else (screen A7)."""

import pytest

from bridge.connecting.refresh import refresh
from bridge.fields import edit, lists
from bridge.models import Effect, FieldStop, FieldVersion, ObservedValue, SyncedObject
from consent.models import DataSubject, Decision
from tests.back.both_sides import hints
from tests.fields.mapped import Mapped

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_values_of_a_contact_reach_its_person_and_opportunity_in_krayin(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.row("contact.custom.cargo", "person.plano", "option")
    mapped.row("contact.custom.nota", "lead.canal", category="R02")
    mapped.row("contact.custom.valor", "lead.lead_value", "number")
    mapped.publish()
    mapped.writes(convenio="Unimed", nota="Indicação", valor=1234.5, cargo="ouro")
    assert mapped.person["convenio"] == "Unimed"
    assert mapped.person["plano"] == mapped.option("plano", "Ouro")
    assert mapped.lead["canal"] == "Indicação"
    assert float(mapped.both.lead["lead_value"]) == 1234.5
    assert mapped.refused() == []
    assert "R02" in Decision.objects.values_list("category", flat=True)
    before = Effect.objects.count()
    mapped.both.settle()
    assert Effect.objects.count() == before
    assert hints() == 0


def test_the_first_values_go_with_the_call_that_makes_the_records(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.row("contact.custom.nota", "lead.canal")
    mapped.publish()
    with mapped.both.counted() as calls:
        mapped.newcomer(convenio="Amil", nota="Site")
    assert mapped.person["convenio"] == "Amil"
    assert mapped.lead["canal"] == "Site"
    steps = mapped.both.steps(lane_key=f"c:{mapped.both.contact_id}")
    assert sorted(steps) == ["create_lead", "create_person", "show_lead"]
    assert calls.krayin <= 2


def test_a_value_that_goes_and_returns_is_written_each_time(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.publish()
    for value in ("Unimed", "Amil", "Unimed"):
        mapped.writes(convenio=value)
        assert mapped.person["convenio"] == value
    assert Effect.objects.filter(object_ref__contains="~", state="confirmed").count() == 3


def test_a_value_that_cannot_be_converted_waits_alone_by_its_name(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.row("contact.custom.cargo", "person.plano", "option")
    mapped.publish()
    mapped.writes(convenio="Unimed", cargo="Diamante")
    mapped.both.edits_contact(name="Ana Lima Souza")
    mapped.both.settle()
    assert mapped.refused() == [("MAPPING", "Cargo → Plano")]
    assert not Effect.objects.filter(detail__contains="Diamante").exists()
    assert mapped.person["convenio"] == "Unimed"
    assert mapped.both.person["name"] == "Ana Lima Souza"
    mapped.writes(cargo="Prata")
    assert mapped.refused() == []
    assert mapped.person["plano"] == mapped.option("plano", "Prata")


def test_a_new_version_tries_again_what_the_old_one_could_not_convert(mapped: Mapped) -> None:
    row = mapped.row("contact.custom.nota", "person.carteira", "digits")
    mapped.publish()
    mapped.writes(nota="sem número")
    assert mapped.refused() == [("MAPPING", "Nota → Carteira")]
    edit.change(row, mapped.draft("contact.custom.nota", "person.carteira", "text"))
    mapped.publish("texto livre")
    mapped.both.settle()
    assert mapped.refused() == []
    assert mapped.person["carteira"] == "sem número"


def test_what_krayin_refuses_stops_only_that_field(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.row("contact.custom.nota", "person.carteira")
    mapped.publish()
    mapped.makes_unique("carteira")
    mapped.both.edits_person(carteira="123")
    mapped.newcomer(convenio="Amil", nota="123")
    assert mapped.person["convenio"] == "Amil"
    assert mapped.refused() == [("KRAYIN_REJECTED", "Nota → Carteira")]


def test_a_field_that_was_deleted_in_krayin_is_marked_and_left_alone(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.row("contact.custom.nota", "person.carteira")
    mapped.publish()
    mapped.takes_field_away("carteira")
    lists.fetch(mapped.connection)
    assert mapped.connection.field_gone == ["person.carteira"]
    mapped.writes(convenio="Unimed", nota="9")
    assert mapped.person["convenio"] == "Unimed"
    assert mapped.refused() == []
    assert Effect.objects.filter(object_ref__contains="~").count() == 1


def test_a_conversations_attribute_reaches_its_opportunity(mapped: Mapped) -> None:
    mapped.row("conversation.custom.origem", "lead.canal")
    mapped.publish()
    chat = mapped.both.bridge.chatwoot
    number = chat.store.conversations_of(mapped.both.contact_id)[0].display_id
    chat.set_conversation_attributes(number, {"origem": "Instagram"})
    mapped.both.settle()
    assert mapped.lead["canal"] == "Instagram"


def test_yes_no_fields_of_persons_survive_our_other_writes(mapped: Mapped) -> None:
    mapped.row("contact.custom.nota", "person.fumante", "yes_no")
    mapped.publish()
    mapped.writes(nota="Sim")
    assert mapped.person["fumante"] == 1
    mapped.both.edits_contact(name="Ana de Lima")
    mapped.both.settle()
    assert mapped.person["fumante"] == 1


# Back to Chatwoot -----------------------------------------------------------------------------------------------------


def test_values_of_krayin_reach_the_contacts_attributes(mapped: Mapped) -> None:
    mapped.row("contact.custom.cargo", "person.job_title", direction="both")
    mapped.row("contact.custom.valor", "lead.lead_value", "number", direction="chatwoot")
    mapped.publish()
    mapped.both.edits_person(job_title="Dentista")
    mapped.both.edits_lead(lead_value="1500.5")
    mapped.both.settle()
    assert mapped.both.attributes["cargo"] == "Dentista"
    assert mapped.both.attributes["valor"] == 1500.5
    with mapped.both.counted() as calls:
        mapped.both.settle()
    assert (calls.krayin, calls.chatwoot) == (0, 0)
    mapped.writes(cargo="Médica")
    assert mapped.both.person["job_title"] == "Médica"
    mapped.both.edits_person(job_title="Dentista")
    mapped.both.settle()
    assert mapped.both.attributes["cargo"] == "Dentista"


@pytest.mark.parametrize(("winner", "expected"), [("chatwoot", "Aqui"), ("krayin", "Lá")])
def test_when_both_sides_changed_the_winner_of_the_row_decides(mapped: Mapped, winner: str, expected: str) -> None:
    mapped.row("contact.custom.cargo", "person.job_title", direction="both", winner=winner)
    mapped.publish()
    mapped.writes(cargo="Antes")
    assert mapped.both.person["job_title"] == "Antes"
    mapped.both.edits_contact(custom_attributes={"cargo": "Aqui"})
    mapped.both.edits_person(job_title="Lá")
    mapped.both.settle()
    assert (mapped.both.attributes["cargo"], mapped.both.person["job_title"]) == (expected, expected)


def test_a_value_both_sides_came_to_hold_is_agreed_without_a_write(mapped: Mapped) -> None:
    mapped.row("contact.custom.cargo", "person.job_title", direction="both")
    mapped.publish()
    mapped.both.edits_person(job_title="Dentista")
    mapped.both.edits_contact(custom_attributes={"cargo": "Dentista"})
    puts = mapped.puts()
    mapped.both.settle()
    assert mapped.puts() == puts
    assert mapped.both.attributes["cargo"] == "Dentista"


# Privacy and rest -----------------------------------------------------------------------------------------------------


def test_values_are_kept_encrypted_and_only_for_fields_a_mapping_names(mapped: Mapped) -> None:
    mapped.writes(convenio="Unimed", nota="segredo")
    assert not ObservedValue.objects.exists()
    row = mapped.row("contact.custom.convenio", "person.convenio")
    assert edit.read_sample(mapped.connection) == 1
    mapped.both.settle()
    value = ObservedValue.objects.get()
    assert (value.key, value.mask) == ("contact.custom.convenio", "U•••")
    assert value.value is not None
    assert b"Unimed" not in value.value.blob
    edit.remove(row)
    assert not ObservedValue.objects.exists()


def test_a_blocked_person_gets_no_mapped_value(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.publish()
    DataSubject.objects.update(blocked_at="2026-01-01T00:00Z")
    mapped.writes(convenio="Unimed")
    assert "convenio" not in mapped.person or not mapped.person["convenio"]
    assert Effect.objects.filter(object_ref__contains="~", state="denied").exists()


def test_an_earlier_version_acts_again_as_a_new_one(mapped: Mapped) -> None:
    row = mapped.row("contact.custom.convenio", "person.convenio")
    first = mapped.publish()
    edit.remove(row)
    mapped.row("contact.custom.nota", "person.carteira")
    mapped.publish("outra")
    third = edit.restore(first, mapped.user, "a primeira era melhor")
    assert (third.number, third.restored_from, third.rows) == (3, 1, first.rows)
    mapped.writes(convenio="Unimed", nota="9")
    assert mapped.person["convenio"] == "Unimed"
    assert not mapped.person.get("carteira")
    assert FieldVersion.objects.count() == 3


def test_the_database_refuses_to_change_a_published_version(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    made = mapped.publish()
    with pytest.raises(Exception, match="never changed"):
        FieldVersion.objects.filter(pk=made.pk).update(reason="outra")
    assert FieldVersion.objects.get().reason == "primeira"


def test_without_a_published_mapping_nothing_is_kept_or_agreed(mapped: Mapped) -> None:
    mapped.row("contact.custom.convenio", "person.convenio")
    mapped.writes(convenio="Unimed")
    assert not mapped.person.get("convenio")
    assert not SyncedObject.objects.filter(kind="fields").exists()


def test_a_field_both_sides_keep_changing_waits_for_a_person(mapped: Mapped) -> None:
    mapped.row("contact.custom.cargo", "person.job_title", direction="both")
    mapped.publish()
    for turn in range(3):
        mapped.writes(cargo=f"Aqui {turn}")
        mapped.both.edits_person(job_title=f"Lá {turn}")
        mapped.both.settle()
    stop = FieldStop.objects.get()
    assert stop.ref == SyncedObject.objects.get(kind="person").ref
    mapped.writes(cargo="Outra vez")
    assert mapped.both.person["job_title"] != "Outra vez"
    mapped.both.resume(stop)
    mapped.both.settle()
    assert mapped.both.person["job_title"] == "Outra vez"


def test_the_hourly_refresh_notices_a_field_deleted_in_krayin(mapped: Mapped) -> None:
    mapped.row("contact.custom.nota", "person.carteira")
    mapped.publish()
    mapped.takes_field_away("carteira")
    refresh(mapped.connection)
    assert mapped.connection.field_gone == ["person.carteira"]
