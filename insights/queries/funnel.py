"""From the first contact to the won opportunity (screen E4): each step as n and as a share of the step before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection as db
from django.db import models
from django.utils.translation import gettext_lazy as _

from insights.queries.hiding import SMALL_CELL, shown_parts

# An opportunity counts for the month it was first heard of and for the inbox of its first conversation.
LEADS = """
WITH leads AS MATERIALIZED (
  SELECT m.connection_id, m.krayin_lead_id AS lead, min(m.created_at) AS created_at,
         array_agg(DISTINCT c.subject_id) FILTER (WHERE c.subject_id IS NOT NULL) AS subjects
  FROM contact_mappings m
  LEFT JOIN observed_contacts c ON c.connection_id = m.connection_id AND c.chatwoot_contact_id = m.chatwoot_contact_id
  WHERE m.connection_id = ANY(%(connections)s) AND m.krayin_lead_id IS NOT NULL
    AND m.created_at >= %(first)s::date - 1 AND m.created_at < %(last)s::date + 2
  GROUP BY 1, 2
),
talks AS (
  SELECT l.connection_id, l.lead, min(c.started_at) AS started_at,
         bool_or(c.first_reply_at IS NOT NULL) AS is_answered,
         (array_agg(c.inbox_id ORDER BY c.started_at))[1] AS inbox_id
  FROM leads l
  JOIN conversation_mappings m ON m.connection_id = l.connection_id AND m.krayin_lead_id = l.lead
  JOIN observed_conversations c ON c.connection_id = m.connection_id
    AND c.chatwoot_conversation_id = m.chatwoot_conversation_id AND c.gone_at IS NULL
  GROUP BY 1, 2
),
steps AS (
  SELECT l.connection_id, t.inbox_id,
         (least(l.created_at, t.started_at) AT TIME ZONE k.time_zone)::date AS day,
         coalesce(t.is_answered, false) AS answered,
         EXISTS (SELECT FROM unnest(l.subjects) AS person CROSS JOIN LATERAL (
                   SELECT r.status FROM consent_records r
                   WHERE r.contact_id = person AND r.consent_type = 'data_processing'
                   ORDER BY r.created_at DESC, r.id DESC LIMIT 1) AS last WHERE last.status = 'granted') AS consented,
         EXISTS (SELECT FROM appointments a WHERE a.connection_id = l.connection_id AND a.krayin_lead_id = l.lead) AS booked,
         EXISTS (SELECT FROM appointments a WHERE a.connection_id = l.connection_id AND a.krayin_lead_id = l.lead
                   AND a.status = 'attended') AS attended,
         coalesce(s.code = 'won', false) AS won,
         (i.numbers ->> 'first_word_min')::float AS first_word
  FROM leads l
  JOIN connections n ON n.id = l.connection_id
  JOIN clinics k ON k.id = n.clinic_id
  LEFT JOIN talks t ON t.connection_id = l.connection_id AND t.lead = l.lead
  LEFT JOIN krayin_leads x ON x.krayin_id = n.krayin_id AND x.lead_id = l.lead AND x.gone_at IS NULL
  LEFT JOIN LATERAL insight_stage(n.pipelines, x.pipeline_id, x.stage_id) s ON true
  LEFT JOIN ai_insights i ON i.connection_id = l.connection_id AND i.krayin_lead_id = l.lead AND i.is_current
)
SELECT connection_id, inbox_id, date_trunc('month', day)::date AS month, GROUPING(inbox_id, connection_id) = 0 AS is_inbox,
       GROUPING(date_trunc('month', day)::date) = 0 AS is_month,
       count(*), count(*) FILTER (WHERE answered), count(*) FILTER (WHERE consented), count(*) FILTER (WHERE booked),
       count(*) FILTER (WHERE attended), count(*) FILTER (WHERE won),
       count(*) FILTER (WHERE answered AND consented), count(*) FILTER (WHERE answered AND booked),
       count(*) FILTER (WHERE answered AND won),
       count(*) FILTER (WHERE consented AND booked), count(*) FILTER (WHERE consented AND won),
       count(*) FILTER (WHERE booked AND attended), count(*) FILTER (WHERE attended AND won),
       count(first_word), percentile_cont(0.5) WITHIN GROUP (ORDER BY first_word)
