"""Wrong tries lock: an account from one address after five, longer with each further one.

Behind the pair, wider limits stop who tries one account from many addresses, or many accounts from one. A try counts
before it is looked at, so that a hundred at the same moment are not a hundred tries. Nothing tells whether an account
exists: what is counted is the digest of what was typed.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from consent.encryption import blind
from consent.models import SignInTries
from consent.models.staff import account_email

Kind = SignInTries.Kind
LIMITS = {Kind.PAIR: 5, Kind.ACCOUNT: 20, Kind.ADDRESS: 50}
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=12)
FORGOTTEN_AFTER = timedelta(hours=24)
KEPT = timedelta(days=2)


def take_try(account: str, address: str, now: datetime) -> datetime | None:
    """Count one try and return None, or return until when this account or address is locked: then nothing is looked at."""
    keys = digests(account, address)
    with transaction.atomic():
        SignInTries.objects.bulk_create(rows_for(keys), ignore_conflicts=True)
        # Always in the same order: two tries never wait for each other.
        rows = list(SignInTries.objects.filter(digest__in=keys.values()).order_by("digest").select_for_update())
        locked = [row.locked_until for row in rows if row.locked_until and row.locked_until > now]
        if locked:
            return max(locked)
        for row in rows:
            count_one(row, now)
        SignInTries.objects.bulk_update(rows, ["count", "last_at", "locked_until"])
    return None


def rows_for(keys: dict[Kind, bytes]) -> list[SignInTries]:
    return [
        SignInTries(kind=kind, digest=digest, account=None if kind == Kind.ADDRESS else keys[Kind.ACCOUNT])
        for digest, kind in sorted((digest, kind) for kind, digest in keys.items())
    ]


def count_one(row: SignInTries, now: datetime) -> None:
    is_old = row.last_at is None or row.last_at < now - FORGOTTEN_AFTER
    row.count, row.last_at = 1 if is_old else row.count + 1, now
    beyond = row.count - LIMITS[Kind(row.kind)]
    if beyond >= 0:
        row.locked_until = now + min(FIRST_LOCK * 2 ** min(beyond, 16), LONGEST_LOCK)


def forgive(account: str, address: str, now: datetime) -> None:
    """It was the right person after all: the account's wrong tries are forgotten, the address has one less."""
    keys = digests(account, address)
    own = [keys[Kind.PAIR], keys[Kind.ACCOUNT]]
    SignInTries.objects.filter(digest__in=own).update(count=0, locked_until=None)
    here = SignInTries.objects.filter(digest=keys[Kind.ADDRESS], count__gt=0)
    here.update(count=F("count") - 1)
    here.filter(count__lt=LIMITS[Kind.ADDRESS]).update(locked_until=None)
    SignInTries.objects.filter(last_at__lt=now - KEPT).delete()


def unlock(account: str) -> None:
    """Whoever runs the server lets an account try again, from every address that is not locked itself."""
    SignInTries.objects.filter(account=blind("access", f"account|{account_email(account)}")).delete()


def digests(account: str, address: str) -> dict[Kind, bytes]:
    account = account_email(account)
    return {
        Kind.PAIR: blind("access", f"pair|{account}|{address}"),
        Kind.ACCOUNT: blind("access", f"account|{account}"),
        Kind.ADDRESS: blind("access", f"address|{address}"),
    }


def minutes_left(until: datetime, now: datetime) -> int:
    return max(1, -int((now - until).total_seconds() // 60))
