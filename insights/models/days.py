"""Sums per connection, inbox, team, attendant and local day; ranges add up, medians come from merged histograms."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Place(models.Model):
    """Where, who and when; a conversation counts for the inbox, team and attendant it has now."""

    connection = models.ForeignKey("bridge.Connection", models.CASCADE, db_index=False, related_name="+")
    inbox_id = models.BigIntegerField(db_comment="Chatwoot inbox")
    team_id = models.BigIntegerField(db_comment="Chatwoot team; 0 without")
    assignee_id = models.BigIntegerField(default=0, db_default=0, db_comment="Chatwoot agent; 0 without")
    day = models.DateField(db_comment="Day in the unit's zone")

    class Meta:
        abstract = True


class DayCounts(Place):
    """Counts of a day. What takes days to decide (not reopened) belongs to the day of the resolution."""

    conversations = models.IntegerField(db_comment="Conversations whose first message was this day")
    attendances = models.IntegerField(db_comment="Openings and reopenings")
    resolutions = models.IntegerField(db_comment="Attendances resolved")
    reopenings = models.IntegerField(db_comment="Attendances opened within 7 days of a resolution")
    one_contact = models.IntegerField(db_comment="Resolved with at most 1 human message, not reopened in 7 days")
    bot_only = models.IntegerField(db_comment="Resolved without human message, not reopened in 24 h")
    unanswered = models.IntegerField(db_comment="Waits that a resolution ended without an answer")
    stale = models.IntegerField(db_comment="Answered waits above 7 days; not in the durations")
    patient_messages = models.IntegerField(db_comment="Messages of patients")
    human_messages = models.IntegerField(db_comment="Messages of people of the clinic")
    bot_messages = models.IntegerField(db_comment="Messages of bots")
    people = models.IntegerField(db_comment="Contacts with a message of theirs or of people")
    surveys = models.IntegerField(default=0, db_default=0, db_comment="Satisfaction surveys sent")
    ratings = models.IntegerField(default=0, db_default=0, db_comment="Surveys answered")
    satisfied = models.IntegerField(default=0, db_default=0, db_comment="Answers 4 and 5")
    rating_sum = models.IntegerField(default=0, db_default=0, db_comment="Sum of the ratings")
    arrivals = ArrayField(
        models.SmallIntegerField(), null=True, db_comment="Waits that began, for each of the 24 local hours"
    )

    class Meta:
        db_table = "insight_days"
        db_table_comment = "Counts per connection, inbox, team, attendant and local day"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "day", "inbox_id", "team_id", "assignee_id"], name="insight_days_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.day}"


class DayDurations(Place):
    """One bucket of a day's histogram of one duration by one clock."""

    class Measure(models.TextChoices):
        FIRST_RESPONSE = "first_response"
        REPLY = "reply"  # every wait except first ones
        RESOLUTION = "resolution"

    class Clock(models.TextChoices):
        CALENDAR = "calendar"
        BUSINESS = "business"

    measure = models.CharField(max_length=15, choices=Measure, db_comment="first_response, reply or resolution")
    clock = models.CharField(max_length=10, choices=Clock, db_comment="calendar or business")
    bucket = models.SmallIntegerField(db_comment="Place in insight_edges(): minutes from one edge to the next")
    n = models.IntegerField(db_comment="How many; they ended this day")
    sum_s = models.BigIntegerField(db_comment="Seconds in total")
    min_s = models.IntegerField(db_comment="Shortest, seconds")
    max_s = models.IntegerField(db_comment="Longest, seconds")

    class Meta:
        db_table = "insight_durations"
        db_table_comment = "Mergeable histograms of durations per connection, inbox, team, attendant and local day"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "day", "inbox_id", "team_id", "assignee_id", "measure", "clock", "bucket"],
                name="insight_durations_once",
            ),
            models.CheckConstraint(
                name="insight_durations_measure", condition=Q(measure__in=["first_response", "reply", "resolution"])
            ),
            models.CheckConstraint(name="insight_durations_clock", condition=Q(clock__in=["calendar", "business"])),
        ]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.day} {self.measure}"
