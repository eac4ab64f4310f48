"""Settings of Krayin used by set-up and mapping (Krayin contract sections 11 to 13)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Attribute, CrmWebhookDraft, NamedItem, Stage, WorkflowDraft
from bridge.errors import PartnerRejected, WouldBeCut
from tests.clients.wire import KRAYIN_SITE, Wire, krayin_sample

WEBHOOK = CrmWebhookDraft(
    name="Bridge – lead atualizado",
    entity_type="leads",
    description="Aviso ao bridge",
    end_point="https://bridge.clinicasorriso.example.com.br/webhooks/krayin/",
    headers={"X-Bridge-Token": "segredo-compartilhado"},
    payload={
        "event": "lead.update.after",
        "bridge_ref": "{%leads.bridge_ref%}",
        "stage_name": "{%leads.lead_pipeline_stage_id%}",
        "pipeline_name": "{%leads.lead_pipeline_id%}",
    },
)
WORKFLOW = WorkflowDraft(name="Bridge: lead atualizado", entity_type="leads", event="lead.update.after", webhook_id=1)


def test_who_am_i_tells_the_view_permission(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("auth_account_get")

    user = krayin.who_am_i()

    assert (user.id, user.view_permission, user.is_active) == (2, "global", True)


def test_pipelines_come_with_their_stages_in_order(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_pipelines_list")

    pipeline = krayin.pipelines()[0]

    assert wire.query == {"pagination": "0"}
    assert pipeline.is_default
    assert [stage.code for stage in pipeline.stages] == ["new", "follow-up", "prospect", "negotiation", "won", "lost"]
    assert pipeline.stages[0] == Stage(1, "new", "New")


@pytest.mark.parametrize(
    ("sample", "ask", "count"),
    [
        ("settings_sources_list", KrayinClient.sources, 6),
        ("settings_types_list", KrayinClient.types, 2),
        ("settings_users_list", KrayinClient.users, 2),
        ("settings_webhooks_list", KrayinClient.webhooks, 1),
        ("settings_workflows_list", KrayinClient.workflows, 3),
    ],
)
def test_lists_come_whole(
    krayin: KrayinClient, wire: Wire, sample: str, ask: Callable[[KrayinClient], tuple], count: int
) -> None:
    wire.answers_like(sample)

    found = ask(krayin)

    assert [item.id for item in found] == [row["id"] for row in krayin_sample(sample)["response"]["body"]["data"]]
    assert len(found) == count
    assert wire.query == {"pagination": "0"}


def test_an_attribute_is_found_by_code_and_made_optional(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_attributes_filter_code")
    wire.answers_like("settings_attribute_make_emails_optional")

    emails = krayin.attributes(entity_type="persons", code="emails")[0]
    optional = krayin.attribute_make_optional(emails)

    assert emails == Attribute(29, "emails", "Emails", "email", "persons", is_required=True, is_unique=True)
    assert not optional.is_required
    assert wire.sent[1] == "PUT /api/v1/settings/attributes/29"
    assert wire.body == krayin_sample("settings_attribute_make_emails_optional")["request"]["body"]


def test_an_own_key_is_a_unique_optional_text(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_attribute_create_lead_ref")

    made = krayin.attribute_create(code="bridge_ref", name="Referência Bridge", entity_type="leads")

    assert wire.body == krayin_sample("settings_attribute_create_lead_ref")["request"]["body"]
    assert (made.code, made.entity_type, made.is_unique, made.is_required) == ("bridge_ref", "leads", True, False)


def test_select_attributes_show_their_options(krayin: KrayinClient, wire: Wire) -> None:
    recorded = krayin_sample("settings_attribute_create_select")["response"]["body"]["data"]
    wire.answers("GET", f"{KRAYIN_SITE}/api/v1/settings/attributes", {"data": [recorded]})

    options = krayin.attributes()[0].options

    assert [option.name for option in options] == [row["name"] for row in recorded["options"]]
    assert options


def test_a_malformed_code_is_rejected(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_attribute_bad_code")

    with pytest.raises(PartnerRejected) as caught:
        krayin.attribute_create(code="1x", name="x", entity_type="leads")

    assert caught.value.fields == {"code"}


def test_a_source_is_created(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_source_create")

    assert krayin.source_create("WhatsApp") == NamedItem(6, "WhatsApp")


def test_a_source_that_exists_is_rejected_by_name(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_source_duplicate")

    with pytest.raises(PartnerRejected) as caught:
        krayin.source_create("WhatsApp")

    assert caught.value.fields == {"name"}


def test_a_webhook_is_created_in_the_encoding_every_version_sends(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_webhook_create")

    made = krayin.webhook_create(WEBHOOK)

    assert wire.body == krayin_sample("settings_webhook_create")["request"]["body"]
    assert made.headers["X-Bridge-Token"] == "segredo-compartilhado"
    assert made.payload["bridge_ref"] == "{%leads.bridge_ref%}"
    assert "segredo" not in repr(made)


def test_a_webhook_is_replaced_and_deleted_by_id(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_webhook_create", method="PUT", path="/api/v1/settings/webhooks/1")
    wire.answers_like("contacts_person_tag_detach", path="/api/v1/settings/webhooks/1")

    assert krayin.webhook_update(1, WEBHOOK).id == 1
    krayin.webhook_delete(1)

    assert wire.sent == ["PUT /api/v1/settings/webhooks/1", "DELETE /api/v1/settings/webhooks/1"]


def test_an_end_point_too_long_for_its_column_is_refused(krayin: KrayinClient, wire: Wire) -> None:
    draft = CrmWebhookDraft("n", "leads", "https://bridge.example/" + "a" * 255, {}, {})

    with pytest.raises(WouldBeCut):
        krayin.webhook_create(draft)
    assert wire.sent == []


def test_a_workflow_fires_its_webhook(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_workflow_create")

    made = krayin.workflow_create(WORKFLOW)

    assert wire.body == krayin_sample("settings_workflow_create")["request"]["body"]
    assert (made.entity_type, made.webhook_ids) == ("leads", (1,))


def test_a_workflow_is_replaced_and_deleted_by_id(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_workflow_create", method="PUT", path="/api/v1/settings/workflows/3")
    wire.answers_like("leads_delete", path="/api/v1/settings/workflows/3")

    assert krayin.workflow_update(3, WORKFLOW).id == 3
    krayin.workflow_delete(3)

    assert wire.sent == ["PUT /api/v1/settings/workflows/3", "DELETE /api/v1/settings/workflows/3"]


def test_workflows_that_fire_no_webhook_say_so(krayin: KrayinClient, wire: Wire) -> None:
    wire.answers_like("settings_workflows_list")

    assert [workflow.webhook_ids for workflow in krayin.workflows()] == [(1,), (), ()]
