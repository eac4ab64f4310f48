"""What people do with exports: ask, cancel, release, hand over, revoke, check, destroy. Each act is an audit row.

The same functions serve the screen, the API and the command; who may call them is decided there, the second person here.
"""

import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from consent.encryption import Actor, KeyMissing, Undecryptable, ensure_subject_keys, open_for
from consent.export import checking, job, links, package, parts
from consent.export.job import note
from consent.export.vault import SealedReader
from consent.models import DataSubject, ExportLink, ExportPackage, Membership, User
from consent.models.exports import LONG_AGO
from consent.policy import PurposeOfUse
from consent.roles import Capability, roles_with

log = logging.getLogger(__name__)

PROTOCOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{2,39}")
RIGHTS = ("T02", "T03", "T06")
ALONE_WAIT = timedelta(hours=24)
State = ExportPackage.State
RELEASERS = roles_with(Capability.PRIVACY_ACT)


class NotPossible(Exception):
    """Not in this state: look at it again. The message is for people."""


class SecondPersonNeeded(NotPossible):
    """Health content is released by somebody else than who asked for it."""


class MustWait(NotPossible):
    """Only one person of the clinic may release: it waits 24 hours, with a notice."""

    def __init__(self, until: datetime) -> None:
        super().__init__(_("Only one person of this clinic may release it: it can be released 24 hours from now."))
        self.until = until


def ask(
    subject: DataSubject,
    *,
    protocol: str,
    rights: Sequence[str],
    actor: Actor,
    identity_method: str = "",
    identity_at: datetime | None = None,
    request_ref: str = "",
) -> ExportPackage:
    """Begin an export. Raises ValueError for an unusable protocol or right, NotPossible while one runs for it."""
    if not PROTOCOL.fullmatch(protocol):
        raise ValueError(_("A protocol has 3 to 40 letters, digits, points and dashes."))
    wrong = sorted(set(rights).difference(RIGHTS))
    if wrong or not rights:
        raise ValueError(_("An export answers the rights T02, T03 and T06 only."))
    if subject.erased_at is not None:
        raise NotPossible(_("The person's data are erased: there is nothing left to hand over."))
    ensure_subject_keys([subject.pk])
    try:
        with transaction.atomic():
            row = ExportPackage.objects.create(
                clinic=subject.clinic, subject=subject, protocol=protocol, request_ref=request_ref,
                rights=sorted(set(rights)), identity_method=identity_method, identity_at=identity_at,
                created_by=actor.user,
            )  # fmt: skip
            note("export.ask", row, actor=actor, own_connection=False)
    except IntegrityError as error:
        raise NotPossible(_("An export with this protocol is being made already.")) from error
    return row


def cancel(row: ExportPackage, *, actor: Actor) -> None:
    """End one that is being made; what was read is removed. Raises NotPossible."""
    with transaction.atomic():
        running = ExportPackage.objects.filter(pk=row.pk, state__in=ExportPackage.RUNNING)
        if not running.update(state=State.CANCELLED, key=None, lease_until=LONG_AGO):
            raise NotPossible(_("It is not being made any more."))
        note("export.cancel", row, actor=actor, own_connection=False)
    parts.forget(row.pk)
    row.refresh_from_db()


# Release --------------------------------------------------------------------------------------------------------------


def release(row: ExportPackage, *, by: User, now: datetime) -> None:
    """Let it be handed over. Raises NotPossible, SecondPersonNeeded, MustWait."""
    with transaction.atomic():
        held = ExportPackage.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if held.state != State.READY:
            raise NotPossible(_("It is not waiting to be released."))
        if not held.is_complete:
            raise NotPossible(_("It is incomplete: it may not be handed over as final. Build it again."))
        must_wait = _second_person(held, by, now)
        if must_wait is None:
            held.state, held.released_by, held.released_at = State.RELEASED, by, now
            held.save(update_fields=["state", "released_by", "released_at"])
            note("export.release", held, actor=Actor.staff(by), own_connection=False)
    if must_wait is not None:
        raise MustWait(must_wait)
    row.refresh_from_db()


def _second_person(row: ExportPackage, by: User, now: datetime) -> datetime | None:
    """None when it may be released now, else when; the first asking is noted and begins the wait."""
    if not row.has_health or row.created_by_id != by.pk:
        return None
    if others_may_release(row, by):
        raise SecondPersonNeeded(_("It holds health data: somebody else than who asked for it must release it."))
    if row.release_asked_at is None:
        row.release_asked_at = now
        row.save(update_fields=["release_asked_at"])
        note("export.release_alone", row, actor=Actor.staff(by), own_connection=False)
        transaction.on_commit(lambda: _tell_clinic(row))
    ready_at = row.release_asked_at + ALONE_WAIT
    return None if now >= ready_at else ready_at


def _tell_clinic(row: ExportPackage) -> None:
    """The notice to the clinic's contact: no personal data, only the protocol. What happened stands in the trail."""
    if not (settings.MAIL_IS_SET_UP and row.clinic.contact_email):
        return
    text = _("One person alone asked to release the export %(protocol)s; it can be released in 24 hours. See Exports.")
    told = str(text) % {"protocol": row.protocol}
    try:
        send_mail(str(_("An export waits 24 hours")), told, None, [row.clinic.contact_email])
    except OSError:
        log.warning("notice not sent: package=%s", row.pk)


