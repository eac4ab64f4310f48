"""The bridge's part of the data map: what Ponte keeps of conversations, people and opportunities, and why."""

from dataclasses import replace

from consent.datamap import Erasure, Export, Part, Place, Processing, Recipient, Source, Why, model
from consent.datamap.kinds import (
    CLINICAL,
    COLLEAGUE,
    CONSENT,
    CONTACT,
    DIGEST,
    FACT,
    LINK,
    MASK,
    PAYLOAD,
    SEALED_SECRET,
    SECRET,
    SETTING,
    STAFF,
    STAFF_SECRET,
    STATE,
    SUM,
    SUMMED_UP,
)

MESSAGE = replace(CLINICAL, recipients=(Recipient.KRAYIN, Recipient.LANGUAGE_MODEL))
MESSAGE_FACT = replace(
    FACT, purposes=(Processing.CONVERSATION_SUMMARY, Processing.SERVICE_QUALITY), recipients=(Recipient.KRAYIN,)
)
HEALTH = replace(CLINICAL, purposes=(Processing.HEALTH_NOTES,), source=Source.STAFF, per_record=False)
HEALTH_LINK = replace(LINK, purposes=(Processing.HEALTH_NOTES,))
HEALTH_FACT = replace(HEALTH, sealed=False, erasure=Erasure.DELETE)
CRM_FACT = replace(FACT, source=Source.CRM)
RECEIVED = replace(LINK, purposes=(Processing.RELIABILITY,), erasure=Erasure.EXPIRE)
# Both partners keep them; Ponte writes them, and reads back what people change there.
STAGE = replace(CRM_FACT, recipients=(Recipient.KRAYIN,))
# Written by people of the clinic; the form refuses numbers and addresses, an erasure looks all the same.
STAFF_NOTE = replace(STAFF, why=Why.OTHERS)
# Labels, attributes and columns that a clinic names; about nobody, though their names may reveal health.
CHOSEN = SETTING

