"""Numbers in the REST API: an opportunity's now and before, the leaderboard, the clinic's. Read only, masked, by key."""

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, IntegerField, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bridge.api import params, rows
from bridge.api.describe import described
from bridge.api.joined import CONNECTION, LEAD
from bridge.api.problems import Problem
from bridge.api.route import ConnectionRoute
from bridge.api.serializers import Moment, RowSerializer, Whole, page_shape
from bridge.api.views import ListRoute
from bridge.models import Connection, Scope
from insights.models import DayDurations, Insight
from insights.queries import ranges
from insights.queries.hiding import SMALL_CELL, shown, shown_parts
from insights.queries.ranges import Range
from insights.words import BAND_EDGES, Band, band

Measure, Clock = DayDurations.Measure, DayDurations.Clock
COUNTS = ("conversations", "attendances", "resolutions", "reopenings", "one_contact", "bot_only", "unanswered",
          "patient_messages", "human_messages", "bot_messages", "surveys", "ratings", "satisfied")  # fmt: skip


class Rate(serializers.FloatField):
    """A number that may be missing: nobody is told a nought where there is no data."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)


class InsightPartSerializer(serializers.Serializer):
    """One part of the score. The points of all parts add up to the score before rounding."""

    part = serializers.CharField()
    points = serializers.FloatField()
    ceiling = Rate(help_text=_("Most points it can have; null for a penalty."))
    value = Rate(help_text=_("From 0 to 1; null for a penalty."))
    weight = Rate()
    inputs = serializers.DictField(child=serializers.FloatField(allow_null=True))


class InsightSuggestionSerializer(serializers.Serializer):
    """One suggestion; `because` holds the numbers behind it."""

    id = serializers.CharField()
    priority = Whole()
    because = serializers.JSONField()
    needs = serializers.ListField(child=serializers.CharField())
    channel = serializers.CharField(allow_null=True)
    expires_at = Moment(allow_null=True)


class InsightSerializer(RowSerializer[Insight]):
    """Numbers of one opportunity, valid from `valid_from` until `valid_to`."""

    lead_id = Whole(source="krayin_lead_id", help_text=_("Opportunity in Krayin."))
    has_data = serializers.SerializerMethodField(help_text=_("Whether there is a conversation to compute from."))
    score = Rate(source="performance_score", help_text=_("0 to 10; judges the clinic's service, never the patient."))
    band = serializers.SerializerMethodField()
    confidence = Rate()
    trend = serializers.CharField(
        allow_null=True, help_text=_("improving, stable or declining against 7 days ago; null without comparison.")
    )
    engagement = serializers.ChoiceField(Insight.Engagement.choices, source="engagement_level")
    total_conversations = Whole()
    resolved_conversations = Whole()
    pending_conversations = Whole()
    resolution_rate = Rate(help_text=_("Percent."))
    average_response_time_minutes = Whole(allow_null=True)
    total_messages = Whole()
    average_messages_per_conversation = Rate()
    last_interaction_at = Moment(allow_null=True)
    parts = serializers.SerializerMethodField()
    suggestions = serializers.SerializerMethodField()
    formula_version = Whole()
    calculated_at = Moment(allow_null=True)
    valid_from = Moment(allow_null=True)
    valid_to = Moment(allow_null=True)

    def get_has_data(self, row: Insight) -> bool:
        return row.total_conversations > 0

    @extend_schema_field(serializers.ChoiceField(Band.choices))
    def get_band(self, row: Insight) -> str:
        return band(row.performance_score).value

    @extend_schema_field(InsightPartSerializer(many=True))
    def get_parts(self, row: Insight) -> list[dict[str, Any]]:
        return [{"ceiling": None, "value": None, "weight": None, **part} for part in row.parts or ()]

    @extend_schema_field(InsightSuggestionSerializer(many=True))
    def get_suggestions(self, row: Insight) -> list[dict[str, Any]]:
        return list(row.suggestions or ())


class LeaderboardParams(params.PageParams):
    engagement = serializers.ChoiceField(Insight.Engagement.choices, required=False)
    trend = serializers.ChoiceField(Insight.Trend.choices, required=False)
    band = serializers.ChoiceField([one for one in Band.choices if one[0] != Band.NONE], required=False)


class ClinicParams(serializers.Serializer):
    days = serializers.ChoiceField(["7", "30", "90"], default="30", help_text=_("Until today, today included."))
    inbox_id = params.Number(help_text=_("Only this inbox of Chatwoot."))


class DurationSerializer(serializers.Serializer):
    """Minutes; null without sample or below ten."""

    measure = serializers.ChoiceField(Measure.choices)
    clock = serializers.ChoiceField(Clock.choices)
    n = Whole(allow_null=True)
    mean = Rate()
    median = Rate()
    p90 = Rate()


class ClinicNumbersSerializer(serializers.Serializer):
    """Numbers of a connection over local days; null where they would tell of fewer than ten people."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    people = Whole(allow_null=True)
    durations = DurationSerializer(many=True)
    first_response_bands = serializers.ListField(
        child=Whole(allow_null=True), help_text=_("Up to 1 h, 1 to 4, 4 to 8, 8 to 24, more than 24 hours.")
    )
    counts = serializers.DictField(child=Whole(allow_null=True))
    rates = serializers.DictField(child=Rate())


