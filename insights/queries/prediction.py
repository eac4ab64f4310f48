"""Does the score mean anything (screen E6)? Scores of 60 days ago against what was won since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as db

from insights.queries.hiding import SMALL_CELL
from insights.words import BAND_EDGES, Band

WITHIN = timedelta(days=60)
ENOUGH = 200  # opportunities
CHANCE = 0.55  # an area under the curve below it predicts nothing

# The row that was valid then; opportunities that were closed already could not be won any more.
THEN = """
WITH scored AS (
  SELECT i.performance_score AS score,
         coalesce(s.code = 'won' AND l.closed_at > %(then)s AND l.closed_at <= %(now)s, false) AS is_won
  FROM ai_insights i
  JOIN connections n ON n.id = i.connection_id
  LEFT JOIN krayin_leads l ON l.krayin_id = n.krayin_id AND l.lead_id = i.krayin_lead_id AND l.gone_at IS NULL
  LEFT JOIN LATERAL insight_stage(n.pipelines, l.pipeline_id, l.stage_id) s ON true
  WHERE i.connection_id = ANY(%(connections)s) AND i.performance_score IS NOT NULL
    AND i.valid_from <= %(then)s AND (i.valid_to > %(then)s OR i.valid_to IS NULL)
    AND (l.closed_at IS NULL OR l.closed_at > %(then)s)
),
-- Equal scores share the middle of their ranks.
ranked AS (SELECT *, rank() OVER (ORDER BY score) + (count(*) OVER (PARTITION BY score) - 1) / 2.0 AS place FROM scored)
SELECT count(*), count(*) FILTER (WHERE is_won), sum(place) FILTER (WHERE is_won),
       count(*) FILTER (WHERE score <= %(low)s), count(*) FILTER (WHERE score <= %(low)s AND is_won),
       count(*) FILTER (WHERE score > %(low)s AND score <= %(middle)s),
       count(*) FILTER (WHERE score > %(low)s AND score <= %(middle)s AND is_won),
       count(*) FILTER (WHERE score > %(middle)s), count(*) FILTER (WHERE score > %(middle)s AND is_won)
FROM ranked
"""


@dataclass(frozen=True)
class BandShare:
    """A band: opportunities with a score in it then, and the percent won since; None below ten opportunities."""

    band: Band
    n: int | None
    won_share: float | None


@dataclass(frozen=True)
class Prediction:
    """`auc`: the chance that a won opportunity had the higher score than one not won; None without both."""

    n: int
    won: int
    auc: float | None
    bands: list[BandShare]

    @property
    def is_enough(self) -> bool:
        return self.n >= ENOUGH and self.auc is not None

    @property
    def predicts(self) -> bool:
        return self.auc is not None and self.auc >= CHANCE


def prediction(connections: Sequence[int], now: datetime) -> Prediction:
    values: dict[str, Any] = {
        "connections": list(connections), "then": now - WITHIN, "now": now, "low": BAND_EDGES[Band.LOW][1],
        "middle": BAND_EDGES[Band.MIDDLE][1],
    }  # fmt: skip
    with db.cursor() as cursor:
        cursor.execute(THEN, values)
        n, won, ranks, *parts = cursor.fetchone()
    pairs = zip(BAND_EDGES, zip(parts[::2], parts[1::2], strict=True), strict=True)
    bands = [
        BandShare(band, total, 100 * gained / total) if total >= SMALL_CELL else BandShare(band, None, None)
        for band, (total, gained) in pairs
    ]
    auc = (float(ranks) - won * (won + 1) / 2) / (won * (n - won)) if won and n > won else None
    return Prediction(n, won, auc, bands)