FROM steps WHERE day BETWEEN %(first)s AND %(last)s AND (%(inbox)s::bigint IS NULL OR inbox_id = %(inbox)s)
GROUP BY GROUPING SETS ((), (connection_id, inbox_id), (date_trunc('month', day)::date))
"""
HAS_APPOINTMENTS = "SELECT EXISTS (SELECT FROM appointments WHERE connection_id = ANY(%s))"
HAS_CONSENTS = """
SELECT EXISTS (SELECT FROM consent_records r JOIN data_subjects s ON s.id = r.contact_id
               JOIN connections n ON n.clinic_id = s.clinic_id WHERE n.id = ANY(%s) AND r.consent_type = 'data_processing')
"""


class Step(models.TextChoices):
    CREATED = "created", _("were created")
    ANSWERED = "answered", _("were answered")
    CONSENTED = "consented", _("gave consent")
    BOOKED = "booked", _("booked a visit")
    ATTENDED = "attended", _("came to the visit")
    WON = "won", _("were won")


PAIRS = (
    (Step.ANSWERED, Step.CONSENTED), (Step.ANSWERED, Step.BOOKED), (Step.ANSWERED, Step.WON),
    (Step.CONSENTED, Step.BOOKED), (Step.CONSENTED, Step.WON), (Step.BOOKED, Step.ATTENDED), (Step.ATTENDED, Step.WON),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One step: n is None where nothing tells it, hidden where it would tell of few people."""

    step: Step
    n: int | None
    share: float | None  # percent of the nearest step before that is known
    is_hidden: bool = False


@dataclass(frozen=True)
class Funnel:
    """The steps of some opportunities; `first_word` in minutes by the clock that counts."""

    lines: list[Line]
    first_word: float | None
    first_word_n: int

    @property
    def created(self) -> Line:
        return self.lines[0]


@dataclass(frozen=True)
class Funnels:
    """All, and by inbox of the first conversation and month of creation."""

    total: Funnel
    inboxes: dict[tuple[int, int | None], Funnel]
    months: dict[date, Funnel]


def funnels(connections: Sequence[int], first: date, last: date, inbox_id: int | None = None) -> Funnels:
    values: dict[str, Any] = {"connections": list(connections), "first": first, "last": last, "inbox": inbox_id}
    with db.cursor() as cursor:
        cursor.execute(HAS_APPOINTMENTS, [list(connections)])
        appointments: bool = cursor.fetchone()[0]
        cursor.execute(HAS_CONSENTS, [list(connections)])
        consents: bool = cursor.fetchone()[0]
        cursor.execute(LEADS, values)
        found = cursor.fetchall()
    unknown = set() if consents else {Step.CONSENTED}
    unknown |= set() if appointments else {Step.BOOKED, Step.ATTENDED}
    groups: dict[str, dict[Any, Sequence[Any]]] = {"all": {}, "inbox": {}, "month": {}}
    for connection_id, inbox, month, is_inbox, is_month, *numbers in found:
        group, key = ("inbox", (connection_id, inbox)) if is_inbox else ("month", month) if is_month else ("all", 0)
        groups[group][key] = numbers
    drawn = {name: _drawn(group, unknown) for name, group in groups.items()}
    return Funnels(drawn["all"][0], drawn["inbox"], dict(sorted(drawn["month"].items(), reverse=True)))


def _drawn(group: Mapping[Any, Sequence[Any]], unknown: set[Step]) -> dict[Any, Funnel]:
    """The funnels of one division; what is hidden in one cannot be computed from the others."""
    hidden: dict[Any, set[Step]] = {key: set() for key in group}
    for place, step in enumerate(Step):
        for key, told in shown_parts({key: numbers[place] for key, numbers in group.items()}).items():
            if told is None:
                hidden[key].add(step)
    return {key: _funnel(numbers, unknown, hidden[key]) for key, numbers in group.items()}


def _funnel(numbers: Sequence[Any], unknown: set[Step], hidden: set[Step]) -> Funnel:
    singles = dict(zip(Step, numbers[:6], strict=True))
    both = dict(zip(PAIRS, numbers[6:13], strict=True))
    n, median = numbers[13:]
    lines: list[Line] = []
    before: Step | None = None
    for step in Step:
        if step in unknown:
            lines.append(Line(step, None, None))
            continue
        share = None
        if before is not None and singles[before]:
            together = singles[step] if before == Step.CREATED else both[before, step]
            share = 100 * together / singles[before]
        is_hidden = step in hidden
        lines.append(Line(step, None if is_hidden else singles[step], None if is_hidden else share, is_hidden))
        before = step
    return Funnel(lines, median if n >= SMALL_CELL else None, n)
