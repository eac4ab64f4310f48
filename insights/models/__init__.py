"""Models of the insights: opening hours, facts beside the bridge's, numbers, sums per day, outcomes, reviews."""

from insights.models.days import DayCounts, DayDurations
from insights.models.facts import ClinicRate, ConversationState, InsightMark
from insights.models.hours import ClosedDay, OpeningHours, Unit, UnitInbox
from insights.models.insight import Insight
from insights.models.language import LanguageCall, LanguageSettings, LanguageStop
from insights.models.outcomes import Appointment, SurveyAnswer
from insights.models.reviews import InsightReview
from insights.models.silences import SuggestionSilence

__all__ = [
    "Appointment",
    "ClinicRate",
    "ClosedDay",
    "ConversationState",
    "DayCounts",
    "DayDurations",
    "Insight",
    "InsightMark",
    "InsightReview",
    "LanguageCall",
    "LanguageSettings",
    "LanguageStop",
    "OpeningHours",
    "SuggestionSilence",
    "SurveyAnswer",
    "Unit",
    "UnitInbox",
]
