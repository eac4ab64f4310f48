"""API keys: making one, revoking it, and knowing it again when a program shows it."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType, Outcome
from audit.services import record
from bridge.models import ApiKey, Scope
from consent.encryption import blind_version
from consent.models import Clinic, User

LIVE_PER_CLIENT = 2  # the old key and the new one, while a program changes over
USE_NOTED_EVERY = timedelta(minutes=1)
PREFIX_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
# "ponte_" lets secret scanners and people recognise a key that leaked into a text.
TOKEN = re.compile(r"ponte_([a-z0-9]{10})_([A-Za-z0-9_-]{43})")
OBJECT = "bridge.ApiKey"


class TooManyKeys(ValueError):
    """The client already has two live keys in this clinic: one must be revoked first."""


class Refused(Exception):
    """The key opens nothing; `code` says why. `key` is set when the prefix is one of ours."""

    def __init__(self, code: str, key: ApiKey | None = None) -> None:
        super().__init__(code)
        self.code, self.key = code, key


@dataclass(frozen=True)
class Issued:
    """A new key and its token, which exists nowhere else: show it now or never."""

    key: ApiKey
    token: str


@sensitive_variables()
def issue(
    *,
    clinic: Clinic,
    client: str,
    scopes: Sequence[str],
    expires_at: datetime,
    by: User,
    now: datetime,
    origins: Sequence[str] = (),
) -> Issued:
    """Make a key with 256 random bits. Raises TooManyKeys when the client has two live ones in the clinic."""
    prefix = "".join(secrets.choice(PREFIX_ALPHABET) for _letter in range(10))
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        # Two makers at once wait for each other here, so that both count the same keys.
        Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
        if live_keys_of(clinic, client, now).count() >= LIVE_PER_CLIENT:
            raise TooManyKeys(_("This program already has two valid keys. Revoke one of them first."))
        key = ApiKey.objects.create(
            clinic=clinic,
            client=client,
            prefix=prefix,
            digest=digest(blind_version(), prefix, secret),
            digest_key=blind_version(),
            scopes=sorted(set(scopes)),
            origins=list(origins),
            expires_at=expires_at,
            created_by=by,
        )
        _record(key, "api_key.create", by, fields=[scope.replace(":", ".") for scope in key.scopes])
    return Issued(key, f"ponte_{prefix}_{secret}")


def live_keys_of(clinic: Clinic, client: str, now: datetime) -> QuerySet[ApiKey]:
    return ApiKey.objects.live(now).filter(clinic=clinic, client__iexact=client)


def revoke(keys: Iterable[ApiKey], *, by: User, now: datetime) -> int:
    """Refuse the keys from now on; return how many were not revoked before."""
    count = 0
    with transaction.atomic():
        for key in keys:
            if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now, revoked_by=by):
                _record(key, "api_key.revoke", by)
                count += 1
    return count


@sensitive_variables("token", "secret")
def recognised(token: str, *, now: datetime) -> ApiKey:
    """Return the live key that the token belongs to, with its clinic. Raises Refused."""
    match = TOKEN.fullmatch(token)
    if match is None:
        raise Refused("key_malformed")
    prefix, secret = match.groups()
    key = ApiKey.objects.select_related("clinic").filter(prefix=prefix).first()
    if key is None:
        raise Refused("key_unknown")
    if not _fits(key, prefix, secret):
        raise Refused("key_unknown", key)
    state = key.state(now)
    if state != ApiKey.State.LIVE:
        raise Refused(f"key_{state}", key)
    _note_use(key, prefix, secret, now)
    return key


@sensitive_variables()
def digest(key_id: str, prefix: str, secret: str) -> bytes:
    """Keyed, so that who reads the table cannot test a guess; with the prefix, so that digests cannot be swapped."""
    message = f"ponte.api_key.v1|{prefix}|{secret}".encode()
    return hmac.new(settings.BLIND_KEYS[key_id], message, hashlib.sha256).digest()


@sensitive_variables("secret")
def _fits(key: ApiKey, prefix: str, secret: str) -> bool:
    if key.digest_key not in settings.BLIND_KEYS:
        return False
    return hmac.compare_digest(digest(key.digest_key, prefix, secret), bytes(key.digest))


@sensitive_variables("secret")
def _note_use(key: ApiKey, prefix: str, secret: str, now: datetime) -> None:
    """Write the time of the last use, at most once a minute, and move the digest to the newest key."""
    if key.last_used_at is not None and now < key.last_used_at + USE_NOTED_EVERY:
        return
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    newest = blind_version()
    ApiKey.objects.filter(due, pk=key.pk).update(
        last_used_at=now, digest=digest(newest, prefix, secret), digest_key=newest
    )


def _record(key: ApiKey, action: str, by: User, *, fields: Sequence[str] = ()) -> None:
    """An audit row that lives and dies with the change itself."""
    record(
        action=action,
        actor_type=ActorType.STAFF,
        actor_id=str(by.pk),
        clinic_id=key.clinic_id,
        object_type=OBJECT,
        object_id=str(key.pk),
        fields=fields,
        own_connection=False,
    )


def record_denied(key: ApiKey, code: str, *, scope: Scope | None = None) -> None:
    """An audit row for a use of a known key that was refused."""
    record(
        action="api_key.use",
        actor_type=ActorType.REMOTE,
        actor_id=key.prefix,
        clinic_id=key.clinic_id,
        object_type=OBJECT,
        object_id=str(key.pk),
        fields=[scope.value.replace(":", ".")] if scope else [],
        outcome=Outcome.DENIED,
        reason_code=code,
    )
