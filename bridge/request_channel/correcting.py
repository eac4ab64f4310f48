"""A person's correction in both systems: written to Chatwoot as a step of the ledger; from there the sync brings it to
Krayin like every change, and Ponte sees whether both agree."""

from collections.abc import Iterator

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from bridge.actions.places import Place
from bridge.actions.wishes import locked, replace, store
from bridge.back.carry import in_chatwoot
from bridge.clients.shapes import Contact
from bridge.events import Facts
from bridge.mappers.chatwoot_rest import contact_fact_of
from bridge.models import Connection, Effect, ObservedContact, SyncedObject, Wish
from bridge.models.inbound import lane_of
from bridge.sync.clock import database_now
from bridge.sync.observe import observe
from bridge.sync.plan import Step
from bridge.sync.work import Attempt, Later, Work
from consent.encryption import Actor, seal
from consent.models import RequestItem
from consent.requests.correcting import Corrector, Field, Standing
from consent.requests.correcting import register as tell

Kind, State = Wish.Kind, Wish.State
WRITES = (Connection.State.ACTIVE, Connection.State.PAUSED)


@sensitive_variables("value")
def ask(item: RequestItem, field: str, value: str, actor: Actor) -> int:
    """Store the wish for every contact of the person in a connection that writes."""
    rows = ObservedContact.objects.filter(
        subject=item.request.subject, gone_at=None, connection__state__in=WRITES
    ).select_related("connection")
    with transaction.atomic():
        for contact in rows:
            with locked(Place(contact)) as place:
                replace(place.contact, [Kind.CORRECT], field=field)
                wish = Wish(field=field)
                wish.text = seal(value, subject=place.contact.subject_id, context=wish.text_context)
                store(place, Kind.CORRECT, actor, Wish.Via.SCREEN, wish)
    return len(rows)


def correct(attempt: Attempt, step: Step) -> None:
    """Write the value to Chatwoot; asking for the same again is harmless."""
    work = attempt.work
    rows = Wish.objects.filter(pk=step.wish.id, state=State.OPEN) if step.wish else Wish.objects.none()
    row = rows.first()
    if row is None or not row.text:
        raise Later(work.now)  # taken back meanwhile: planning wants it no longer
    value = work.opener().text(row.text, subject=work.contact.subject_id, context=row.text_context)

    def write() -> None:
        attempt.sending()
        right = {row.field: value}
        answer = work.chat.contact_update(
            work.contact.chatwoot_contact_id, name=right.get("name"), email=right.get("email"), phone=right.get("phone")
        )
        attempt.confirm({step: answer.id}, lambda: _written(work, row, answer))

    in_chatwoot(attempt, step, write)


def _written(work: Work, row: Wish, answer: Contact) -> None:
    """Take over what Chatwoot shows now: the difference to Krayin is planned like any other."""
    observe(work.connection, [Facts(contacts=(contact_fact_of(answer),))], database_now())
    Wish.objects.filter(pk=row.pk).update(state=State.DONE, settled_at=database_now(), text=None)
    work.reread_contact()


# How it stands --------------------------------------------------------------------------------------------------------


def standing(item: RequestItem) -> Iterator[Standing]:
    """Of every field asked for since the request came in, in Chatwoot and in Krayin."""
    wishes = Wish.objects.filter(
        contact__subject=item.request.subject, kind=Kind.CORRECT, created_at__gte=item.received_at
    )  # fmt: skip
    newest = wishes.exclude(state=State.WITHDRAWN).order_by("contact", "field", "-created_at")
    for wish in newest.distinct("contact", "field").select_related("contact__connection"):
        name = str(Field(wish.field).label)
        stopped = wish.state == State.OPEN and _is_stopped(wish)
        if wish.state == State.DONE:
            yield Standing("Chatwoot", name, "done", _("corrected"))
        elif stopped:
            yield Standing("Chatwoot", name, "failed", _("refused: see the cause under To solve"))
        else:
            yield Standing("Chatwoot", name, "waiting", _("waits to be written"))
        yield _in_krayin(wish, name)


def _is_stopped(wish: Wish) -> bool:
    return Effect.objects.filter(
        connection=wish.connection_id, lane_key=lane_of(wish.contact.chatwoot_contact_id),
        object_ref__endswith=f"-k{wish.pk.hex[:16]}", state__in=[Effect.State.REJECTED, Effect.State.DENIED],
    ).exists()  # fmt: skip


def _in_krayin(wish: Wish, name: str) -> Standing:
    contact = wish.contact
    person = SyncedObject.objects.filter(
        connection=wish.connection_id, lane_key=lane_of(contact.chatwoot_contact_id), kind=SyncedObject.Kind.PERSON,
        gone_at=None,
    ).first()  # fmt: skip
    if person is None:
        return Standing("Krayin", name, "ignored", _("the person is not there"))
    agrees = wish.state == State.DONE and person.base.get(wish.field, "") == contact.digests.get(wish.field, "")
    return Standing("Krayin", name, "done" if agrees else "waiting", _("equal to Chatwoot") if agrees else _("follows"))


def register() -> None:
    tell(Corrector(ask, standing))
