"""Charts of the screens: one look for all of them (screens section 15)."""

import json
from collections.abc import Sequence

# Two colours, told apart by the dash of the second, too.
FIRST, SECOND = "var(--color-primary-600)", "var(--color-base-500)"


def chart(
    labels: Sequence[str], *series: tuple[str, Sequence[float | None]], suffix: str = "", ends: Sequence[float] = ()
) -> str:
    """What the theme's chart draws: JSON for Chart.js. `ends`: values the axis reaches in any case."""
    unseen = {"label": "", "data": list(ends), "borderColor": "transparent", "pointRadius": 0}
    looks: tuple[tuple[str, list[int]], ...] = ((FIRST, []), (SECOND, [6, 4]))
    return json.dumps(
        {
            "labels": list(labels),
            "datasets": [
                {
                    "label": name,
                    "data": [None if value is None else round(value, 1) for value in values],
                    "borderColor": colour,
                    "backgroundColor": colour,
                    "borderDash": dash,
                    "displayYAxis": True,
                    "suffixYAxis": suffix,
                    "maxTicksXLimit": 12,
                    "pointStyle": "circle",
                    "pointRadius": 3,
                    "maxBarThickness": 56,
                }
                for (name, values), (colour, dash) in zip(series, looks, strict=False)
            ]
            + ([unseen] if ends else []),
        }
    )
