"""Models of the insights: opening hours, facts kept beside the bridge's, numbers per opportunity, sums per day."""

from insights.models.days import DayCounts, DayDurations
from insights.models.facts import ClinicRate, ConversationState, InsightMark
from insights.models.hours import ClosedDay, OpeningHours, Unit, UnitInbox
from insights.models.insight import Insight
from insights.models.silences import SuggestionSilence

__all__ = [
    "ClinicRate",
    "ClosedDay",
    "ConversationState",
    "DayCounts",
    "DayDurations",
    "Insight",
    "InsightMark",
    "OpeningHours",
    "SuggestionSilence",
    "Unit",
    "UnitInbox",
]
