"""The two steps of a sign-in, for every page that has one: the password, then the code. Both count as tries."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from config.addresses import address_of
from consent.access import devices, lockout, notes, sessions
from consent.models import User


class Way(Enum):
    """How a step ended."""

    WRONG = auto()
    LOCKED = auto()
    CODE = auto()  # the password was right, the code comes next
    ENROL = auto()  # the password was right; this person has no second factor yet and must have one
    IN = auto()


@dataclass(frozen=True)
class Step:
    way: Way
    user: User | None = None
    locked_until: datetime | None = None
    device: str = ""


@sensitive_variables("password")
def password_step(request: HttpRequest, account: str, password: str) -> Step:
    """Look at account and password. The same answer, after the same work, whether or not the account exists."""
    address, now = address_of(request.META), timezone.now()
    locked = lockout.take_try(account, address, now)
    if locked:
        notes.refused(account, "locked")
        return Step(Way.LOCKED, locked_until=locked)
    user = authenticate(request, username=account, password=password)
    if not isinstance(user, User):
        notes.refused(account, "wrong_password")
        return Step(Way.WRONG)
    if devices.is_enrolled(user):
        return Step(Way.CODE, user)
    if user.must_have_second_factor:
        return Step(Way.ENROL, user)
    lockout.forgive(account, address, now)
    return Step(Way.IN, user)


@sensitive_variables("code")
def code_step(request: HttpRequest, user: User, code: str) -> Step:
    """Look at the code of somebody whose password was right."""
    address, now = address_of(request.META), timezone.now()
    locked = lockout.take_try(user.email, address, now)
    if locked:
        notes.refused(user.email, "locked")
        return Step(Way.LOCKED, locked_until=locked)
    device = devices.verify(user, code)
    if not device:
        notes.refused(user.email, "wrong_code")
        return Step(Way.WRONG)
    lockout.forgive(user.email, address, now)
    return Step(Way.IN, user, device=device)


def complete(request: HttpRequest, user: User, *, device: str = "") -> None:
    """Open the session. A superuser's sign-in stands in the trail as such: superusers are for emergencies."""
    sessions.begin(request, user, device=device)
    notes.done("login", user, reason="superuser" if user.is_superuser else "", fields=factors(device))


def factors(device: str) -> list[str]:
    return ["password", "second_factor"] if device else ["password"]


@sensitive_variables("secret")
def check_again(request: HttpRequest, user: User, secret: str, *, takes_code: bool = True) -> Step:
    """The re-check: the code where there is a second factor, or the password; tries count as at the sign-in."""
    address, now = address_of(request.META), timezone.now()
    locked = lockout.take_try(user.email, address, now)
    if locked:
        notes.done("recheck", user, reason="locked", outcome="denied")
        return Step(Way.LOCKED, locked_until=locked)
    is_code = takes_code and devices.tidy(secret).isdecimal() and len(devices.tidy(secret)) == 6
    right = bool(devices.verify(user, secret)) if is_code else user.check_password(secret)
    if not right:
        notes.done("recheck", user, reason="wrong_code" if is_code else "wrong_password", outcome="failed")
        return Step(Way.WRONG)
    lockout.forgive(user.email, address, now)
    sessions.note_check(request.session)
    notes.done("recheck", user)
    return Step(Way.IN, user)