def others_may_release(row: ExportPackage, by: User) -> bool:
    rows = Membership.objects.in_force().filter(clinic=row.clinic_id, role__in=RELEASERS, user__is_active=True)
    return rows.exclude(user=by).exists()


LinkListener = Callable[[ExportPackage, links.Issued, datetime], None]
_on_link: list[LinkListener] = []


def on_link(listener: LinkListener) -> None:
    """Have `listener(package, issued, now)` called in the transaction that makes a link: a request waits for it."""
    if listener not in _on_link:
        _on_link.append(listener)


def issue_link(row: ExportPackage, *, channel: str, actor: Actor, now: datetime) -> links.Issued:
    """A new way to download it, once; earlier ones end. Raises NotPossible."""
    if row.state not in {State.RELEASED, State.DELIVERED} or (row.expires_at and now >= row.expires_at):
        raise NotPossible(_("Only a released package that still exists can be handed over."))
    if row.identity_at is None:
        raise NotPossible(_("The person's identity has not been verified: say how it was."))
    with transaction.atomic():
        row.links.filter(revoked_at=None, used_at=None).update(revoked_at=now)
        issued = links.issue(row, channel=channel, by=actor.user, now=now)
        note("export.link", row, actor=actor, own_connection=False)
        for listener in _on_link:
            listener(row, issued, now)
    return issued


def verify_identity(row: ExportPackage, *, method: str, actor: Actor, now: datetime) -> None:
    """Note how the person was verified, as `links` needs it."""
    with transaction.atomic():
        ExportPackage.objects.filter(pk=row.pk).update(identity_method=method, identity_at=now)
        note("export.identity", row, actor=actor, own_connection=False)
    row.refresh_from_db()


def revoke_links(row: ExportPackage, *, actor: Actor, now: datetime) -> int:
    with transaction.atomic():
        count = ExportLink.objects.filter(package=row, revoked_at=None, used_at=None).update(revoked_at=now)
        note("export.revoke", row, actor=actor, own_connection=False)
    return count


# The file -------------------------------------------------------------------------------------------------------------


def opened(row: ExportPackage, *, actor: Actor, reason: str = "") -> SealedReader:
    """The finished zip, for reading; audited before. Raises KeyMissing, Undecryptable, FileNotFoundError."""
    opener = open_for(
        [row.subject_id], actor=actor, purpose=PurposeOfUse.DPO, reason=reason, fields=["consent.ExportPackage.key"]
    )
    return package.reader(row.pk, job.file_key(row, opener))


def check(row: ExportPackage, *, actor: Actor, now: datetime) -> str:
    """Run the verifier once more; what is not right, else empty. Raises NotPossible without a file."""
    if row.state not in ExportPackage.HAVING_FILE or row.signing_key is None:
        raise NotPossible(_("There is no file any more."))
    try:
        wrong = checking.wrong_with(opened(row, actor=Actor.system("exports")), row.signing_key)
    except (KeyMissing, Undecryptable, FileNotFoundError) as error:
        wrong = type(error).__name__
    with transaction.atomic():
        ExportPackage.objects.filter(pk=row.pk).update(checked_at=now, check_result=wrong[:200])
        note("export.check", row, actor=actor, outcome="failed" if wrong else "ok", own_connection=False)
    row.refresh_from_db()
    return wrong


def destroy(row: ExportPackage, *, actor: Actor, now: datetime) -> None:
    """Destroy the file and its key; the manifest's hash stays. Raises NotPossible."""
    with transaction.atomic():
        rows = ExportPackage.objects.filter(pk=row.pk, state__in=[*ExportPackage.HAVING_FILE, State.FAILED])
        if not rows.update(state=State.DESTROYED, key=None, destroyed_at=now):
            raise NotPossible(_("There is no file any more."))
        ExportLink.objects.filter(package=row, revoked_at=None, used_at=None).update(revoked_at=now)
        note("export.destroy", row, actor=actor, own_connection=False)
    parts.forget(row.pk)
    row.refresh_from_db()


def destroy_expired(*, now: datetime) -> int:
    """Destroy what has reached its time (R11), and files whose row went another way; return how many."""
    count = 0
    for row in ExportPackage.objects.filter(expires_at__lte=now, state__in=ExportPackage.HAVING_FILE):
        destroy(row, actor=Actor.system("exports"), now=now)
        count += 1
    return count


def forget_person(subject: DataSubject, *, actor: Actor, now: datetime) -> int:
    """Erasure of a person: every package goes; return how many."""
    count = 0
    for row in ExportPackage.objects.filter(subject=subject):
        if row.state in ExportPackage.RUNNING:
            cancel(row, actor=actor)
        elif row.state in ExportPackage.HAVING_FILE:
            destroy(row, actor=actor, now=now)
        else:
            parts.forget(row.pk)
            continue
        count += 1
    return count
