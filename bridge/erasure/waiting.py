"""Before anything else: nothing more is sent for the person; and what waits on disk goes (lgpd 5.5 step 4)."""

from datetime import datetime

from bridge.erasure.footprint import footprint, places_of
from bridge.models import Effect, Lane, Wish
from bridge.spool.erasure import Person, forget
from consent.erasure import own
from consent.erasure.local import Known
from consent.erasure.systems import Later

NOT_SENT = (Effect.State.SHADOW, Effect.State.INTENDED, Effect.State.REJECTED, Effect.State.DENIED)
IN_FLIGHT = (Effect.State.SENT, Effect.State.UNKNOWN)


def stop(known: Known, now: datetime) -> None:
    """Cancel what waits to be sent; what is being sent this moment is waited for. Raises Later."""
    found = footprint(known)
    Wish.objects.filter(contact__in=found.contact_rows, state__in=[Wish.State.OPEN, Wish.State.HELD]).update(
        state=Wish.State.WITHDRAWN, settled_at=now, text=None
    )
    for place in places_of(found):
        mine = {"connection": place.connection, "lane_key__in": place.lanes}
        Effect.objects.filter(**mine, state__in=NOT_SENT).update(state=Effect.State.CANCELLED, updated_at=now)
        busy = Lane.objects.filter(**mine, leased=True, run_at__gt=now).order_by("-run_at").first()
        if busy is not None and Effect.objects.filter(**mine, state__in=IN_FLIGHT).exists() and busy.run_at:
            raise Later(busy.run_at, "waiting_work")


def forget_files(known: Known, now: datetime) -> None:
    """This host's spool: call it where the spool's disk is."""
    for place in places_of(footprint(known)):
        person = Person(
            place.connection.pk, frozenset(place.contacts), frozenset(place.conversations), frozenset(place.refs)
        )
        forget(person)


def register() -> None:
    own.register("queued", stop)
    own.register("spool", forget_files)
