"""A4: a connection is changed by choosing among what exists; its secrets are replaced and never shown."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import away, clinic, connection, signed_in

from audit.models import AuditLog
from bridge.causes import Cause
from bridge.connecting.steps import keep_secret
from bridge.models import CallBudget, Connection, KrayinUser, Partner, WebhookSecret
from bridge.sync.partners import connection_context, user_context
from consent.encryption import Actor, open_system, seal_system
from consent.models import User
from consent.roles import Role
from screens.pages import main_of, text_of

pytestmark = pytest.mark.django_db(databases=["default", "audit", "intake"])

LIST, PAUSE = reverse("admin:bridge_connection_changelist"), reverse("admin:bridge_connection_pause")
PIPELINES = [
    {
        "id": 1,
        "name": "Funil padrão",
        "stages": [{"id": 1, "code": "new", "name": "Novo"}, {"id": 2, "name": "Contato"}],
    },
    {"id": 2, "name": "Cirurgias", "stages": [{"id": 9, "code": "first", "name": "Avaliação"}]},
]
TOKEN, PASSWORD, SECRET = "token-antigo-1234", "senha antiga 1234", "segredo-antigo-1234"  # invented


@pytest.fixture
def kept() -> Connection:
    """A connection in shadow with a Chatwoot token, a Krayin user and a webhook secret."""
    row = connection(
        clinic("Clínica Sol"), state="shadow", pipelines=PIPELINES, default_pipeline_name="Funil padrão",
        default_stage_id=1, default_stage_name="Novo", inbox_names={"7": "WhatsApp Recepção", "8": "Site"},
    )  # fmt: skip
    row.chatwoot_token = seal_system(TOKEN.encode(), context=connection_context(row))
    row.save(update_fields=["chatwoot_token"])
    budget = CallBudget.objects.create(name=f"krayin:{row.krayin_id}")
    person = KrayinUser(krayin=row.krayin, email="ponte@crm.exemplo", budget=budget)
    person.password = seal_system(PASSWORD.encode(), context=user_context(person, "password"))
    person.token = seal_system(b"token", context=user_context(person, "token"))
    person.save()
    row.krayin_users.add(person)
    keep_secret(row, Partner.CHATWOOT, SECRET)
    return row


@pytest.fixture
def technician(kept: Connection) -> Client:
    return signed_in(Role.TECHNICAL_ADMIN, kept.clinic)


def page_of(row: Connection) -> str:
    return reverse("admin:bridge_connection_change", args=[row.pk])


def form_of(client: Client, row: Connection) -> dict[str, Any]:
    """What the browser would send if nothing were changed."""
    form = client.get(page_of(row)).context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: value for name, value in values.items() if value not in (None, False, "")}


def send(client: Client, row: Connection, **changes: Any) -> HttpResponse:
    data = {**form_of(client, row), **changes}
    return client.post(page_of(row), {name: value for name, value in data.items() if value is not None})


def errors_of(response: HttpResponse) -> dict[str, list[str]]:
    assert response.status_code == 200
    found: dict[str, list[str]] = response.context["adminform"].form.errors  # type: ignore[attr-defined]
    return found


def confirm_policy(row: Connection) -> None:
    row.clinic.confirm_policy(by=User.objects.create_user("dpo@clinica.exemplo"), now=timezone.now())


# State ----------------------------------------------------------------------------------------------------------------


def test_a_connection_becomes_active_only_after_the_clinic_confirmed_its_policy(
    technician: Client, kept: Connection
) -> None:
    assert "ainda não confirmou as bases legais" in errors_of(send(technician, kept, state="active"))["state"][0]
    confirm_policy(kept)
    assert send(technician, kept, state="active").status_code == 302
    kept.refresh_from_db()
    assert kept.state == "active"


def test_only_the_states_that_may_follow_are_offered(technician: Client, kept: Connection) -> None:
    assert "state" in errors_of(send(technician, kept, state="draft"))
    offered = [
        value for value, _text in technician.get(page_of(kept)).context["adminform"].form.fields["state"].choices
    ]
    assert offered == ["shadow", "active", "paused", "off"]


def test_pausing_asks_first_and_leaves_an_audit_row(technician: Client, kept: Connection) -> None:
    asked = technician.get(reverse("admin:bridge_connection_pause_one", args=[kept.pk]))
    assert "Pausar 1 conexão?" in main_of(asked)
    assert Connection.objects.get().state == "shadow"
    technician.post(PAUSE, {"connection": kept.pk})
    assert Connection.objects.get().state == "paused"
    assert AuditLog.objects.filter(object_id=str(kept.pk), fields__contains=["state"]).exists()


def test_pausing_from_the_list_asks_too(technician: Client, kept: Connection) -> None:
    asked = technician.post(LIST, {"action": "pause", "_selected_action": [kept.pk]})
    assert "Pausar 1 conexão?" in main_of(asked)
    assert Connection.objects.get().state == "shadow"


def test_switching_off_says_what_is_lost(technician: Client, kept: Connection) -> None:
    response = technician.post(page_of(kept), {**form_of(technician, kept), "state": "off"}, follow=True)
    assert "o que o Chatwoot enviar a partir de agora se perde" in text_of(response)


# What to send ---------------------------------------------------------------------------------------------------------


def test_inboxes_are_chosen_by_name(technician: Client, kept: Connection) -> None:
    assert "WhatsApp Recepção" in main_of(technician.get(page_of(kept)))
    assert send(technician, kept, inbox_ids=[7, 8]).status_code == 302
    kept.refresh_from_db()
    assert kept.inbox_ids == [7, 8]


def test_an_inbox_that_does_not_exist_is_refused(technician: Client, kept: Connection) -> None:
    assert "inbox_ids" in errors_of(send(technician, kept, inbox_ids=[99]))


def test_no_inbox_at_all_is_refused(technician: Client, kept: Connection) -> None:
    assert "inbox_ids" in errors_of(send(technician, kept, inbox_ids=None))


def test_a_stage_of_another_pipeline_is_refused(technician: Client, kept: Connection) -> None:
    assert "stage_on_first_response" in errors_of(send(technician, kept, stage_on_first_response=9))
    assert send(technician, kept, stage_on_first_response=2).status_code == 302


def test_another_pipeline_needs_its_own_first_stage(technician: Client, kept: Connection) -> None:
    assert "lead_pipeline_stage_id" in errors_of(send(technician, kept, lead_pipeline_id=2))
    assert send(technician, kept, lead_pipeline_id=2, lead_pipeline_stage_id=9).status_code == 302


def test_a_stage_that_is_gone_stays_visible_and_must_be_replaced(technician: Client, kept: Connection) -> None:
    Connection.objects.update(stage_on_first_response=77)
    assert "número 77: não existe mais" in main_of(technician.get(page_of(kept)))
    assert "stage_on_first_response" in errors_of(send(technician, kept, name="Outro nome"))


def test_an_unknown_placeholder_in_the_title_is_named(technician: Client, kept: Connection) -> None:
    assert "{cpf}" in errors_of(send(technician, kept, title_template="{nome} {cpf}"))["title_template"][0]


def test_the_quiet_time_may_not_exceed_the_limit(technician: Client, kept: Connection) -> None:
    assert "note_max_age_s" in errors_of(send(technician, kept, note_quiet_s=900, note_max_age_s=600))


def test_saving_leaves_alone_what_workers_write_meanwhile(technician: Client, kept: Connection) -> None:
    data = form_of(technician, kept)
    Connection.objects.update(pipelines=[{"id": 9, "name": "Outro", "stages": []}])
    assert technician.post(page_of(kept), {**data, "name": "Recepção nova"}).status_code == 302
    kept.refresh_from_db()
    assert (kept.name, kept.pipelines[0]["name"]) == ("Recepção nova", "Outro")


# Secrets --------------------------------------------------------------------------------------------------------------


def test_no_secret_is_ever_shown(technician: Client, kept: Connection) -> None:
    content = technician.get(page_of(kept)).content.decode()
    assert not [text for text in (TOKEN, PASSWORD, SECRET) if text in content]


def test_a_new_token_replaces_the_old_one_sealed(technician: Client, kept: Connection) -> None:
    assert send(technician, kept, chatwoot_token_new="token-novo-5678").status_code == 302
    kept.refresh_from_db()
    assert kept.chatwoot_token is not None
    assert b"token-novo" not in kept.chatwoot_token.blob
    assert opened(kept.chatwoot_token, connection_context(kept)) == "token-novo-5678"
    assert "token-novo" not in str(list(AuditLog.objects.using("audit").values()))


def test_saving_without_new_secrets_keeps_the_old_ones(technician: Client, kept: Connection) -> None:
    assert send(technician, kept, name="Outro nome").status_code == 302
    kept.refresh_from_db()
    assert kept.chatwoot_token is not None
    assert opened(kept.chatwoot_token, connection_context(kept)) == TOKEN
    assert WebhookSecret.objects.count() == 1


def test_a_new_password_makes_ponte_sign_in_again(technician: Client, kept: Connection) -> None:
    person = kept.krayin_users.get()
    assert send(technician, kept, **{f"krayin_password_{person.pk}": "senha nova 5678"}).status_code == 302
    person.refresh_from_db()
    assert person.token is None
    assert person.password is not None
    assert opened(person.password, user_context(person, "password")) == "senha nova 5678"


def test_a_replaced_webhook_secret_lives_on_for_a_day(technician: Client, kept: Connection) -> None:
    assert send(technician, kept, webhook_secret_new="segredo-novo-5678").status_code == 302
    old, new = WebhookSecret.objects.order_by("pk")
    assert old.retired_at is not None
    assert old.retired_at > timezone.now()
    assert new.retired_at is None


def test_new_access_ends_the_wait_for_the_partner(technician: Client, kept: Connection) -> None:
    away(kept, Cause.CHATWOOT_CREDENTIALS)
    send(technician, kept, chatwoot_token_new="token-novo-5678")
    kept.refresh_from_db()
    assert kept.paused_until < timezone.now()


def opened(sealed: Any, context: Any) -> str:
    return open_system(sealed, context=context, actor=Actor.system("test"), purpose="system").decode()


# Who may --------------------------------------------------------------------------------------------------------------


def test_the_list_shows_state_problem_and_calls_left(technician: Client, kept: Connection) -> None:
    away(kept, Cause.KRAYIN_CREDENTIALS)
    shown = main_of(technician.get(LIST))
    assert "1 conexão tem um problema." in shown
    assert "O Krayin não aceita mais o acesso da Ponte." in shown
    assert "10 agora, 50/min" in shown


def test_management_reads_names_and_changes_nothing(kept: Connection) -> None:
    manager = signed_in(Role.CLINIC_MANAGER, kept.clinic)
    shown = main_of(manager.get(page_of(kept)))
    assert "WhatsApp Recepção" in shown
    assert "Funil padrão" in shown
    assert "Trocar" not in shown
    assert manager.post(page_of(kept), {"name": "Outro"}).status_code == 403
    manager.post(PAUSE, {"connection": kept.pk})
    kept.refresh_from_db()
    assert (kept.name, kept.state) == ("Recepção", "shadow")


def test_another_clinics_connection_does_not_exist(kept: Connection) -> None:
    stranger = signed_in(Role.TECHNICAL_ADMIN, clinic("Clínica Lua"))
    assert stranger.get(page_of(kept)).status_code == 404
    assert stranger.post(page_of(kept), {"name": "Outro"}).status_code == 404
    assert stranger.get(reverse("admin:bridge_connection_pause_one", args=[kept.pk])).status_code in {403, 404}
    stranger.post(PAUSE, {"connection": kept.pk})
    kept.refresh_from_db()
    assert kept.state == "shadow"


def test_adding_a_connection_opens_the_assistant_and_none_is_deleted(technician: Client, kept: Connection) -> None:
    added = technician.get(reverse("admin:bridge_connection_add"))
    assert added.headers["Location"] == reverse("admin:bridge_setup_new")
    assert technician.get(reverse("admin:bridge_connection_delete", args=[kept.pk])).status_code == 403


def test_management_adds_none(kept: Connection) -> None:
    manager = signed_in(Role.CLINIC_MANAGER, kept.clinic)
    assert manager.get(reverse("admin:bridge_connection_add")).status_code == 403
    assert manager.get(reverse("admin:bridge_setup_new")).status_code == 403


def test_an_inbox_of_another_receiving_connection_is_refused(technician: Client, kept: Connection) -> None:
    connection(kept.clinic, "Site", inbox_ids=[8], inbox_names={"8": "Site"})
    assert "Site já pertence a «Site»" in errors_of(send(technician, kept, inbox_ids=[7, 8]))["inbox_ids"][0]


def test_an_empty_list_says_how_connections_are_made() -> None:
    shown = main_of(signed_in(Role.TECHNICAL_ADMIN, clinic("Clínica Mar")).get(LIST))
    assert "abre o assistente" in shown
