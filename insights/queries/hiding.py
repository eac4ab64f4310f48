"""Few people are not told (screens rule 8): a cell below ten is hidden, and so is one that would give it away."""

from collections.abc import Mapping
from typing import TypeVar

SMALL_CELL = 10  # people, or events where a cell counts events: their people are not more
COMPARED_FROM = 20  # attendances of each before people or teams are compared
Key = TypeVar("Key")


def shown(count: int) -> int | None:
    """The count, or None where it would tell of fewer than ten people; nobody is no secret."""
    return count if count == 0 or count >= SMALL_CELL else None


def shown_parts(parts: Mapping[Key, int]) -> dict[Key, int | None]:
    """Parts of a total that is told: if only one is small, the next smallest is hidden with it."""
    told = {key: shown(count) for key, count in parts.items()}
    hidden = [key for key, count in told.items() if count is None]
    others = [key for key, count in told.items() if count]
    if len(hidden) == 1 and others:
        told[min(others, key=lambda key: parts[key])] = None
    return told
