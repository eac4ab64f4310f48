"""Which side of a mapped field is written, from digests alone."""

from datetime import UTC, datetime

import pytest

from bridge.fields.mapping import Row
from bridge.fields.plan import FieldState, Side

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def side(direction: str = "both", winner: str = "chatwoot", **values: object) -> Side | None:
    row = Row("contact.custom.cargo", "person", "job_title", "text", direction, winner, "R03")
    return FieldState(row, "ponte-abc-c1", **values).side  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"chat": "a"}, Side.TO_KRAYIN),
        ({"there": "b"}, Side.TO_CHATWOOT),
        ({"chat": "a", "there": "b", "base_chat": "a", "base_there": "b"}, None),
        ({"chat": "c", "there": "b", "base_chat": "a", "base_there": "b"}, Side.TO_KRAYIN),
        ({"chat": "a", "there": "c", "base_chat": "a", "base_there": "b"}, Side.TO_CHATWOOT),
        ({"chat": "", "there": "b", "base_chat": "a", "base_there": "b"}, None),
        ({"chat": "a", "there": "", "base_chat": "a", "base_there": "b"}, None),
        ({"there": "b", "can_show": False}, None),
    ],
)
def test_only_what_differs_from_the_agreement_is_carried(values: dict[str, object], expected: Side | None) -> None:
    assert side(**values) == expected


@pytest.mark.parametrize(
    ("winner", "chat_at", "there_at", "expected"),
    [
        ("chatwoot", EARLY, LATE, Side.TO_KRAYIN),
        ("krayin", LATE, EARLY, Side.TO_CHATWOOT),
        ("newest", EARLY, LATE, Side.TO_CHATWOOT),
        ("newest", LATE, EARLY, Side.TO_KRAYIN),
        ("newest", None, LATE, Side.TO_KRAYIN),
    ],
)
def test_the_winner_decides_when_both_sides_changed(
    winner: str, chat_at: datetime | None, there_at: datetime | None, expected: Side
) -> None:
    assert side(winner=winner, chat="a", there="b", chat_at=chat_at, there_at=there_at) == expected


def test_a_row_of_one_direction_never_writes_the_other_side() -> None:
    assert side("krayin", there="b") is None
    assert side("krayin", winner="krayin", chat="a", there="b") is None
    assert side("chatwoot", chat="a") is None
    assert side("chatwoot", chat="a", there="b") == Side.TO_CHATWOOT
