"""What a session knows: whose it is, since when, last seen, whether a second factor opened it, when last re-checked.

All of it stands in the database; the cookie is a number. A person whose password was right and whose code is still
missing is not signed in: the session only remembers who has to go on, for ten minutes.
"""

from datetime import timedelta
from time import time
from typing import cast

from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django_otp import DEVICE_ID_SESSION_KEY

from consent.access import notes
from consent.models import User

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
RECHECK = timedelta(minutes=10)
PENDING = timedelta(minutes=10)
NOTED_EVERY_S = 60

BEGAN, SEEN, CHECKED, WAITING, EXCEPTIONAL = (
    "access.began", "access.seen", "access.checked", "access.pending", "access.exceptional_until",
)  # fmt: skip
END_REASON = "ponte.sign_out_reason"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def begin(request: HttpRequest, user: User, *, device: str = "") -> None:
    """Sign the person in. `device` names the second factor that was shown, empty where none is needed."""
    request.session.pop(WAITING, None)
    auth.login(request, user, backend=BACKEND)
    now = int(time())
    request.session.update({BEGAN: now, SEEN: now, CHECKED: now})
    if device:
        request.session[DEVICE_ID_SESSION_KEY] = device


def is_verified(session: SessionBase) -> bool:
    return DEVICE_ID_SESSION_KEY in session


def is_over(session: SessionBase) -> bool:
    """Whether nobody used it for half an hour, or it has lasted its twelve."""
    now = time()
    began, seen = float(session.get(BEGAN, now)), float(session.get(SEEN, now))
    return now - began > LONGEST.total_seconds() or now - seen > IDLE.total_seconds()


def note_use(session: SessionBase) -> None:
    """Somebody is there. Written once a minute, not at every page."""
    now = int(time())
    session.setdefault(BEGAN, now)
    if now - session.get(SEEN, 0) >= NOTED_EVERY_S:
        session[SEEN] = now


def end(request: HttpRequest, *, reason: str) -> None:
    request.META[END_REASON] = reason
    auth.logout(request)


def note_end(request: HttpRequest, user: User | None, **_: object) -> None:
    """Told by Django whenever a session ends, by its own pages too."""
    if user is not None:
        notes.done("logout", user, reason=request.META.get(END_REASON, ""))


# The way from the password to the code --------------------------------------------------------------------------------


def wait_for_code(request: HttpRequest, user: User) -> None:
    """The password was right. Whoever was signed in before is not any more."""
    end(request, reason="second_factor_missing")
    request.session[WAITING] = {"user": user.pk, "hash": user.get_session_auth_hash(), "at": int(time())}


def waiting(request: HttpRequest) -> User | None:
    """Who has typed the right password and not yet a code, if that was a moment ago and nothing changed since."""
    held = request.session.get(WAITING)
    if not isinstance(held, dict) or time() - held.get("at", 0) > PENDING.total_seconds():
        return None
    user = User.objects.filter(pk=int(held.get("user", 0)), is_active=True).first()
    if user is None or not constant_time_compare(held.get("hash", ""), user.get_session_auth_hash()):
        return None
    return user


# Re-check -------------------------------------------------------------------------------------------------------------


def note_check(session: SessionBase) -> None:
    session[CHECKED] = int(time())


def is_fresh(session: SessionBase) -> bool:
    """Whether the person proved within ten minutes who they are."""
    age = time() - cast(int, session.get(CHECKED, 0))
    return age <= RECHECK.total_seconds()
