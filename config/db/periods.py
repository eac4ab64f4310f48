"""The periods a table is partitioned by: half-open, in UTC, so that no clock change moves a bound."""

import enum
from datetime import UTC, datetime, timedelta


class Step(enum.Enum):
    """Length of one partition. Weeks start on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"

    def start(self, moment: datetime) -> datetime:
        """Return the first instant of the period that holds `moment` (aware)."""
        day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        match self:
            case Step.DAY:
                return day
            case Step.WEEK:
                return day - timedelta(days=day.weekday())
            case Step.MONTH:
                return day.replace(day=1)
            case Step.QUARTER:
                return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)

    def following(self, moment: datetime) -> datetime:
        """Return the first instant of the period after the one that holds `moment`."""
        longest = {Step.DAY: 1, Step.WEEK: 7, Step.MONTH: 31, Step.QUARTER: 92}[self]
        return self.start(self.start(moment) + timedelta(days=longest))

    def previous(self, moment: datetime) -> datetime:
        """Return the first instant of the period before the one that holds `moment`."""
        return self.start(self.start(moment) - timedelta(microseconds=1))

    def label(self, moment: datetime) -> str:
        """Return the name of the period: 20261116 (first day of a day or week), 202611, 2026q4."""
        start = self.start(moment)
        match self:
            case Step.DAY | Step.WEEK:
                return f"{start:%Y%m%d}"
            case Step.MONTH:
                return f"{start:%Y%m}"
            case Step.QUARTER:
                return f"{start:%Y}q{(start.month + 2) // 3}"
