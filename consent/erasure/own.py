"""Nodes of Ponte itself: waiting work, contingency files, packages, rows (lgpd 5.5, step 4)."""

from collections.abc import Callable
from datetime import datetime

from consent.encryption import Actor
from consent.erasure import local
from consent.erasure.systems import NotRemoved
from consent.export import control
from consent.models.erasures import Erasure, ErasureNode

# What other apps do in a node of Ponte; given what is known of the person.
Act = Callable[[local.Known, datetime], None]
_acts: dict[str, list[Act]] = {"queued": [], "spool": []}


def register(kind: str, act: Act) -> None:
    """Called in `ready()`. `kind` is `queued` or `spool`; the act is repeatable. It may raise Later, NotRemoved."""
    if act not in _acts[kind]:
        _acts[kind].append(act)


def remove(erasure: Erasure, node: ErasureNode, now: datetime) -> str:
    """Raises Later, NotRemoved, HeldBack."""
    known = local.known_of(erasure)
    if node.kind == "exports":
        control.forget_person(erasure.subject, actor=Actor.system("erasure"), now=now)
        return "gone"
    if node.kind != "rows":
        for act in _acts[node.kind]:
            act(known, now)
        return "gone"
    local.ask_all(known)
    local.remove(known, keeps_record=erasure.keeps_clinical, now=now)
    if local.left(known, keeps_record=erasure.keeps_clinical):
        raise NotRemoved("still_there")
    return "gone"


def forget(erasure: Erasure, now: datetime) -> None:
    """All of Ponte's own at once, whatever the nodes say: after a restore. Raises HeldBack."""
    known = local.ask_all(local.known_of(erasure))
    for acts in _acts.values():
        for act in acts:
            act(known, now)
    control.forget_person(erasure.subject, actor=Actor.system("erasure"), now=now)
    local.remove(known, keeps_record=erasure.keeps_clinical, now=now)
