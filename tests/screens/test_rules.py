"""A8: the ordered list, its changes, its warnings, and what it would do with the last seven days."""

from datetime import timedelta

import pytest
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factories import connection, contact, conversation, lane, signed_in

from audit.models import AuditLog
from bridge.models import Connection, DirectoryEntry, ObservedContact, StageRule, SyncedObject, Wish
from bridge.rules import edit
from consent.roles import Role
from screens.pages import main_of

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_stagerule_changelist")
PIPELINES = [
    {"id": 1, "name": "Padrão", "stages": [
        {"id": 1, "code": "new", "name": "Novo"}, {"id": 2, "code": "follow-up", "name": "Contato"},
        {"id": 3, "code": "prospect", "name": "Proposta"}, {"id": 4, "code": "negotiation", "name": "Negociação"},
        {"id": 5, "code": "won", "name": "Ganho"}, {"id": 6, "code": "lost", "name": "Perdido"},
    ]},
    {"id": 2, "name": "Cirurgias", "stages": [{"id": 21, "code": "triagem", "name": "Triagem"}]},
]  # fmt: skip


@pytest.fixture
def here() -> Connection:
    """Rules on, one setting of the connection's own, a directory."""
    made = connection(
        pipelines=PIPELINES, default_stage_id=1, stage_progression_enabled=True, stage_on_first_response=2
    )
    now = timezone.now()
    for kind, key, name in (("label", "orçamento", "orçamento"), ("team", "2", "recepção"), ("agent", "11", "Bia")):
        DirectoryEntry.objects.create(connection=made, kind=kind, key=key, name=name, seen_at=now)
    return made


def rule(of: Connection, when: str = "label", value: str = "orçamento", *, stage: int = 3, **more: object) -> StageRule:
    values = {"pipeline_id": 1, "value_name": "", "stage_name": "Proposta", "is_enabled": True, **more}
    return edit.add(of, edit.Draft(when=when, value=value, stage_id=stage, **values))  # type: ignore[arg-type]


def new(of: Connection) -> str:
    return reverse("admin:bridge_stagerule_new", args=[of.pk])


def act(client: Client, one: StageRule, do: str) -> None:
    assert client.post(reverse("admin:bridge_stagerule_act", args=[one.pk]), {"do": do}).status_code == 302


def lead(
    of: Connection, number: int, *, stage: int, labels: list[str] | None = None, ours: int | None = None,
    **more: object,
) -> ObservedContact:  # fmt: skip
    """A person with a conversation of today and an opportunity in a stage."""
    person = contact(of, phone=f"+551198765{number:04d}", chatwoot_contact_id=number)
    conversation(
        person, number, last_activity_at=timezone.now(), lead_number=1,
        labels_seen=["orçamento"] if labels is None else labels,
    )  # fmt: skip
    SyncedObject.objects.create(
        connection=of, krayin=of.krayin, kind="lead", ref=f"ponte-{of.ref_code}-c{number}-l1", lane_key=lane(person),
        foreign_id=number, seq=1, base={"stage_ours": stage if ours is None else ours}, stage_id=stage,
        synced_at=timezone.now(), **more,
    )  # fmt: skip
    return person


# The list -------------------------------------------------------------------------------------------------------------


def test_the_list_says_each_rule_in_a_sentence(viewer: Client, here: Connection) -> None:
    rule(here)
    rule(here, "team", "2", stage=21, pipeline_id=2, value_name="recepção", stage_name="Triagem")
    text = main_of(viewer.get(LIST))
    assert "3 rules move opportunities." in text
    assert "After the first reply of your team → Contato" in text
    assert "When the label “orçamento” is put → Proposta" in text
    assert "When the conversation goes to the team recepção → Cirurgias › Triagem" in text
    assert "never after a person moved the opportunity in Krayin" in text


