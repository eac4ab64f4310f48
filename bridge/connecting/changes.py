"""What setting up makes at the partners: each change says what and why, finds what is there, and can be undone."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from django.utils import timezone

from bridge.connecting.look import Look
from bridge.connecting.problems import Text
from bridge.errors import PartnerGone
from bridge.models import Connection, Partner, SetupObject

Kind = SetupObject.Kind


class Change(ABC):
    """One thing to make at a partner. `make` is called only where `stands` is False, and may be repeated at any time.

    Everything `make` creates is noted with `note` right after the call, so that an interruption loses at most one note;
    `stands` finds the object all the same.
    """

    code: ClassVar[str]
    partner: ClassVar[Partner]
    title: ClassVar[Text]
    why: ClassVar[Text]
    undoing: ClassVar[Text]
    calls: ClassVar[int]
    is_optional: ClassVar[bool] = False

    @abstractmethod
    def stands(self, look: Look) -> bool:
        """Whether it is there already, complete. Raises PartnerError."""

    @abstractmethod
    def make(self, look: Look) -> None:
        """Make what is missing. Raises PartnerError, CannotConnect."""

    def settle(self, look: Look) -> None:  # noqa: B027 - most changes leave nothing to store
        """Store what our side has to know of a change that stands, whoever made it."""


@dataclass(frozen=True)
class Done:
    """What became of one change: `made` is False when it was there already."""

    change: Change
    made: bool


def note(look: Look, partner: Partner, kind: SetupObject.Kind, foreign_id: int, name: str) -> None:
    """Remember that we made it."""
    SetupObject.objects.update_or_create(
        connection=look.connection, partner=partner, kind=kind, foreign_id=foreign_id,
        defaults={"name": name[:255], "made_at": timezone.now(), "undone_at": None},
    )  # fmt: skip


def apply(changes: Iterable[Change], look: Look) -> list[Done]:
    """Make what does not stand yet, in order. Raises PartnerError, CannotConnect; run it again to finish."""
    done = []
    for change in changes:
        stood = change.stands(look)
        if not stood:
            change.make(look)
        change.settle(look)
        done.append(Done(change, made=not stood))
    return done


def standing(changes: Iterable[Change], look: Look) -> dict[str, bool]:
    """Which changes stand. Raises PartnerError."""
    return {change.code: change.stands(look) for change in changes}


def made_for(connection: Connection) -> Sequence[SetupObject]:
    """What we made and did not undo, the newest first: the order in which it is undone."""
    return list(SetupObject.objects.filter(connection=connection, undone_at=None).order_by("-made_at", "-pk"))


def undo(row: SetupObject, look: Look) -> None:
    """Take one of our objects away again; one that is gone already counts as undone. Raises PartnerError."""
    with suppress(PartnerGone):
        _undo(row, look)
    SetupObject.objects.filter(pk=row.pk).update(undone_at=timezone.now())
    _forget(row, look.connection)


def _forget(row: SetupObject, connection: Connection) -> None:
    """What our side had stored of it."""
    if row.kind == Kind.SOURCE and connection.lead_source_id == row.foreign_id:
        connection.lead_source_id = None
        connection.save(update_fields=["lead_source_id", "updated_at"])
    elif row.kind == Kind.OPTIONAL_EMAIL:
        connection.email_optional = False
        connection.save(update_fields=["email_optional", "updated_at"])


def _undo(row: SetupObject, look: Look) -> None:
    if row.partner == Partner.CHATWOOT:
        takes_away = {
            Kind.ATTRIBUTE: look.chatwoot.attribute_definition_delete,
            Kind.WEBHOOK: look.chatwoot.webhook_delete,
            Kind.PANEL: look.chatwoot.panel_app_delete,
        }
        takes_away[Kind(row.kind)](row.foreign_id)
        return
    if row.kind == Kind.OPTIONAL_EMAIL:
        for attribute in look.attributes():
            if attribute.id == row.foreign_id:
                look.krayin.attribute_make_required(attribute)
        return
    deletes = {
        Kind.ATTRIBUTE: look.krayin.attribute_delete,
        Kind.SOURCE: look.krayin.source_delete,
        Kind.WEBHOOK: look.krayin.webhook_delete,
        Kind.WORKFLOW: look.krayin.workflow_delete,
    }
    deletes[Kind(row.kind)](row.foreign_id)
