"""The part of the insights in the data map: numbers about opportunities, and what language models were asked."""

from dataclasses import replace

from consent.datamap import Export, Part, Processing, Recipient, Source, Why, model
from consent.datamap.kinds import LINK, SCORE, SEALED_SECRET, SETTING, STAFF, STATE, SUM

SCORE_LINK = replace(LINK, purposes=(Processing.SERVICE_QUALITY,))
SCORE_STATE = replace(SCORE, export=Export.EXCLUDE, why=Why.INTERNAL)
# What a person said or did, brought by whoever keeps surveys and appointments.
TOLD = replace(SCORE, source=Source.PERSON)
ASKED = replace(SCORE, purposes=(Processing.LANGUAGE_MODEL,), base="A11-I", recipients=(Recipient.LANGUAGE_MODEL,))
ASKED_LINK = replace(LINK, purposes=(Processing.LANGUAGE_MODEL,))
PLACE = "id connection inbox_id team_id assignee_id day"

MODELS = (
    model("insights.Unit", Part(SETTING, "id clinic name time_zone is_default")),
    model("insights.UnitInbox", Part(SETTING, "id unit connection inbox_id")),
    model("insights.OpeningHours", Part(SETTING, "id unit weekday opens_min closes_min")),
    model("insights.ClosedDay", Part(SETTING, "id unit day kind name")),
    model("insights.ClinicRate", Part(SUM, "id clinic day rate conversations")),
    model(
        "insights.DayCounts",
        Part(
            SUM,
            f"{PLACE} conversations attendances resolutions reopenings one_contact bot_only unanswered stale "
            "patient_messages human_messages bot_messages people surveys ratings satisfied rating_sum arrivals",
        ),
    ),
    model("insights.DayDurations", Part(SUM, f"{PLACE} measure clock bucket n sum_s min_s max_s")),
    model(
        "insights.Insight",
        Part(
            SCORE,
            "total_conversations resolved_conversations pending_conversations resolution_rate "
            "average_response_time_minutes total_messages average_messages_per_conversation performance_score "
            "engagement_level trend last_interaction_at confidence formula_version calculated_at valid_from valid_to",
        ),
        Part(SCORE, "suggestions", keys="id priority because needs channel expires_at"),
        Part(SCORE, "parts", keys="part weight value points ceiling inputs"),
        Part(
            SCORE,
            "numbers",
            keys="clock waits first_response reply resolution attendances reopenings one_contact bot_only reopen_rate "
            "patient_messages human_messages bot_messages engagement open_since",
        ),
        Part(SCORE_STATE, "is_current created_at"),
        Part(SCORE_LINK, "id connection krayin_lead_id"),
    ),
    model("insights.InsightMark", Part(SCORE_LINK, "id connection krayin_lead_id due_at")),
    model(
        "insights.InsightReview",
        Part(SCORE, "score asked_at due_on done_at outcome"),
        Part(STAFF, "asked_by done_by"),
        Part(SCORE_LINK, "id connection krayin_lead_id"),
    ),
    model(
        "insights.SuggestionSilence",
        Part(SCORE_STATE, "suggestion until about created_at"),
        Part(STAFF, "by"),
        Part(SCORE_LINK, "id connection krayin_lead_id"),
    ),
    model("insights.ConversationState", Part(SCORE, "at status"), Part(SCORE_LINK, "id conversation")),
    model(
        "insights.SurveyAnswer",
        Part(TOLD, "sent_at answered_at rating"),
        Part(SCORE_LINK, "id connection conversation chatwoot_message_id"),
    ),
    model(
        "insights.Appointment",
        Part(TOLD, "status booked_at starts_at confirmed_at reminded_at read_at cancelled_at"),
        Part(SCORE_LINK, "id connection krayin_lead_id ref"),
    ),
    model(
        "insights.LanguageSettings",
        Part(
            SETTING,
            "id clinic is_on kind base_url model contract region retention_days training_off transfer_clauses currency "
            "price_in price_out calls_per_day calls_per_month cost_per_day cost_per_month timeout_s",
        ),
        Part(SEALED_SECRET, "api_key"),
        Part(STATE, "failures paused_until"),
    ),
    model("insights.LanguageStop", Part(SETTING, "id at"), Part(STAFF, "by")),
    model(
        "insights.LanguageCall",
        Part(ASKED, "task asked_at sent_at provider model outcome reason"),
        Part(replace(ASKED, export=Export.EXCLUDE, why=Why.INTERNAL), "prompt_version input_digest input_chars"),
        Part(SUM, "tokens_in tokens_out cost"),
        Part(STAFF, "by"),
        Part(ASKED_LINK, "id clinic conversation"),
    ),
)
