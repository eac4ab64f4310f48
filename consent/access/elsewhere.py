"""What other apps hold of an account: open items with an owner, and sign-ins of their own. They register in `ready()`."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise

from consent.models import User


@dataclass(frozen=True)
class OpenItems:
    """One kind of thing that has an owner. `move` gives them to somebody else, or to nobody, and returns how many."""

    title: str | Promise
    count: Callable[[User], int]
    move: Callable[[User, User | None], int]


_open_items: list[OpenItems] = []
_sign_ins: list[Callable[[User], object]] = []


def register_open_items(items: OpenItems) -> None:
    _open_items.append(items)


def register_sign_ins(end: Callable[[User], object]) -> None:
    """`end` ends the account's sign-ins that are no sessions."""
    _sign_ins.append(end)


def open_items(user: User) -> list[tuple[OpenItems, int]]:
    """What would be left without owner, by kind; kinds of which there is nothing are left out."""
    found = [(items, items.count(user)) for items in _open_items]
    return [(items, count) for items, count in found if count]


def hand_over(user: User, to: User | None) -> int:
    return sum(items.move(user, to) for items in _open_items)


def end_sign_ins(user: User) -> None:
    for end in _sign_ins:
        end(user)
