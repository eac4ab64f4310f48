"""Legal holds, blocking, opposition, minors and guardians (lgpd 3.3, 3.4, 4, 5; screens C3, C9).

Whoever removes something asks `assert_removable` right before, in the transaction that removes; whoever writes, sends or
computes asks `consent.decisions.decide`, which knows blocking, opposition and minority.
"""

from consent.holds.blocking import block, block_effects, block_instead, oppose, unblock, withdraw_opposition
from consent.holds.guardians import (
    end_guardianship,
    end_minority,
    guardian_of,
    mark_minor,
    minors_without_guardian,
    turning_adult,
    verify_guardian,
)
from consent.holds.legal import (
    HeldBack,
    Order,
    Part,
    assert_removable,
    explanation_of,
    holds_on,
    holds_to_review,
    place,
    release,
    review,
)
from consent.holds.notes import Refused
from consent.holds.person import PersonState, person_state

__all__ = [
    "HeldBack",
    "Order",
    "Part",
    "PersonState",
    "Refused",
    "assert_removable",
    "block",
    "block_effects",
    "block_instead",
    "end_guardianship",
    "end_minority",
    "explanation_of",
    "guardian_of",
    "holds_on",
    "holds_to_review",
    "mark_minor",
    "minors_without_guardian",
    "oppose",
    "person_state",
    "place",
    "release",
    "review",
    "turning_adult",
    "unblock",
    "verify_guardian",
    "withdraw_opposition",
]
