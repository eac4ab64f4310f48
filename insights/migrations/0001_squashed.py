from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import config.db.operations
import consent.encryption.fields
import consent.validators
import insights.models.language


class Migration(migrations.Migration):
    replaces = [
        ("insights", "0001_initial"),
        ("insights", "0002_facts"),
        ("insights", "0003_functions"),
        ("insights", "0004_outcomes"),
        ("insights", "0005_language"),
    ]

    initial = True

    dependencies = [
        ("bridge", "0001_squashed"),
        ("consent", "0001_squashed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        config.db.operations.CreateModels(
            operations=[
                migrations.CreateModel(
                    name="Unit",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="units",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        ("name", models.CharField(max_length=120, verbose_name="name")),
                        (
                            "time_zone",
                            models.CharField(
                                blank=True,
                                db_comment="Empty: the clinic's",
                                max_length=64,
                                validators=[consent.validators.validate_time_zone],
                                verbose_name="time zone",
                            ),
                        ),
                        (
                            "is_default",
                            models.BooleanField(
                                db_comment="Serves the inboxes of the clinic that have no unit",
                                default=False,
                                verbose_name="every other inbox",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "unit",
                        "verbose_name_plural": "units",
                        "db_table": "units",
                        "db_table_comment": "Places of a clinic with opening hours of their own",
                        "ordering": ["name"],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("is_default", True)), fields=("clinic",), name="units_one_default"
                            ),
                            models.UniqueConstraint(fields=("clinic", "name"), name="units_name"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="OpeningHours",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="hours",
                                to="insights.unit",
                                verbose_name="unit",
                            ),
                        ),
                        (
                            "weekday",
                            models.SmallIntegerField(
                                choices=[
                                    (1, "Monday"),
                                    (2, "Tuesday"),
                                    (3, "Wednesday"),
                                    (4, "Thursday"),
                                    (5, "Friday"),
                                    (6, "Saturday"),
                                    (7, "Sunday"),
                                ],
                                db_comment="1 Monday … 7 Sunday",
                                verbose_name="weekday",
                            ),
                        ),
                        (
                            "opens_min",
                            models.SmallIntegerField(db_comment="Minutes after local midnight", verbose_name="opens"),
                        ),
                        (
                            "closes_min",
                            models.SmallIntegerField(
                                db_comment="Minutes after local midnight, at most 1440", verbose_name="closes"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "opening hours",
                        "verbose_name_plural": "opening hours",
                        "db_table": "opening_hours",
                        "db_table_comment": "Weekly opening hours of units; stretches of one weekday do not overlap",
                        "ordering": ["weekday", "opens_min"],
                        "constraints": [
                            models.UniqueConstraint(fields=("unit", "weekday", "opens_min"), name="opening_hours_once"),
                            models.CheckConstraint(
                                condition=models.Q(("weekday__range", (1, 7))), name="opening_hours_weekday"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("closes_min__gt", models.F("opens_min")),
                                    ("closes_min__lte", 1440),
                                    ("opens_min__gte", 0),
                                ),
                                name="opening_hours_order",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ClosedDay",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="closed_days",
                                to="insights.unit",
                                verbose_name="unit",
                            ),
                        ),
                        ("day", models.DateField(db_comment="Local day of the unit", verbose_name="day")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("national", "national holiday"),
                                    ("state", "state holiday"),
                                    ("municipal", "municipal holiday"),
                                    ("own", "own closure"),
                                ],
                                db_comment="national, state, municipal or own",
                                default="own",
                                max_length=10,
                                verbose_name="kind",
                            ),
                        ),
                        ("name", models.CharField(blank=True, max_length=120, verbose_name="name")),
                    ],
                    options={
                        "verbose_name": "closed day",
                        "verbose_name_plural": "closed days",
                        "db_table": "closed_days",
                        "db_table_comment": "Holidays and closures of units",
                        "ordering": ["day"],
                        "constraints": [
                            models.UniqueConstraint(fields=("unit", "day"), name="closed_days_once"),
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["national", "state", "municipal", "own"])),
                                name="closed_days_kind",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="UnitInbox",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "unit",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="inboxes",
                                to="insights.unit",
                                verbose_name="unit",
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("inbox_id", models.BigIntegerField(db_comment="Chatwoot inbox", verbose_name="inbox")),
                    ],
                    options={
                        "verbose_name": "inbox of a unit",
                        "verbose_name_plural": "inboxes of units",
                        "db_table": "unit_inboxes",
                        "db_table_comment": "Which unit answers an inbox; others belong to the clinic's default unit",
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "inbox_id"), name="unit_inboxes_once")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Appointment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("krayin_lead_id", models.BigIntegerField(db_comment="Krayin lead id")),
                        (
                            "ref",
                            models.CharField(db_comment="Id in the system that keeps the appointments", max_length=80),
                        ),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("booked", "Booked"),
                                    ("attended", "Attended"),
                                    ("missed", "Missed"),
                                    ("cancelled", "Cancelled"),
                                ],
                                db_comment="booked, attended, missed or cancelled",
                                default="booked",
                                max_length=10,
                            ),
                        ),
                        ("booked_at", models.DateTimeField(db_comment="When it was made")),
                        ("starts_at", models.DateTimeField(db_comment="When the person is expected")),
                        ("confirmed_at", models.DateTimeField(db_comment="When the person confirmed", null=True)),
                        ("reminded_at", models.DateTimeField(db_comment="When a reminder was sent", null=True)),
                        ("read_at", models.DateTimeField(db_comment="When the reminder was read", null=True)),
                        ("cancelled_at", models.DateTimeField(db_comment="When it was cancelled", null=True)),
                    ],
                    options={
                        "db_table": "appointments",
                        "db_table_comment": "Appointments of opportunities: times and whether people came; never what for",
                        "indexes": [
                            models.Index(fields=["connection", "krayin_lead_id", "starts_at"], name="appointments_lead")
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("connection", "ref"), name="appointments_once"),
                            models.CheckConstraint(
                                condition=models.Q(("status__in", ["booked", "attended", "missed", "cancelled"])),
                                name="appointments_status",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ClinicRate",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="consent.clinic",
                            ),
                        ),
                        ("day", models.DateField(db_comment="Day in the clinic's zone")),
                        (
                            "rate",
                            models.DecimalField(
                                db_comment="Resolved share of 90 days; 0.60 until there are 30 conversations",
                                decimal_places=4,
                                max_digits=5,
                            ),
                        ),
                        ("conversations", models.IntegerField(db_comment="How many it is computed from")),
                    ],
                    options={
                        "db_table": "clinic_rates",
                        "db_table_comment": "Resolved share per clinic and day, to which opportunities with few conversations are drawn",
                        "constraints": [
                            models.UniqueConstraint(fields=("clinic", "day"), name="clinic_rates_once"),
                            models.CheckConstraint(
                                condition=models.Q(("rate__range", (0, 1))), name="clinic_rates_rate"
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ConversationState",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "conversation",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.observedconversation",
                            ),
                        ),
                        (
                            "at",
                            models.DateTimeField(
                                db_comment="Chatwoot's time of the body that showed it, in whole seconds"
                            ),
                        ),
                        ("status", models.CharField(db_comment="open, resolved, pending or snoozed", max_length=10)),
                    ],
                    options={
                        "db_table": "conversation_states",
                        "db_table_comment": "States of conversations over time, kept by triggers on observed_conversations",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("conversation", "at", "status"), name="conversation_states_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("status__in", ["open", "resolved", "pending", "snoozed"])),
                                name="conversation_states_status",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DayCounts",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("inbox_id", models.BigIntegerField(db_comment="Chatwoot inbox")),
                        ("team_id", models.BigIntegerField(db_comment="Chatwoot team; 0 without")),
                        (
                            "assignee_id",
                            models.BigIntegerField(db_comment="Chatwoot agent; 0 without", db_default=0, default=0),
                        ),
                        ("day", models.DateField(db_comment="Day in the unit's zone")),
                        (
                            "conversations",
                            models.IntegerField(db_comment="Conversations whose first message was this day"),
                        ),
                        ("attendances", models.IntegerField(db_comment="Openings and reopenings")),
                        ("resolutions", models.IntegerField(db_comment="Attendances resolved")),
                        (
                            "reopenings",
                            models.IntegerField(db_comment="Attendances opened within 7 days of a resolution"),
                        ),
                        (
                            "one_contact",
                            models.IntegerField(
                                db_comment="Resolved with at most 1 human message, not reopened in 7 days"
                            ),
                        ),
                        (
                            "bot_only",
                            models.IntegerField(db_comment="Resolved without human message, not reopened in 24 h"),
                        ),
                        (
                            "unanswered",
                            models.IntegerField(db_comment="Waits that a resolution ended without an answer"),
                        ),
                        ("stale", models.IntegerField(db_comment="Answered waits above 7 days; not in the durations")),
                        ("patient_messages", models.IntegerField(db_comment="Messages of patients")),
                        ("human_messages", models.IntegerField(db_comment="Messages of people of the clinic")),
                        ("bot_messages", models.IntegerField(db_comment="Messages of bots")),
                        ("people", models.IntegerField(db_comment="Contacts with a message of theirs or of people")),
                        (
                            "surveys",
                            models.IntegerField(db_comment="Satisfaction surveys sent", db_default=0, default=0),
                        ),
                        ("ratings", models.IntegerField(db_comment="Surveys answered", db_default=0, default=0)),
                        ("satisfied", models.IntegerField(db_comment="Answers 4 and 5", db_default=0, default=0)),
                        ("rating_sum", models.IntegerField(db_comment="Sum of the ratings", db_default=0, default=0)),
                        (
                            "arrivals",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.SmallIntegerField(),
                                db_comment="Waits that began, for each of the 24 local hours",
                                null=True,
                                size=None,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "insight_days",
                        "db_table_comment": "Counts per connection, inbox, team, attendant and local day",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "day", "inbox_id", "team_id", "assignee_id"),
                                name="insight_days_once",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="DayDurations",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("inbox_id", models.BigIntegerField(db_comment="Chatwoot inbox")),
                        ("team_id", models.BigIntegerField(db_comment="Chatwoot team; 0 without")),
                        (
                            "assignee_id",
                            models.BigIntegerField(db_comment="Chatwoot agent; 0 without", db_default=0, default=0),
                        ),
                        ("day", models.DateField(db_comment="Day in the unit's zone")),
                        (
                            "measure",
                            models.CharField(
                                choices=[
                                    ("first_response", "First Response"),
                                    ("reply", "Reply"),
                                    ("resolution", "Resolution"),
                                ],
                                db_comment="first_response, reply or resolution",
                                max_length=15,
                            ),
                        ),
                        (
                            "clock",
                            models.CharField(
                                choices=[("calendar", "Calendar"), ("business", "Business")],
                                db_comment="calendar or business",
                                max_length=10,
                            ),
                        ),
                        (
                            "bucket",
                            models.SmallIntegerField(
                                db_comment="Place in insight_edges(): minutes from one edge to the next"
                            ),
                        ),
                        ("n", models.IntegerField(db_comment="How many; they ended this day")),
                        ("sum_s", models.BigIntegerField(db_comment="Seconds in total")),
                        ("min_s", models.IntegerField(db_comment="Shortest, seconds")),
                        ("max_s", models.IntegerField(db_comment="Longest, seconds")),
                    ],
                    options={
                        "db_table": "insight_durations",
                        "db_table_comment": "Mergeable histograms of durations per connection, inbox, team, attendant and local day",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=(
                                    "connection",
                                    "day",
                                    "inbox_id",
                                    "team_id",
                                    "assignee_id",
                                    "measure",
                                    "clock",
                                    "bucket",
                                ),
                                name="insight_durations_once",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("measure__in", ["first_response", "reply", "resolution"])),
                                name="insight_durations_measure",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("clock__in", ["calendar", "business"])),
                                name="insight_durations_clock",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Insight",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_comment="Connection whose Krayin holds the lead; lead ids repeat across installations",
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="insights",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "krayin_lead_id",
                            models.BigIntegerField(db_comment="Krayin lead id", verbose_name="opportunity"),
                        ),
                        (
                            "total_conversations",
                            models.IntegerField(db_comment="Conversations of the lead", db_default=0, default=0),
                        ),
                        (
                            "resolved_conversations",
                            models.IntegerField(db_comment="Those resolved now", db_default=0, default=0),
                        ),
                        (
                            "pending_conversations",
                            models.IntegerField(
                                db_comment="Those open, pending or snoozed now", db_default=0, default=0
                            ),
                        ),
                        (
                            "resolution_rate",
                            models.DecimalField(
                                db_comment="Percent resolved; NULL without conversations",
                                decimal_places=2,
                                max_digits=5,
                                null=True,
                            ),
                        ),
                        (
                            "average_response_time_minutes",
                            models.IntegerField(
                                db_comment="Mean of all closed waits, business minutes; NULL without a closed wait",
                                null=True,
                            ),
                        ),
                        (
                            "total_messages",
                            models.IntegerField(
                                db_comment="Messages of the patient and of people", db_default=0, default=0
                            ),
                        ),
                        (
                            "average_messages_per_conversation",
                            models.DecimalField(
                                db_comment="NULL without conversations", decimal_places=2, max_digits=8, null=True
                            ),
                        ),
                        (
                            "performance_score",
                            models.DecimalField(
                                db_comment="0-10 (10 = excellent); NULL without conversations",
                                decimal_places=1,
                                max_digits=3,
                                null=True,
                            ),
                        ),
                        (
                            "engagement_level",
                            models.CharField(
                                choices=[("low", "low"), ("medium", "medium"), ("high", "high")],
                                db_comment="low, medium or high; low without data",
                                db_default="low",
                                default="low",
                                max_length=20,
                            ),
                        ),
                        (
                            "trend",
                            models.CharField(
                                choices=[("improving", "improving"), ("stable", "stable"), ("declining", "declining")],
                                db_comment="improving, stable or declining against 7 days ago; NULL without a row to compare with",
                                max_length=20,
                                null=True,
                            ),
                        ),
                        (
                            "suggestions",
                            models.JSONField(
                                db_comment="Ids and numbers of suggestions, never text about a person", null=True
                            ),
                        ),
                        (
                            "last_interaction_at",
                            models.DateTimeField(db_comment="Last message of the patient or of people", null=True),
                        ),
                        (
                            "confidence",
                            models.DecimalField(
                                db_comment="n / (n + 5), n = conversations of 90 days; NULL without",
                                decimal_places=2,
                                max_digits=3,
                                null=True,
                            ),
                        ),
                        (
                            "parts",
                            models.JSONField(
                                db_comment="Parts of the score: [{part, weight, value, points, ceiling, inputs}]; the points add up to the score",
                                null=True,
                            ),
                        ),
                        (
                            "numbers",
                            models.JSONField(
                                db_comment="Further counts and medians, and the inputs to redo each number", null=True
                            ),
                        ),
                        (
                            "formula_version",
                            models.SmallIntegerField(
                                db_comment="Which formula computed it; scores of two versions are not compared",
                                db_default=1,
                                default=1,
                            ),
                        ),
                        (
                            "calculated_at",
                            models.DateTimeField(
                                db_comment="When the numbers were computed",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                        (
                            "valid_from",
                            models.DateTimeField(
                                db_comment="Start of validity, included",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                        (
                            "valid_to",
                            models.DateTimeField(
                                db_comment="End of validity, excluded; NULL for the current row", null=True
                            ),
                        ),
                        (
                            "is_current",
                            models.BooleanField(
                                db_comment="TRUE for the one current row of a lead", db_default=True, default=True
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_comment="When the row was written",
                                db_default=django.db.models.functions.datetime.Now(),
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "insight",
                        "verbose_name_plural": "insights",
                        "db_table": "ai_insights",
                        "db_table_comment": "Numbers per Krayin lead with their history; one current row per connection and lead",
                        "indexes": [
                            models.Index(
                                fields=["connection", "krayin_lead_id", "-calculated_at"], name="ai_insights_history"
                            ),
                            models.Index(
                                models.F("connection"),
                                models.OrderBy(models.F("performance_score"), descending=True, nulls_last=True),
                                models.F("krayin_lead_id"),
                                condition=models.Q(("is_current", True)),
                                name="ai_insights_best",
                            ),
                            models.Index(
                                models.F("connection"),
                                models.F("engagement_level"),
                                models.OrderBy(models.F("performance_score"), descending=True, nulls_last=True),
                                condition=models.Q(("is_current", True)),
                                name="ai_insights_engagement",
                            ),
                            models.Index(
                                models.F("connection"),
                                models.F("trend"),
                                models.OrderBy(models.F("performance_score"), descending=True, nulls_last=True),
                                condition=models.Q(("is_current", True)),
                                name="ai_insights_by_trend",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("is_current", True)),
                                fields=("connection", "krayin_lead_id"),
                                name="ai_insights_one_current",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("engagement_level__in", ["low", "medium", "high"])),
                                name="ai_insights_engagement_level",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("trend__in", ["improving", "stable", "declining"])),
                                name="ai_insights_trend",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("valid_to__gt", models.F("valid_from"))),
                                name="ai_insights_half_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("is_current", True), ("valid_to__isnull", True)),
                                    models.Q(("is_current", False), ("valid_to__isnull", False)),
                                    _connector="OR",
                                ),
                                name="ai_insights_current_is_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("pending_conversations__gte", 0),
                                    ("resolved_conversations__gte", 0),
                                    (
                                        "total_conversations",
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("resolved_conversations"), "+", models.F("pending_conversations")
                                        ),
                                    ),
                                    ("total_messages__gte", 0),
                                ),
                                name="ai_insights_counts",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("performance_score__range", (0, 10))), name="ai_insights_score"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("resolution_rate__range", (0, 100))),
                                name="ai_insights_resolution_rate",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("average_messages_per_conversation__gte", 0),
                                    ("average_response_time_minutes__gte", 0),
                                ),
                                name="ai_insights_averages",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="InsightMark",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "connection",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("krayin_lead_id", models.BigIntegerField(db_comment="Krayin lead id")),
                        (
                            "due_at",
                            models.DateTimeField(db_comment="Not before: changes of half a minute are computed once"),
                        ),
                    ],
                    options={
                        "db_table": "insight_marks",
                        "db_table_comment": "Opportunities to compute again, and when",
                        "indexes": [
                            models.Index(fields=["due_at"], name="insight_marks_due"),
                            models.Index(fields=["connection", "krayin_lead_id"], name="insight_marks_lead"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="InsightReview",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("krayin_lead_id", models.BigIntegerField(db_comment="Krayin lead id")),
                        (
                            "score",
                            models.DecimalField(
                                db_comment="The score that was contested", decimal_places=1, max_digits=3, null=True
                            ),
                        ),
                        (
                            "asked_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "asked_at",
                            models.DateTimeField(
                                db_comment="When it was asked for", db_default=django.db.models.functions.datetime.Now()
                            ),
                        ),
                        ("due_on", models.DateField(db_comment="Day by which a person answers")),
                        (
                            "done_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("done_at", models.DateTimeField(db_comment="When a person answered; NULL: open", null=True)),
                        (
                            "outcome",
                            models.CharField(
                                blank=True,
                                choices=[("confirmed", "the facts are right"), ("corrected", "facts were corrected")],
                                db_comment="confirmed or corrected",
                                max_length=10,
                            ),
                        ),
                    ],
                    options={
                        "db_table": "insight_reviews",
                        "db_table_comment": "Human reviews of scores: who asked, until when, who answered what",
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("done_at__isnull", True)),
                                fields=("connection", "krayin_lead_id"),
                                name="insight_reviews_open",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("done_at__isnull", True), ("outcome", "")),
                                    models.Q(("done_at__isnull", False), ("outcome__in", ["confirmed", "corrected"])),
                                    _connector="OR",
                                ),
                                name="insight_reviews_outcome",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LanguageCall",
                    fields=[
                        ("id", models.BigAutoField(primary_key=True, serialize=False)),
                        (
                            "clinic",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="consent.clinic",
                            ),
                        ),
                        (
                            "conversation",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.observedconversation",
                            ),
                        ),
                        (
                            "by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "task",
                            models.CharField(
                                choices=[
                                    ("summary", "Summary"),
                                    ("order", "Order of the suggestions"),
                                    ("draft", "Draft of a reply"),
                                ],
                                db_comment="summary, order or draft",
                                max_length=10,
                            ),
                        ),
                        ("asked_at", models.DateTimeField(db_comment="When it was asked")),
                        (
                            "sent_at",
                            models.DateTimeField(
                                db_comment="When it was given to the provider; NULL: nothing left", null=True
                            ),
                        ),
                        (
                            "provider",
                            models.CharField(blank=True, db_comment="anthropic, openai or local", max_length=10),
                        ),
                        ("model", models.CharField(blank=True, db_comment="Model asked", max_length=100)),
                        (
                            "prompt_version",
                            models.CharField(db_comment="Version of our own instructions", max_length=10),
                        ),
                        ("input_digest", models.BinaryField(db_comment="Keyed digest of the masked input", null=True)),
                        ("input_chars", models.IntegerField(db_comment="Length of the masked input", default=0)),
                        (
                            "tokens_in",
                            models.IntegerField(db_comment="As the provider counted; NULL: it did not say", null=True),
                        ),
                        (
                            "tokens_out",
                            models.IntegerField(db_comment="As the provider counted; NULL: it did not say", null=True),
                        ),
                        (
                            "cost",
                            models.DecimalField(
                                db_comment="The worst case until the answer tells",
                                decimal_places=6,
                                default=Decimal("0"),
                                max_digits=12,
                            ),
                        ),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("refused", "not sent"),
                                    ("sent", "sent"),
                                    ("answered", "answered"),
                                    ("failed", "no usable answer"),
                                    ("discarded", "answer discarded"),
                                ],
                                db_comment="refused, sent, answered, failed, discarded",
                                max_length=10,
                            ),
                        ),
                        (
                            "reason",
                            models.CharField(
                                blank=True, db_comment="Code: why not sent, failed or discarded", max_length=40
                            ),
                        ),
                    ],
                    options={
                        "db_table": "language_calls",
                        "db_table_comment": "Questions to language models: sizes, digests, cost, outcome; never a text",
                        "indexes": [models.Index(fields=["clinic", "-asked_at"], name="language_calls_clinic")],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("outcome__in", ["refused", "sent", "answered", "failed", "discarded"])
                                ),
                                name="language_calls_outcome",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("cost", 0), ("outcome", "refused"), ("sent_at__isnull", True)),
                                    models.Q(
                                        models.Q(("outcome", "refused"), _negated=True),
                                        ("cost__gte", 0),
                                        ("sent_at__isnull", False),
                                    ),
                                    _connector="OR",
                                ),
                                name="language_calls_sent",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LanguageSettings",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "clinic",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="language_settings",
                                to="consent.clinic",
                                verbose_name="clinic",
                            ),
                        ),
                        ("is_on", models.BooleanField(default=False, editable=False, verbose_name="switched on")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("anthropic", "Anthropic"),
                                    ("openai", "OpenAI or compatible"),
                                    ("local", "own server, compatible with OpenAI"),
                                ],
                                db_comment="anthropic, openai or local",
                                max_length=10,
                                verbose_name="provider",
                            ),
                        ),
                        (
                            "base_url",
                            models.CharField(
                                help_text="For example https://api.anthropic.com or https://api.openai.com/v1",
                                max_length=200,
                                validators=[insights.models.language.validate_address],
                                verbose_name="address",
                            ),
                        ),
                        (
                            "model",
                            models.CharField(
                                help_text="As the provider writes it, with its version.",
                                max_length=100,
                                verbose_name="model",
                            ),
                        ),
                        ("api_key", consent.encryption.fields.SealedField(null=True)),
                        (
                            "contract",
                            models.CharField(
                                blank=True,
                                help_text="Number or date; who signed.",
                                max_length=200,
                                verbose_name="contract",
                            ),
                        ),
                        (
                            "region",
                            models.CharField(
                                blank=True,
                                help_text="Two letters, for example BR or US.",
                                max_length=2,
                                verbose_name="country of processing",
                            ),
                        ),
                        (
                            "retention_days",
                            models.PositiveSmallIntegerField(
                                blank=True,
                                help_text="As the contract says; 0 for none.",
                                null=True,
                                verbose_name="days the provider keeps what it gets",
                            ),
                        ),
                        (
                            "training_off",
                            models.BooleanField(
                                default=False, verbose_name="the contract forbids training with our data"
                            ),
                        ),
                        (
                            "transfer_clauses",
                            models.CharField(
                                blank=True,
                                help_text="Needed outside Brazil: ANPD Resolution 19/2024.",
                                max_length=200,
                                verbose_name="clauses for the transfer abroad",
                            ),
                        ),
                        ("currency", models.CharField(default="USD", max_length=3, verbose_name="currency")),
                        (
                            "price_in",
                            models.DecimalField(
                                decimal_places=4,
                                default=Decimal("0"),
                                max_digits=9,
                                validators=[django.core.validators.MinValueValidator(0)],
                                verbose_name="price of a million tokens sent",
                            ),
                        ),
                        (
                            "price_out",
                            models.DecimalField(
                                decimal_places=4,
                                default=Decimal("0"),
                                max_digits=9,
                                validators=[django.core.validators.MinValueValidator(0)],
                                verbose_name="price of a million tokens answered",
                            ),
                        ),
                        ("calls_per_day", models.PositiveIntegerField(default=50, verbose_name="calls a day")),
                        ("calls_per_month", models.PositiveIntegerField(default=500, verbose_name="calls a month")),
                        (
                            "cost_per_day",
                            models.DecimalField(
                                decimal_places=2,
                                default=Decimal("2"),
                                max_digits=9,
                                validators=[django.core.validators.MinValueValidator(0)],
                                verbose_name="cost a day",
                            ),
                        ),
                        (
                            "cost_per_month",
                            models.DecimalField(
                                decimal_places=2,
                                default=Decimal("20"),
                                max_digits=9,
                                validators=[django.core.validators.MinValueValidator(0)],
                                verbose_name="cost a month",
                            ),
                        ),
                        (
                            "timeout_s",
                            models.PositiveSmallIntegerField(
                                default=20,
                                validators=[
                                    django.core.validators.MinValueValidator(2),
                                    django.core.validators.MaxValueValidator(60),
                                ],
                                verbose_name="seconds to wait for an answer",
                            ),
                        ),
                        (
                            "failures",
                            models.PositiveSmallIntegerField(db_comment="In a row", default=0, editable=False),
                        ),
                        (
                            "paused_until",
                            models.DateTimeField(
                                db_comment="Nobody asks before, after failures", editable=False, null=True
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "language model",
                        "verbose_name_plural": "language model",
                        "db_table": "language_settings",
                        "db_table_comment": "Language model of a clinic: provider, contract, limits, breaker; off by default",
                        "ordering": ["clinic__trade_name"],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(("kind__in", ["anthropic", "openai", "local"])),
                                name="language_settings_kind",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="LanguageStop",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                        (
                            "at",
                            models.DateTimeField(
                                db_comment="Since when", db_default=django.db.models.functions.datetime.Now()
                            ),
                        ),
                        (
                            "by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "stop of the language model",
                        "db_table": "language_stop",
                        "db_table_comment": "Kill switch of the language model: a row stops it for every clinic",
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("id", 1)), name="language_stop_one")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SuggestionSilence",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        ("krayin_lead_id", models.BigIntegerField(db_comment="Krayin lead id")),
                        ("suggestion", models.CharField(db_comment="Id of the closed list", max_length=30)),
                        (
                            "until",
                            models.DateTimeField(
                                db_comment="End of the silence; NULL: as long as `about` lasts", null=True
                            ),
                        ),
                        ("about", models.DateTimeField(db_comment="Start of the wait it is about", null=True)),
                        (
                            "by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "created_at",
                            models.DateTimeField(
                                db_comment="When it was dismissed", db_default=django.db.models.functions.datetime.Now()
                            ),
                        ),
                    ],
                    options={
                        "db_table": "suggestion_silences",
                        "db_table_comment": "Suggestions people dismissed, and until when they stay silent",
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "krayin_lead_id", "suggestion"), name="suggestion_silences_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("until__isnull", False), ("about__isnull", False), _connector="OR"),
                                name="suggestion_silences_end",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SurveyAnswer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "connection",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="bridge.connection",
                            ),
                        ),
                        (
                            "conversation",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="+",
                                to="bridge.observedconversation",
                            ),
                        ),
                        ("chatwoot_message_id", models.BigIntegerField(db_comment="Message that asked")),
                        ("sent_at", models.DateTimeField(db_comment="When it was asked")),
                        ("answered_at", models.DateTimeField(db_comment="NULL: not answered", null=True)),
                        ("rating", models.SmallIntegerField(db_comment="1 to 5; NULL: not answered", null=True)),
                    ],
                    options={
                        "db_table": "survey_answers",
                        "db_table_comment": "Satisfaction surveys and their ratings; no comments",
                        "indexes": [models.Index(fields=["conversation"], name="survey_answers_conversation")],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("connection", "chatwoot_message_id"), name="survey_answers_once"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("rating__range", (1, 5))), name="survey_answers_rating"
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("answered_at__isnull", True), ("rating__isnull", True)),
                                    models.Q(("answered_at__gte", models.F("sent_at")), ("rating__isnull", False)),
                                    _connector="OR",
                                ),
                                name="survey_answers_answered",
                            ),
                        ],
                    },
                ),
            ],
        ),
        config.db.operations.SqlFile(
            name="0003_conversation_facts.sql",
        ),
        config.db.operations.SqlFile(
            name="0003_score.sql",
        ),
        config.db.operations.SqlFile(
            name="0003_update.sql",
        ),
        config.db.operations.SqlFile(
            name="0003_marks.sql",
        ),
        config.db.operations.SqlFile(
            name="0003_days.sql",
        ),
        config.db.operations.SqlFile(
            name="0004_outcomes.sql",
        ),
    ]
