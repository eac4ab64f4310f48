"""Access, copy and portability (T02, T03, T06) are answered by one package; its link is the answer (lgpd 9).

Granting begins the package; people release it under Exports; the link made there comes back here as the answer, ready to
be sent. The code that opens it goes another way.
"""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor
from consent.export import control
from consent.export.links import Issued
from consent.models import DataRequest, DataSubject, ExportPackage, RequestItem
from consent.requests import answers, execution, following, identity
from consent.requests.execution import BY, Done
from consent.requests.moving import JOINED
from consent.requests.rules import Proof, text_of
from consent.requests.states import State

Verified, Decision = RequestItem.Verified, RequestItem.Decision
IN_USE = (*ExportPackage.RUNNING, *ExportPackage.HAVING_FILE)


def make(item: RequestItem, now: datetime, *, by: Actor = BY) -> Done:
    """Have the request's package made, or take the one that is being made for another of its rights."""
    request = item.request
    if request.subject is None:
        told = text_of(request.rules_version, "T02_none")
        return Done(State.VERIFYING, answers.framed(item, told, now=now), Verified.NOTHING_DONE)
    try:
        if not _share(request, item.right):
            _ask(request, request.subject, item.right, by, now)
    except control.NotPossible:
        return Done(State.FAILED)
    return Done(State.EXECUTING)


def _share(request: DataRequest, right: str) -> bool:
    """One format serves the three rights: the copy is the same."""
    with transaction.atomic():
        rows = ExportPackage.objects.filter(request_ref=str(request.pk), state__in=IN_USE)
        row = rows.select_for_update(of=("self",)).order_by("-created_at").first()
        if row is None:
            return False
        row.rights = sorted({*row.rights, right})
        row.save(update_fields=["rights"])
    return True


def _ask(request: DataRequest, subject: DataSubject, right: str, by: Actor, now: datetime) -> None:
    proved = max(identity.proofs(request), key=list(Proof).index, default=None)
    control.ask(
        subject, protocol=request.protocol, rights=[right], actor=by, request_ref=str(request.pk),
        identity_method=proved.value if proved else "", identity_at=now if proved else None,
    )  # fmt: skip


@sensitive_variables("issued", "address", "text")
def linked(row: ExportPackage, issued: Issued, now: datetime) -> None:
    """A link was made for a released package: it is the answer of every right that waits for it, sent or not yet."""
    for item in _waiting(row):
        until = issued.link.expires_at.astimezone(ZoneInfo(item.request.clinic.time_zone))
        address = f"{settings.PUBLIC_URL}{reverse('export-enter', args=[issued.token])}"
        told = text_of(item.request.rules_version, "T02_ready").format(until=f"{until:%d/%m/%Y %H:%M}", address=address)
        text = answers.carried_out(item, told, now=now)
        if item.state == State.EXECUTING:
            following.finish(item, text, verified=Verified.CHECKED, actor=BY, now=now, reason="package")
        else:
            # The earlier link is over.
            RequestItem.objects.filter(pk=item.pk, state=State.READY, sent_at=None).update(**answers.kept(item, text))


def _waiting(row: ExportPackage) -> list[RequestItem]:
    try:
        request_id = UUID(row.request_ref)
    except ValueError:
        return []
    items = RequestItem.objects.filter(
        request=request_id, request__clinic=row.clinic_id, right__in=row.rights, sent_by_route="",
        state__in=[State.EXECUTING, State.READY], decision__in=[Decision.GRANT, Decision.PART],
    )  # fmt: skip
    return list(items.select_related("request__clinic", *JOINED))


def register() -> None:
    """Called in `ready()`."""
    for right in control.RIGHTS:
        execution.register(right, make)
    control.on_link(linked)