MODELS = (
    # Connections and what sets them up ---------------------------------------------------------------------------------
    model(
        "bridge.Connection",
        Part(
            CHOSEN,
            "id clinic name state public_id ref_code is_example chatwoot_url chatwoot_account_id chatwoot_budget "
            "all_inboxes inbox_ids krayin email_optional lead_booleans default_pipeline_id default_pipeline_name "
            "default_stage_id default_stage_name default_source_id default_source_name default_lead_type_id "
            "default_lead_type_name lead_pipeline_id lead_pipeline_stage_id lead_source_id lead_type_id preset "
            "message_text sync_to_organization title_template shared_person stage_progression_enabled "
            "stage_on_conversation_created stage_on_first_response stage_on_conversation_resolved note_quiet_s "
            "note_max_age_s krayin_to_chatwoot name_source email_source phone_source stage_label health_pipeline_ids "
            "field_version field_keys polling_only created_at updated_at",
        ),
        Part(CHOSEN, "inbox_names", keys="*"),
        Part(CHOSEN, "pipelines", keys="id name stages"),
        Part(SEALED_SECRET, "chatwoot_token"),
        Part(STATE, "back_checked_at back_problem leads_read_to persons_read_to field_gone polled_at"),
    ),
    model("bridge.Connection_krayin_users", Part(CHOSEN, "id connection krayinuser")),
    model("bridge.Krayin", Part(CHOSEN, "id base_url restored_at")),
    model(
        "bridge.KrayinUser",
        Part(CHOSEN, "id krayin email budget"),
        Part(SEALED_SECRET, "password token"),
        Part(STATE, "login_until refused_logins"),
    ),
    model(
        "bridge.CallBudget",
        Part(STATE, "id name capacity refill_per_minute tokens at blocked_until queued_until window_until"),
    ),
    model("bridge.Breaker", Part(STATE, "id connection partner problem since failures_in_a_row paused_until")),
    model(
        "bridge.WebhookSecret",
        Part(CHOSEN, "id connection partner created_at retired_at last_matched_at"),
        Part(SEALED_SECRET, "secret"),
    ),
    model(
        "bridge.Setup",
        Part(
            CHOSEN,
            "id clinic name connection polling_only chatwoot_url chatwoot_account_id chatwoot_account_name watch_from "
            "read_back_at read_back_asked_at created_at updated_at",
        ),
        Part(SEALED_SECRET, "chatwoot_token"),
        Part(CHOSEN, "inboxes", keys="id name channel"),
        Part(CHOSEN, "crm_lists", keys="sources types id name"),
        Part(CHOSEN, "crm_facts steps", keys="*"),
        Part(STATE, "findings", keys="state found at"),
        Part(SUM, "last_day", keys="*"),
    ),
    model("bridge.SetupObject", Part(CHOSEN, "id connection partner kind foreign_id name made_at undone_at")),
    model("bridge.SetupMark", Part(CHOSEN, "id code detail done_at"), Part(STAFF, "done_by")),
    model("bridge.ConnectionInbox", Part(CHOSEN, "id connection inbox_id channel reveals_health")),
    model(
        "bridge.StageRule",
        Part(
            CHOSEN,
            "id connection position when value pipeline_id stage_id value_name stage_name is_enabled created_at",
        ),
    ),
    model(
        "bridge.FieldRow",
        Part(CHOSEN, "id connection chatwoot entity code conversion direction winner category created_at"),
    ),
    model(
        "bridge.FieldVersion",
        Part(CHOSEN, "id connection number reason restored_from created_at"),
        Part(CHOSEN, "rows", keys="*"),
        Part(STAFF, "author"),
    ),
    model(
        "bridge.ApiKey",
        Part(CHOSEN, "id clinic client prefix digest_key scopes origins expires_at last_used_at revoked_at created_at"),
        Part(SECRET, "digest"),
        Part(STAFF, "revoked_by created_by"),
    ),
    # What runs by itself, and who is told ------------------------------------------------------------------------------
    model("bridge.RunResult", Part(STATE, "name at is_ok ok_at problem took_ms"), Part(STATE, "counts", keys="*")),
    model("bridge.Reading", Part(STATE, "id name scope at value")),
    model(
        "bridge.AlertRule",
        Part(
            CHOSEN,
            "code is_on threshold severity by_mail by_chatwoot by_webhook quiet_from quiet_to escalate_min escalate_to",
        ),
    ),
    model("bridge.AlertRule_people", Part(CHOSEN, "id alertrule"), Part(STAFF, "user")),
    model(
        "bridge.AlertPlace",
        Part(CHOSEN, "id clinic kind connection conversation_id url created_at"),
        Part(SEALED_SECRET, "secret"),
    ),
    model(
        "bridge.Alert",
        Part(STATE, "id code scope clinic severity level opened_at ended_at escalated_at"),
        Part(STATE, "facts", keys="*"),
        Part(STAFF, "seen_by seen_at"),
    ),
    model(
        "bridge.Notice",
        Part(
            STATE,
            "id code alert kind level channel place state not_before attempts problem created_at tried_at sent_at",
        ),
        Part(STAFF, "user"),
    ),
    # People of the clinic ----------------------------------------------------------------------------------------------
    model(
        "bridge.DirectoryEntry",
        Part(COLLEAGUE, "name mask"),
        Part(CHOSEN, "id connection kind key seen_at gone_at"),
        Part(CHOSEN, "detail", keys="type options"),
    ),
    model(
        "bridge.Owner",
        Part(COLLEAGUE, "number name mask is_active takes_turns is_absent absent_until last_turn seen_at gone_at"),
        Part(CHOSEN, "id connection"),
    ),
    model("bridge.OwnerRule", Part(CHOSEN, "connection rule since turn read_at"), Part(COLLEAGUE, "default_owner")),
    model("bridge.OwnerLink", Part(CHOSEN, "id connection kind found_by"), Part(COLLEAGUE, "key owner")),
    model(
        "bridge.AttendedInboxes",
        Part(CHOSEN, "id connection inbox_ids read_at"),
        Part(COLLEAGUE, "user chatwoot_user_id"),
    ),
    model(
        "bridge.PanelToken",
        Part(STAFF, "id connection user created_at expires_at last_used_at revoked_at"),
        Part(STAFF_SECRET, "digest"),
    ),
    # What arrives ------------------------------------------------------------------------------------------------------
    model(
        "bridge.WebhookEvent",
        Part(
            RECEIVED,
            "id received_at connection event_type lane_key occurred_at arrived_at arrived_by verification status "
            "delivery_key conversation_id contact_id cause observed_at",
        ),
    ),
    model(
        "bridge.WebhookBody",
        Part(replace(PAYLOAD, sealed=True), "sealed"),
        Part(replace(PAYLOAD, why=Why.INTERNAL), "event_id received_at row_ref key_day sha256 length"),
        Part(replace(PAYLOAD, why=Why.INTERNAL), "headers", keys="*"),
    ),
    model("bridge.DeliveryKey", Part(STATE, "connection key received_at")),
    model("bridge.IntakeCounter", Part(SUM, "id connection hour reason count")),
    model("bridge.Lane", Part(LINK, "connection lane_key dirty clean_to run_at leased token")),
    model("bridge.LaneAlias", Part(LINK, "connection lane_key canonical")),
    model("bridge.IdentityClaim", Part(LINK, "krayin kind blind subject until")),
    # What was observed -------------------------------------------------------------------------------------------------
    model(
        "bridge.ObservedContact",
        Part(CONTACT, "name email phone company"),
        Part(MASK, "mask has_email has_phone has_identifier"),
        Part(DIGEST, "digests", keys="name email phone company"),
        Part(FACT, "last_activity_at"),
        Part(
            LINK,
            "id connection chatwoot_contact_id subject needs_read seen_at read_at changed_at ref_contact_id gone_at",
        ),
    ),
    model(
        "bridge.ObservedValue",
        Part(CONTACT, "value"),
        Part(FACT, "key changed_at"),
        Part(MASK, "mask"),
        Part(DIGEST, "digest"),
        Part(LINK, "id connection contact conversation subject version"),
    ),
    model(
        "bridge.ObservedConversation",
        Part(MESSAGE_FACT, "channel status labels started_at first_reply_at resolved_at last_activity_at"),
        Part(replace(MESSAGE_FACT, why=Why.STAFF, export=Export.EXCLUDE), "assignee_id team_id"),
        Part(replace(MESSAGE_FACT, why=Why.COPY, export=Export.EXCLUDE), "labels_seen"),
        Part(LINK, "teams_seen assignees_seen", keys="*"),
        Part(
            LINK,
            "id connection chatwoot_conversation_id contact moved_from inbox_id version version_digest assignee_since "
            "team_since lead_number polled_version gone_at",
        ),
    ),
    model(
        "bridge.ObservedMessage",
        Part(MESSAGE, "content"),
        Part(MESSAGE_FACT, "direction author_kind sent_at local_day is_deleted is_marketing"),
        Part(replace(DIGEST, purposes=(Processing.MESSAGE_TEXT,)), "digest"),
        Part(LINK, "id connection conversation subject chatwoot_message_id version needs_read"),
    ),
    model(
        "bridge.ConversationDay",
        Part(LINK, "id conversation day version written first_change_at last_change_at"),
    ),
    model(
        "bridge.LeadHealthProfile",
        Part(HEALTH, "medical_notes health_conditions medications"),
        Part(HEALTH_FACT, "created_at updated_at"),
        Part(HEALTH_LINK, "id subject"),
    ),
    model(
        "bridge.SensitiveNote",
        Part(HEALTH, "sensitive_notes"),
        Part(HEALTH_FACT, "created_at"),
        Part(STAFF, "written_by"),
        Part(HEALTH_LINK, "id connection subject chatwoot_conversation_id krayin_activity_id"),
    ),
    # Both systems equal ------------------------------------------------------------------------------------------------
    model(
        "bridge.SyncedObject",
        Part(LINK, "id connection krayin lane_key kind ref foreign_id seq has_ref found_by there_at there_version"),
        Part(DIGEST, "base there", keys="*"),
        Part(STAGE, "stage_id closed_at"),
        Part(LINK, "gone_at forgotten_at synced_at"),
    ),
    model(
        "bridge.Effect",
        Part(
            LINK,
            "id connection krayin lane_key kind object_ref seq state digest conversation_id trigger token attempts "
            "not_before sent_at looked_up_at confirmed_at foreign_id owner_id absorbed calls cause detail decision "
            "created_at updated_at",
        ),
    ),
    model(
        "bridge.Suggestion",
        Part(LINK, "id connection contact krayin_person_id evidence state decided_at created_at"),
        Part(STAFF, "decided_by"),
    ),
    model("bridge.EqualTitle", Part(LINK, "id connection ref foreign_ids found_at solved_at")),
    model("bridge.KrayinHint", Part(LINK, "connection ref lane_key at not_before")),
    model("bridge.FieldFlip", Part(LINK, "id connection ref field direction at")),
    model(
        "bridge.FieldStop",
        Part(LINK, "id connection lane_key ref field stopped_at resumed_at"),
        Part(STAFF, "resumed_by"),
    ),
    model(
        "bridge.ContactMapping",
        Part(LINK, "id connection chatwoot_contact_id krayin_lead_id krayin_person_id found_by created_at updated_at"),
    ),
    model(
        "bridge.ConversationMapping",
        Part(SUMMED_UP, "status message_count last_message_at first_response_at resolved_at"),
        Part(LINK, "id connection chatwoot_conversation_id krayin_lead_id created_at updated_at"),
        Part(STATE, "anonymized_at"),
    ),
    model(
        "bridge.ActivityMapping",
        Part(LINK, "id connection chatwoot_message_id krayin_activity_id conversation_id message_type created_at"),
    ),
    model("bridge.ActivityKey", Part(LINK, "connection chatwoot_message_id created_at")),
    model(
        "bridge.StageChangeLog",
        Part(STAGE, "previous_stage new_stage trigger_source result created_at"),
        Part(LINK, "id connection krayin_lead_id rule chatwoot_conversation_id chatwoot_status"),
        Part(COLLEAGUE, "changed_by_user_id"),
        Part(STAFF, "asked_by"),
    ),
    model(
        "bridge.KrayinLead",
        Part(STAGE, "pipeline_id stage_id value closed_at changed_at"),
        Part(COLLEAGUE, "owner_id owner_name"),
        Part(DIGEST, "fields", keys="*"),
        Part(LINK, "krayin lead_id person_id seen_at gone_at"),
    ),
    model(
        "bridge.Wish",
        Part(replace(CLINICAL, source=Source.STAFF, recipients=(Recipient.KRAYIN,)), "text"),
        Part(replace(FACT, source=Source.STAFF), "kind state reason created_at settled_at"),
        Part(
            LINK,
            "id connection contact conversation lead_number stage_id seen_stage_id person_id lead_id field via",
        ),
        Part(STAFF, "asked_by asked_by_ref"),
    ),
    model(
        "bridge.Saying",
        Part(CONSENT, "kind consent_type sent_at answer answered_at created_at"),
        Part(LINK, "wish connection contact reply_to served about chatwoot_message_id"),
    ),
    # Work of people and of programs ------------------------------------------------------------------------------------
    model(
        "bridge.SyncJob",
        Part(
            STATE,
            "id connection kind state hold estimated_calls total done skipped failed calls rate_per_minute not_before "
            "lease_until token errors_in_a_row reason created_at confirmed_at started_at finished_at",
        ),
        Part(replace(LINK, purposes=(Processing.RELIABILITY,), erasure=Erasure.ANONYMISE), "filter cursor", keys="*"),
        Part(SUM, "estimate causes result", keys="*"),
        Part(STAFF, "created_by"),
    ),
    model(
        "bridge.ImportedContact",
        Part(LINK, "id job connection chatwoot_contact_id outcome created_at"),
        Part(LINK, "hits", keys="*"),
    ),
    model(
        "bridge.FailureGroup",
        Part(
            STATE,
            "id connection cause opened_at seen_at most done_at owned_at noted_at postponed_until discarded_at "
            "discard_reason discarded",
        ),
        Part(STAFF_NOTE, "note"),
        Part(STAFF, "owner noted_by discarded_by"),
    ),
    model("bridge.ReconcileDay", Part(SUM, "id connection day listed missed gone by_hand")),
)

PLACES = (
    # Encrypted with the system key of the host's file; emptied by an erasure (bridge.spool.erasure).
    Place("spool", "SPOOL_DIR/*.spool, *.done, *.erase", replace(PAYLOAD, sealed=True, erasure=Erasure.DELETE)),
    Place("spool-bad", "SPOOL_DIR/bad", replace(PAYLOAD, sealed=True, erasure=Erasure.DELETE)),
    Place("spool-secrets", "SPOOL_DIR/connections.enc", SEALED_SECRET),
    # A lane is the Chatwoot number of a contact; the message lives in Redis until it is taken.
    Place(
        "task-read-back-first",
        "Celery: bridge.tasks.read_back_first(setup_id, lane_key)",
        replace(PAYLOAD, why=Why.INTERNAL),
    ),
    Place(
        "chatwoot-copy",
        "Chatwoot: contact attributes written by Ponte (opportunity, stage, value, owner, link)",
        replace(STAGE, recipients=(Recipient.CHATWOOT,), erasure=Erasure.EXTERNAL),
    ),
    Place(
        "krayin-copy",
        "Krayin: persons, leads, notes, activities written by Ponte",
        replace(SUMMED_UP, erasure=Erasure.EXTERNAL),
    ),
)
