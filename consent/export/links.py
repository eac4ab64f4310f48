"""Links: an address and a code by another channel, together good for one download that may be resumed.

The link is used up when the last byte was sent, or when the time to resume is over, 24 hours after the code was right.
Bytes are handed out from the beginning: a part can be asked for again, never one before its turn.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType
from audit.services import record
from consent.encryption import blind_version
from consent.export.manifest import LINK_DAYS
from consent.export.vault import SealedReader
from consent.models.exports import ExportLink, ExportPackage
from consent.models.staff import User
from consent.policy import PurposeOfUse

WINDOW = timedelta(hours=24)
TRIES = 5
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without what looks alike
CODE_LENGTH = 8
SALT = "consent.export.ticket"


@dataclass(frozen=True)
class Issued:
    """A new link; token and code exist nowhere else: hand them over now or never."""

    link: ExportLink
    token: str
    code: str


@sensitive_variables()
def issue(row: ExportPackage, *, channel: str, by: User | None, now: datetime) -> Issued:
    token, code = secrets.token_urlsafe(32), "".join(secrets.choice(ALPHABET) for _sign in range(CODE_LENGTH))
    expires_at = now + timedelta(days=LINK_DAYS)
    key_id = blind_version()
    link = ExportLink(
        package=row,
        token_digest=digest(key_id, "token", token),
        digest_key=key_id,
        channel=channel,
        created_by=by,
        expires_at=min(expires_at, row.expires_at or expires_at),
    )
    link.code_digest = digest(key_id, f"code|{link.pk}", code)
    link.save()
    return Issued(link, token, code)


@sensitive_variables()
def digest(key_id: str, kind: str, text: str) -> bytes:
    return hmac.new(settings.BLIND_KEYS[key_id], f"ponte.export.v1|{kind}|{text}".encode(), hashlib.sha256).digest()


@sensitive_variables()
def found(token: str) -> ExportLink | None:
    """The link of an address, whatever its state."""
    digests = [digest(key_id, "token", token) for key_id in settings.BLIND_KEYS]
    rows = ExportLink.objects.select_related("package__subject", "package__clinic", "package__signing_key")
    return rows.filter(token_digest__in=digests).first()


@sensitive_variables()
def unlock(link: ExportLink, code: str, *, now: datetime) -> str | None:
    """The ticket for the download when the code is right; None counts as a try. Five wrong ones end the link."""
    with transaction.atomic():
        held = ExportLink.objects.select_for_update(of=("self",)).select_related("package__subject").get(pk=link.pk)
        if held.state(now) != "open" or held.package.state not in DELIVERABLE:
            return None
        typed = "".join(code.split()).upper()
        right = held.digest_key in settings.BLIND_KEYS and hmac.compare_digest(
            digest(held.digest_key, f"code|{held.pk}", typed), bytes(held.code_digest)
        )
        if not right:
            ExportLink.objects.filter(pk=held.pk).update(tries=F("tries") + 1)
            _note("export.code", held, outcome="denied", reason="wrong_code")
            return None
        if held.opened_at is None:
            window_until = min(now + WINDOW, held.package.expires_at or now + WINDOW)
            ExportLink.objects.filter(pk=held.pk).update(opened_at=now, window_until=window_until)
    return signing.dumps(str(link.pk), salt=SALT)


DELIVERABLE = frozenset({ExportPackage.State.RELEASED, ExportPackage.State.DELIVERED})


def of_ticket(ticket: str, *, now: datetime) -> ExportLink | None:
    """The link whose code was right, while it is open."""
    try:
        pk = signing.loads(ticket, salt=SALT, max_age=WINDOW)
    except signing.BadSignature:
        return None
    rows = ExportLink.objects.select_related("package__subject", "package__clinic", "package__signing_key")
    link = rows.filter(pk=pk, opened_at__isnull=False).first()
    if link is None or link.state(now) != "open" or link.package.state not in DELIVERABLE:
        return None
    return link


def begin(link: ExportLink) -> None:
    """Write the audit row of a download before its first byte. Raises django.db.DatabaseError: then nothing is sent."""
    _note("export.download", link)


def stream(link: ExportLink, reader: SealedReader, start: int, end: int, *, now: datetime) -> Iterator[bytes]:
    """The bytes from start to before end; the link learns how far they came, whatever ends it."""
    at = start
    try:
        for piece in reader.bytes_from(start, end):
            yield piece
            at += len(piece)
    finally:
        sent(link, at, of=reader.size, now=now)


def sent(link: ExportLink, upto: int, *, of: int, now: datetime) -> None:
    """Note how far it came; the last byte uses up the link and delivers the package."""
    ExportLink.objects.filter(pk=link.pk).update(sent_bytes=Greatest(F("sent_bytes"), Value(upto)))
    if upto < of:
        return
    with transaction.atomic():
        if ExportLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now):
            released = ExportPackage.objects.filter(pk=link.package_id, state=ExportPackage.State.RELEASED)
            released.update(state=ExportPackage.State.DELIVERED, delivered_at=now)
            _note("export.delivered", link, own_connection=False)


def _note(action: str, link: ExportLink, *, outcome: str = "ok", reason: str = "", own_connection: bool = True) -> None:
    record(
        action=action,
        actor_type=ActorType.PERSON,
        actor_id=str(link.package.subject.pseudonym or ""),
        clinic_id=link.package.clinic_id,
        subject=link.package.subject.pseudonym,
        object_type="consent.ExportPackage",
        object_id=str(link.package_id),
        purpose=PurposeOfUse.DPO,
        outcome=outcome,
        reason_code=reason,
        own_connection=own_connection,
    )
