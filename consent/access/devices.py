"""The second factor: an authenticator app and ten recovery codes. Its loss is mended by a command, never by a page."""

import base64
import secrets
import uuid
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import segno
from django.db import transaction

from consent.access import elsewhere, notes
from consent.models import RecoveryCodes, TotpDevice, User

KEY_BYTES = 20  # as RFC 4226 asks for
CODES = 10
# Without characters that look alike: people type it.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
PARTS, PART = 3, 4
ISSUER = "Ponte"


@dataclass(frozen=True)
class Enrolment:
    """What the person's app needs: a picture, or the same as text to type."""

    svg: str
    text: str


def is_enrolled(user: User) -> bool:
    return bool(TotpDevice.objects.filter(user=user, confirmed=True).exists())


def codes_left(user: User) -> int:
    row = RecoveryCodes.objects.filter(user=user).first()
    return len(row.digests) if row else 0


def enrolment(user: User) -> Enrolment:
    """The key to enrol with; the same until it is confirmed, so that a page that is loaded twice shows one picture."""
    with transaction.atomic():
        device = TotpDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None:
            device = TotpDevice(user=user, confirmed=False, name="app")
            device.keep(secrets.token_bytes(KEY_BYTES))
            device.save()
    text = base64.b32encode(device.key()).decode()
    query = urlencode({"secret": text, "issuer": ISSUER, "digits": 6, "period": 30})
    address = f"otpauth://totp/{quote(f'{ISSUER}:{user.email}')}?{query}"
    svg = segno.make(address, error="m").svg_inline(scale=4, border=2, dark="#000", light="#fff", omitsize=True)
    return Enrolment(svg, " ".join(text[at : at + 4] for at in range(0, len(text), 4)))


def confirm(user: User, code: str) -> list[str]:
    """The first code of the app: from now on it is asked for. Returns the recovery codes; empty when the code is wrong.

    Every other sign-in of this person ends.
    """
    with transaction.atomic():
        device = TotpDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token(tidy(code)):
            return []
        TotpDevice.objects.filter(user=user, confirmed=True).delete()
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        notes.done("device.enrol", user)
        made = new_codes(user)
        end_sign_ins(user)
    return made


def new_codes(user: User) -> list[str]:
    """Ten new recovery codes, to be shown once; the ones before open nothing any more."""
    codes = [one_code() for _number in range(CODES)]
    row = RecoveryCodes.objects.filter(user=user).first() or RecoveryCodes(user=user, name="paper")
    row.keep([tidy(code) for code in codes])
    row.throttle_reset(commit=False)
    row.save()
    notes.done("device.codes", user)
    return codes


def one_code() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _letter in range(PART)) for _part in range(PARTS))


def verify(user: User, code: str) -> str:
    """The persistent id of the device that the code opens; empty when it opens none. A code opens once."""
    code = tidy(code)
    kind = TotpDevice if code.isdecimal() and len(code) == 6 else RecoveryCodes
    with transaction.atomic():
        device = kind.objects.select_for_update().filter(user=user, confirmed=True).first()
        if device is None or not device.verify_token(code):
            return ""
        if isinstance(device, RecoveryCodes):
            notes.done("device.code_used", user)
    return str(device.persistent_id)


def remove(user: User, *, by_command: bool = False) -> None:
    """Take the second factor away; at the next sign-in whoever must have one is led to enrolment. Sign-ins end."""
    with transaction.atomic():
        TotpDevice.objects.filter(user=user).delete()
        RecoveryCodes.objects.filter(user=user).delete()
        if by_command:
            notes.by_command("device.reset", user, reason="emergency")
        else:
            notes.done("device.remove", user)
        end_sign_ins(user)


def end_sign_ins(user: User) -> None:
    """Every session of the account, every invitation, every sign-in of the panel."""
    user.access_stamp = uuid.uuid4()
    user.save(update_fields=["access_stamp"])
    elsewhere.end_sign_ins(user)


def tidy(code: str) -> str:
    """As people copy it: blanks and dashes do not count."""
    return "".join(code.split()).replace("-", "").lower()[:64]