def test_rules_that_are_off_are_told_first(viewer: Client, here: Connection) -> None:
    Connection.objects.filter(pk=here.pk).update(stage_progression_enabled=False)
    assert "The rules are off: no opportunity moves by itself." in main_of(viewer.get(LIST))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"stage": 99}, "This stage no longer exists in Krayin."),
        ({"when": "inbox", "value": "8", "value_name": "Site"}, "This inbox is not sent by the connection"),
        ({"when": "first_response", "value": "", "stage": 2}, "Never acts: rule 1 leads as far or further"),
        ({"stage": 1}, "Never acts: every opportunity already begins in this stage or a later one."),
    ],
)
def test_a_rule_that_cannot_act_says_why(viewer: Client, here: Connection, made: dict[str, object], told: str) -> None:
    rule(here, **made)  # type: ignore[arg-type]
    text = main_of(viewer.get(LIST))
    assert told in text
    assert "1 rule moves opportunities · 1 needs attention." in text


def test_a_label_that_chatwoot_no_longer_has_is_marked(viewer: Client, here: Connection) -> None:
    rule(here)
    DirectoryEntry.objects.filter(kind="label").update(gone_at=timezone.now())
    assert "Chatwoot no longer has this." in main_of(viewer.get(LIST))


def test_a_change_of_pipeline_that_would_cost_data_waits(viewer: Client, here: Connection) -> None:
    rule(here, stage=21, pipeline_id=2, stage_name="Triagem")
    Connection.objects.filter(pk=here.pk).update(lead_booleans=["convenio"])
    assert "Waits: this Krayin has yes/no fields" in main_of(viewer.get(LIST))
    assert "Triagem" not in main_of(viewer.get(new(here)))


# Changing it ----------------------------------------------------------------------------------------------------------


def test_a_rule_is_added_and_leaves_an_audit_row(viewer: Client, here: Connection) -> None:
    response = viewer.post(new(here), {"when": "label", "label": " Orçamento ", "stage": "3", "is_enabled": "on"})
    assert response.status_code == 302
    made = StageRule.objects.get()
    assert (made.when, made.value, made.stage_id, made.pipeline_id, made.position) == ("label", "orçamento", 3, 1, 1)
    row = AuditLog.objects.get(object_type="bridge.StageRule")
    assert (row.clinic_id, row.object_id, row.actor_type) == (here.clinic_id, str(made.pk), "staff")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"when": "label", "stage": "3"}, "Say which one."),
        ({"when": "team", "team": "77", "stage": "3"}, "Select a valid choice."),
        ({"when": "created", "stage": "99"}, "Select a valid choice."),
        ({"stage": "3"}, "This field is required."),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    viewer: Client, here: Connection, sent: dict[str, str], told: str
) -> None:
    assert told in main_of(viewer.post(new(here), sent))
    assert not StageRule.objects.exists()


def test_a_rule_is_changed(viewer: Client, here: Connection) -> None:
    made = rule(here)
    address = reverse("admin:bridge_stagerule_change", args=[made.pk])
    assert 'value="orçamento"' in viewer.get(address).content.decode()
    viewer.post(address, {"when": "assignee", "assignee": "11", "stage": "4"})
    made.refresh_from_db()
    assert (made.when, made.value, made.value_name, made.stage_name, made.is_enabled) == (
        "assignee", "11", "Bia", "Negociação", False,
    )  # fmt: skip


def test_rules_change_places(viewer: Client, here: Connection) -> None:
    first, second, third = (rule(here, value=value) for value in ("a1", "b2", "c3"))
    act(viewer, third, "up")
    act(viewer, first, "down")
    act(viewer, first, "down")
    act(viewer, first, "down")
    assert list(StageRule.objects.order_by("position")) == [third, second, first]


def test_a_rule_is_switched_off_and_removed(viewer: Client, here: Connection) -> None:
    made = rule(here)
    act(viewer, made, "off")
    assert "→ Proposta · off" in main_of(viewer.get(LIST))
    address = reverse("admin:bridge_stagerule_act", args=[made.pk])
    assert "Remove this rule?" in main_of(viewer.post(address, {"do": "remove"}))
    assert StageRule.objects.exists()
    viewer.post(address, {"do": "remove", "confirmed": "1"})
    assert not StageRule.objects.exists()
    assert AuditLog.objects.filter(object_type="bridge.StageRule").count() == 3


