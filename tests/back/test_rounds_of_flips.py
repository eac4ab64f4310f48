"""Values flip on both sides, round after round: no loop, no lost change (DESIGN section 8)."""

import os
import random
from typing import Any

import pytest

from bridge.models import Effect, FieldStop
from tests.back.both_sides import BothSides, hints

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

# Each takes half a second: the suite makes some, a person may ask for all five hundred.
ROUNDS = int(os.environ.get("PONTE_FULL_ROUNDS", "120"))
SOURCES = {"name_source": "chatwoot", "email_source": "krayin", "phone_source": "chatwoot"}
WINNER = {"name": "chatwoot", "email": "krayin", "phone": "chatwoot"}


def fresh(name: str, number: int, side: str) -> str:
    """A value never used before; both sides may choose the same person's field, never the same value."""
    place = 2 * number + (side == "krayin")
    return {
        "name": f"Ana {side} {number}",
        "email": f"ana.{side}.{number}@exemplo.com",
        "phone": f"+55119{place + 70_000_000:08d}",
    }[name]


def change(both: BothSides, side: str, name: str, value: str) -> None:
    if side == "chatwoot":
        both.edits_contact(**{"phone_number" if name == "phone" else name: value})
    elif name == "name":
        both.edits_person(name=value)
    else:
        both.edits_person(**{"emails" if name == "email" else "contact_numbers": [{"value": value, "label": "work"}]})


def held(both: BothSides, name: str) -> tuple[str, list[str]]:
    """The value in Chatwoot, and those in Krayin."""
    contact, person = both.contact, both.person
    if name == "name":
        return contact.name, [person["name"]]
    if name == "email":
        return contact.email, [entry["value"] for entry in person["emails"]]
    return contact.phone_number, [entry["value"] for entry in person["contact_numbers"]]


def test_rounds_of_flips_end_in_agreement_each(both: BothSides, settings: Any) -> None:
    settings.FLIPS_PER_WINDOW = 10 * ROUNDS  # quarrels are stopped in a test of their own
    both.set(**SOURCES)
    dice = random.Random(4711)
    changes = Effect.objects.filter(kind__in=["set_person", "set_contact"])
    for number in range(ROUNDS):
        name = dice.choice(["name", "email", "phone"])
        sides = dice.choice([["chatwoot"], ["krayin"], ["chatwoot", "krayin"], ["krayin", "chatwoot"]])
        before = changes.count()
        for side in sides:
            change(both, side, name, fresh(name, number, side))
        both.settle_quickly()
        winner = sides[0] if len(sides) == 1 else WINNER[name]
        wanted = fresh(name, number, winner)
        chat, crm = held(both, name)
        assert (number, name, sides, chat, crm) == (number, name, sides, wanted, [wanted])
        # One step carries one change: an echo that caused another would be a second.
        assert changes.count() - before == 1, (number, name, sides)
    with both.counted() as calls:
        both.settle()
        both.look_again()
    assert (calls.krayin, calls.chatwoot) == (0, 0)
    assert not Effect.objects.exclude(state="confirmed").exists()
    assert not FieldStop.objects.exists()
    assert hints() == 0
