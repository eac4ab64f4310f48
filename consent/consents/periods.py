"""Periods of asking, by version of the policy (lgpd 1.3: versioned data). An old version is never edited."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from consent.policy import CURRENT_POLICY


@dataclass(frozen=True)
class Periods:
    """`after_no`: not asked again; `after_question`: nor while an answer may still come; `before_end`: may be renewed.

    `late`: how much older than a yes a no may be and still count, because clocks differ.
    """

    after_no: timedelta
    after_question: timedelta
    before_end: timedelta
    answer: timedelta  # how long a question in the chat can be answered
    link: timedelta  # how long a signed address opens
    late: timedelta


PERIODS: Mapping[str, Periods] = MappingProxyType(
    {
        "1": Periods(
            after_no=timedelta(days=90),
            after_question=timedelta(days=7),
            before_end=timedelta(days=30),
            answer=timedelta(days=7),
            link=timedelta(days=30),
            late=timedelta(minutes=5),
        )
    }
)


def periods_of(policy_version: str) -> Periods:
    """Those of the version a clinic confirmed; before that, of the shipped one."""
    return PERIODS.get(policy_version, PERIODS[CURRENT_POLICY])