def test_all_rules_are_switched_off(viewer: Client, here: Connection) -> None:
    viewer.post(reverse("admin:bridge_stagerule_list_act", args=[here.pk]), {"do": "off"})
    here.refresh_from_db()
    assert not here.stage_progression_enabled
    assert AuditLog.objects.filter(object_type="bridge.Connection", object_id=str(here.pk)).exists()


# Simulation -----------------------------------------------------------------------------------------------------------


def test_the_simulation_says_what_would_move_and_why_not(viewer: Client, here: Connection) -> None:
    rule(here)
    lead(here, 41, stage=1)
    lead(here, 42, stage=2)
    lead(here, 43, stage=4)
    lead(here, 44, stage=5)
    lead(here, 45, stage=2, ours=1)
    lead(here, 46, stage=1, labels=[])
    Wish.objects.create(connection=here, contact=(kept := lead(here, 47, stage=1)), kind="keep_back", via="screen",
                        conversation=kept.conversations.get(), asked_by_ref="1")  # fmt: skip
    before = list(SyncedObject.objects.order_by("pk").values())
    text = main_of(viewer.get(reverse("admin:bridge_stagerule_simulate", args=[here.pk])))
    assert "In the last 7 days 6 opportunities had a conversation: 2 would move." in text
    assert "2 · rule 2: When the label “orçamento” is put → Proposta" in text
    for told in ("1 · already in that stage or further", "1 · won or lost", "1 · a person moved it",
                 "1 · no rule applies"):  # fmt: skip
        assert told in text
    assert list(SyncedObject.objects.order_by("pk").values()) == before


def test_older_conversations_are_not_simulated(viewer: Client, here: Connection) -> None:
    rule(here)
    person = lead(here, 41, stage=1)
    person.conversations.update(last_activity_at=timezone.now() - timedelta(days=8))
    text = main_of(viewer.get(reverse("admin:bridge_stagerule_simulate", args=[here.pk])))
    assert "0 opportunities had a conversation: 0 would move." in text


# Who may --------------------------------------------------------------------------------------------------------------


def test_who_only_looks_changes_nothing(here: Connection) -> None:
    made = rule(here)
    client = signed_in(Role.SUPERVISOR, here.clinic)
    text = main_of(client.get(LIST))
    assert "Your role looks only." in text
    assert "Add rule" not in text
    for address in (new(here), reverse("admin:bridge_stagerule_act", args=[made.pk])):
        assert client.post(address, {"do": "remove"}).status_code == 404
    assert StageRule.objects.exists()


def test_another_clinics_rules_do_not_exist(here: Connection, lua: Connection) -> None:
    made = rule(here)
    stranger = signed_in(Role.CLINIC_MANAGER, lua.clinic)
    for name, pk in (("new", here.pk), ("simulate", here.pk), ("list_act", here.pk), ("act", made.pk),
                     ("change", made.pk)):  # fmt: skip
        address = reverse(f"admin:bridge_stagerule_{name}", args=[pk])
        assert stranger.get(address).status_code == 404
        assert stranger.post(address, {"do": "remove"}).status_code == 404
    assert "orçamento" not in main_of(stranger.get(LIST, {"connection": here.pk}))
    assert StageRule.objects.exists()


def test_the_list_takes_few_queries_however_long(viewer: Client, here: Connection) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(db) as captured:
            assert viewer.get(address).status_code == 200
        return len(captured)

    simulation = reverse("admin:bridge_stagerule_simulate", args=[here.pk])
    rule(here)
    lead(here, 41, stage=1)
    short = queries(LIST), queries(simulation)
    for number in range(42, 60):
        rule(here, value=f"etiqueta {number}")
        lead(here, number, stage=1)
    assert (queries(LIST), queries(simulation)) == short
    assert max(short) <= 30