class LeadRoute(ConnectionRoute):
    """An address of one opportunity; raises Problem 404 for any other."""

    scope = Scope.READ_INSIGHTS

    def lead(self) -> tuple[Connection, int]:
        connection, lead_id = self.connection(), self.kwargs["lead_id"]
        if not rows.is_lead(connection, lead_id):
            raise Problem("not_found")
        return connection, lead_id


@described(
    "get",
    name="getInsight",
    tag="insights",
    summary=_("Numbers of one opportunity now"),
    description=_("`has_data` is false where nothing was computed: no conversation, or the person took consent back."),
    answers={200: InsightSerializer},
)
class CurrentInsight(LeadRoute):
    def get(self, request: Request, connection_id: int, lead_id: int) -> Response:
        params.read(request, params.NoParams)
        connection, number = self.lead()
        found = Insight.objects.filter(connection=connection, krayin_lead_id=number, is_current=True).first()
        row = found or _without_numbers(connection, number)
        return Response(InsightSerializer(row, context={"connection": connection}).data)


def _without_numbers(connection: Connection, lead_id: int) -> Insight:
    """A row that was never written: its times are the database's otherwise."""
    row = Insight(connection=connection, krayin_lead_id=lead_id)
    for name in ("calculated_at", "valid_from"):
        setattr(row, name, None)
    row.formula_version = 1
    return row


@described(
    "get",
    name="listInsightHistory",
    tag="insights",
    summary=_("Numbers of one opportunity over time, newest first"),
    params=params.PageParams,
    answers={200: page_shape(InsightSerializer)},
)
class InsightHistory(LeadRoute, ListRoute):
    params, shape, by = params.PageParams, InsightSerializer, "calculated_at"

    def rows(self, connection: Connection, asked: Any) -> QuerySet:
        _connection, lead_id = self.lead()
        return Insight.objects.filter(connection=connection, krayin_lead_id=lead_id)


@described(
    "get",
    name="listInsights",
    tag="insights",
    summary=_("Leaderboard: opportunities with a score, best first"),
    params=LeaderboardParams,
    answers={200: page_shape(InsightSerializer)},
)
class Leaderboard(ListRoute):
    scope = Scope.READ_INSIGHTS
    params, shape, by = LeaderboardParams, InsightSerializer, "tenths"

    def rows(self, connection: Connection, asked: Any) -> QuerySet:
        found = Insight.objects.filter(connection=connection, is_current=True, performance_score__isnull=False)
        if "engagement" in asked:
            found = found.filter(engagement_level=asked["engagement"])
        if "trend" in asked:
            found = found.filter(trend=asked["trend"])
        if "band" in asked:
            found = found.filter(performance_score__range=BAND_EDGES[Band(asked["band"])])
        return found.annotate(tenths=Cast(F("performance_score") * 10, IntegerField()))


@described(
    "get",
    name="getClinicNumbers",
    tag="insights",
    summary=_("How well a connection's clinic answers"),
    params=ClinicParams,
    answers={200: ClinicNumbersSerializer},
)
class ClinicNumbers(ConnectionRoute):
    scope = Scope.READ_INSIGHTS

    def get(self, request: Request, connection_id: int) -> Response:
        asked = params.read(request, ClinicParams)
        connection = self.connection()
        today = timezone.now().astimezone(ZoneInfo(connection.clinic.time_zone)).date()
        of = Range.back([connection.pk], today, int(asked["days"]), asked.get("inbox_id"))
        return Response(ClinicNumbersSerializer(numbers_of(of)).data)


def numbers_of(of: Range) -> dict[str, Any]:
    """Everything of a range that may be told; nothing of fewer than ten people."""
    people = ranges.people(of)
    drawn = ranges.histograms(of).get(0, {}) if people else {}
    found = ranges.counts(of) if people else dict.fromkeys(ranges.COUNTS, 0)
    told = {name: shown(found[name]) for name in COUNTS}
    clock = Clock.BUSINESS if (Measure.FIRST_RESPONSE, Clock.BUSINESS) in drawn else Clock.CALENDAR
    bands = drawn.get((Measure.FIRST_RESPONSE, clock), ranges.EMPTY).bands
    return {
        "first_day": of.first,
        "last_day": of.last,
        "people": people,
        "durations": [_duration(drawn, measure, clock) for measure in Measure for clock in Clock],
        "first_response_bands": list(shown_parts(dict(enumerate(bands))).values()),
        "counts": told if people else dict.fromkeys(COUNTS, None if people is None else 0),
        "rates": {name: value if told[name] is not None else None for name, value in ranges.rates(found).items()},
    }


def _duration(drawn: ranges.Drawn, measure: str, clock: str) -> dict[str, Any]:
    found = drawn.get((measure, clock), ranges.EMPTY).told()
    if 0 < found.n < SMALL_CELL:
        return {"measure": measure, "clock": clock, "n": None, "mean": None, "median": None, "p90": None}
    return {
        "measure": measure, "clock": clock, "n": found.n, "mean": found.mean, "median": found.median, "p90": found.p90
    }  # fmt: skip


ROUTES = [
    (f"{LEAD}/insights", CurrentInsight, "api-lead-insights"),
    (f"{LEAD}/insights/history", InsightHistory, "api-lead-insights-history"),
    (f"{CONNECTION}/insights", Leaderboard, "api-insights"),
    (f"{CONNECTION}/insights/clinic", ClinicNumbers, "api-insights-clinic"),
]
