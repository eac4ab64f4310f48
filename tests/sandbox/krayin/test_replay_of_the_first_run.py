"""The first recorded session, call by call in its order: answers equal to the last field, ids included."""

from __future__ import annotations

import pytest

from .conftest import MakeCrm
from .replay import assert_replayed, repeat
from .wire import Api, Clock, sample

ORDER = (
    "auth_login_ok", "auth_login_bad_credentials", "auth_login_missing_device_name", "auth_account_get",
    "settings_pipelines_list", "settings_pipeline_create", "settings_source_create", "settings_source_duplicate",
    "settings_sources_list", "settings_types_list", "settings_users_list", "settings_attribute_create_person_ref",
    "settings_attribute_create_lead_ref", "settings_attribute_create_select", "settings_attribute_bad_code",
    "settings_attributes_filter_code", "contacts_person_create_without_email_rejected",
    "contacts_person_create_emails_key_absent_500", "settings_attribute_make_emails_optional",
    "contacts_person_create_phone_only_ok", "contacts_person_create", "contacts_person_create_duplicate",
    "contacts_person_create_bad_email", "contacts_person_create_contact_numbers_absent_500",
    "contacts_person_create_contact_numbers_empty_500", "contacts_person_show", "contacts_person_show_not_found",
    "contacts_persons_list", "contacts_persons_list_unpaginated", "contacts_persons_search_phone",
    "contacts_persons_search_email", "contacts_persons_search_custom_attribute",
    "contacts_persons_search_wrong_grammar_empty", "contacts_person_update", "contacts_person_update_owner_lost",
    "settings_tag_create", "settings_tag_duplicate", "settings_tags_filter_name", "contacts_person_tag_attach",
    "contacts_person_tag_detach", "contacts_organization_create", "contacts_organization_duplicate",
    "contacts_organizations_filter_name", "contacts_organization_show", "contacts_organization_update",
    "contacts_organization_delete_failed_200", "leads_create_existing_person", "leads_create_duplicate_ref",
    "leads_create_new_person", "leads_create_duplicate_person", "leads_create_minimal",
    "leads_create_stage_key_absent_500", "leads_create_invalid_fields", "leads_create_past_close_date",
    "leads_create_unknown_stage_404", "leads_create_unknown_source_500", "leads_show", "leads_show_not_found",
    "leads_list", "leads_list_unknown_column_500", "leads_search_person", "leads_search_ref", "leads_update",
    "leads_update_stage_key_absent_500", "leads_stage_edit", "leads_stage_edit_unknown_stage",
    "leads_stage_edit_other_pipeline_404", "leads_attributes_edit", "leads_attributes_edit_lost",
    "leads_mass_update_stage", "leads_kanban_get", "leads_tag_attach", "leads_tag_attach_unknown_500",
    "leads_tag_detach", "activities_create_note", "activities_create_note_for_person", "activities_create_call",
    "activities_create_call_missing_dates", "activities_create_meeting", "activities_create_meeting_overlap_redirect",
    "activities_create_meeting_overlap_400", "activities_list", "activities_show", "activities_update_done",
    "activities_mass_update", "activities_delete", "leads_activities", "contacts_person_activities",
    "contacts_person_delete_conflict_500", "leads_delete", "settings_webhook_create", "settings_webhook_invalid",
    "settings_webhooks_list", "settings_workflow_create", "settings_workflows_list", "auth_logout",
    "auth_unauthenticated_production",
)  # fmt: skip


def test_every_answer_of_the_recorded_session_is_given_again(make_crm: MakeCrm, clock: Clock) -> None:
    crm = make_crm(rate_limit=60)
    api = Api(crm.url)
    for name in ORDER:
        got = assert_replayed(api, name)
        if name == "auth_login_ok":
            api.use(got.body["token"])
        if got.headers.get("X-RateLimit-Remaining") == "0":
            clock.forward(61)


@pytest.mark.parametrize("name", ["rate_limited_production", "rate_limited_debug"])
def test_the_recorded_refusals_of_the_limiter_are_given_again(make_crm: MakeCrm, name: str) -> None:
    recorded = sample(name)
    crm = make_crm(rate_limit=60, debug=recorded["verified_on"]["app_debug"])
    api = Api(crm.url, crm.issue_token())
    for _ in range(60):
        assert repeat(api, recorded["request"]).status == 200
    assert_replayed(api, name)


def test_a_missing_token_is_a_401_while_debugging(make_crm: MakeCrm) -> None:
    got = assert_replayed(Api(make_crm(debug=True).url), "auth_unauthenticated_debug")
    assert not got.limited
