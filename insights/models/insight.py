"""What is known about each opportunity, now and before: `ai_insights` of seed 002, corrected by DESIGN section 16."""

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _

CURRENT = Q(is_current=True)
# Leads without data come last, in whichever direction people look.
BEST_FIRST = F("performance_score").desc(nulls_last=True)
# The priority of the most urgent suggestion.
URGENCY = Cast(KeyTextTransform("priority", KeyTransform("0", "suggestions")), models.IntegerField())
WORST_FIRST = F("performance_score").asc(nulls_last=True)


class Insight(models.Model):
    """One version of a lead's numbers, valid in [valid_from, valid_to); the current one has no end.

    An empty number means that there is nothing to compute it from ("sem dados"); it is never a zero.
    """

    class Engagement(models.TextChoices):
        LOW = "low", _("low")
        MEDIUM = "medium", _("medium")
        HIGH = "high", _("high")

    class Trend(models.TextChoices):
        IMPROVING = "improving", _("improving")
        STABLE = "stable", _("stable")
        DECLINING = "declining", _("declining")

    connection = models.ForeignKey(
        "bridge.Connection",
        models.PROTECT,
        related_name="insights",
        db_index=False,
        db_comment="Connection whose Krayin holds the lead; lead ids repeat across installations",
    )
    krayin_lead_id = models.BigIntegerField(_("opportunity"), db_comment="Krayin lead id")

    total_conversations = models.IntegerField(default=0, db_default=0, db_comment="Conversations of the lead")
    resolved_conversations = models.IntegerField(default=0, db_default=0, db_comment="Those resolved now")
    pending_conversations = models.IntegerField(
        default=0, db_default=0, db_comment="Those open, pending or snoozed now"
    )
    resolution_rate = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, db_comment="Percent resolved; NULL without conversations"
    )
    average_response_time_minutes = models.IntegerField(
        null=True, db_comment="Mean of all closed waits, business minutes; NULL without a closed wait"
    )
    total_messages = models.IntegerField(default=0, db_default=0, db_comment="Messages of the patient and of people")
    average_messages_per_conversation = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, db_comment="NULL without conversations"
    )
    performance_score = models.DecimalField(
        max_digits=3, decimal_places=1, null=True, db_comment="0-10 (10 = excellent); NULL without conversations"
    )
    engagement_level = models.CharField(
        max_length=20,
        choices=Engagement,
        default=Engagement.LOW,
        db_default=Engagement.LOW,
        db_comment="low, medium or high; low without data",
    )
    trend = models.CharField(
        max_length=20,
        choices=Trend,
        null=True,
        db_comment="improving, stable or declining against 7 days ago; NULL without a row to compare with",
    )
    suggestions = models.JSONField(null=True, db_comment="Ids and numbers of suggestions, never text about a person")
    last_interaction_at = models.DateTimeField(null=True, db_comment="Last message of the patient or of people")
    confidence = models.DecimalField(
        max_digits=3, decimal_places=2, null=True, db_comment="n / (n + 5), n = conversations of 90 days; NULL without"
    )
    parts = models.JSONField(
        null=True,
        db_comment="Parts of the score: [{part, weight, value, points, ceiling, inputs}]; the points add up to the score",
    )
    numbers = models.JSONField(null=True, db_comment="Further counts and medians, and the inputs to redo each number")
    formula_version = models.SmallIntegerField(
        default=1, db_default=1, db_comment="Which formula computed it; scores of two versions are not compared"
    )

    calculated_at = models.DateTimeField(db_default=Now(), db_comment="When the numbers were computed")
    valid_from = models.DateTimeField(db_default=Now(), db_comment="Start of validity, included")
    valid_to = models.DateTimeField(null=True, db_comment="End of validity, excluded; NULL for the current row")
    is_current = models.BooleanField(default=True, db_default=True, db_comment="TRUE for the one current row of a lead")
    created_at = models.DateTimeField(db_default=Now(), db_comment="When the row was written")

    class Meta:
        db_table = "ai_insights"
        db_table_comment = "Numbers per Krayin lead with their history; one current row per connection and lead"
        verbose_name = _("insight")
        verbose_name_plural = _("insights")
        # A check whose column is NULL passes: "sem dados" is allowed wherever the column allows it.
        constraints = [
            # Also answers "the current numbers of this lead" (panel, sync to Chatwoot).
            models.UniqueConstraint(
                fields=["connection", "krayin_lead_id"], condition=CURRENT, name="ai_insights_one_current"
            ),
            models.CheckConstraint(
                name="ai_insights_engagement_level", condition=Q(engagement_level__in=["low", "medium", "high"])
            ),
            models.CheckConstraint(
                name="ai_insights_trend", condition=Q(trend__in=["improving", "stable", "declining"])
            ),
            models.CheckConstraint(name="ai_insights_half_open", condition=Q(valid_to__gt=F("valid_from"))),
            models.CheckConstraint(
                name="ai_insights_current_is_open",
                condition=Q(is_current=True, valid_to__isnull=True) | Q(is_current=False, valid_to__isnull=False),
            ),
            models.CheckConstraint(
                name="ai_insights_counts",
                condition=Q(
                    resolved_conversations__gte=0,
                    pending_conversations__gte=0,
                    total_messages__gte=0,
                    total_conversations=F("resolved_conversations") + F("pending_conversations"),
                ),
            ),
            models.CheckConstraint(name="ai_insights_score", condition=Q(performance_score__range=(0, 10))),
            models.CheckConstraint(name="ai_insights_resolution_rate", condition=Q(resolution_rate__range=(0, 100))),
            models.CheckConstraint(
                name="ai_insights_averages",
                condition=Q(average_response_time_minutes__gte=0, average_messages_per_conversation__gte=0),
            ),
        ]
        indexes = [
            # The history of one lead, newest first (trend, score over time).
            models.Index(fields=["connection", "krayin_lead_id", "-calculated_at"], name="ai_insights_history"),
            # The leads of a clinic by score.
            models.Index("connection", BEST_FIRST, "krayin_lead_id", condition=CURRENT, name="ai_insights_best"),
            # The leads of one engagement level, best first.
            models.Index(
                "connection", "engagement_level", BEST_FIRST, condition=CURRENT, name="ai_insights_engagement"
            ),
            # The leads that improve or decline, best first.
            models.Index("connection", "trend", BEST_FIRST, condition=CURRENT, name="ai_insights_by_trend"),
        ]

    def __str__(self) -> str:
        return f"{self.krayin_lead_id}"
