"""Which text is in force, and showing it: every showing is a row before any answer can refer to it (lgpd 4, 6)."""

from collections.abc import Mapping
from datetime import datetime

from consent.models.staff import Clinic
from consent.models.subjects import DataSubject
from consent.models.texts import PORTUGUESE, ServedText, TextKind, TextVersion, digest
from consent.policy import POLICY_PURPOSES
from consent.texts.values import fill


class NoTextInForce(Exception):
    """The clinic's DPO has approved no text of this kind, or none that has begun: nothing may be asked or answered."""

    def __init__(self, kind: str, purpose: str = "", language: str = PORTUGUESE) -> None:
        super().__init__(f"no text in force: {' '.join(part for part in (kind, purpose, language) if part)}")
        self.kind, self.purpose, self.language = kind, purpose, language


class ServingRefused(Exception):
    """This version may not be shown to this person now: it is not in force, or the person is another clinic's."""


def text_in_force(
    clinic: Clinic, kind: str, *, purpose: str = "", language: str = PORTUGUESE, now: datetime
) -> TextVersion:
    """The version people are shown at `now`. Raises NoTextInForce; ValueError for a kind or purpose nobody knows."""
    checked_kind(kind, purpose)
    found = TextVersion.objects.of_kind(clinic, kind, purpose, language).in_force(now).order_by("-valid_from").first()
    if found is None:
        raise NoTextInForce(kind, purpose, language)
    return found


def texts_in_force(clinic: Clinic, *, language: str = PORTUGUESE, now: datetime) -> dict[tuple[str, str], TextVersion]:
    """All texts in force of a clinic by (kind, purpose), in one query."""
    rows = TextVersion.objects.filter(clinic=clinic, language=language).in_force(now).order_by("valid_from")
    return {(row.kind, row.purpose): row for row in rows}


def checked_kind(kind: str, purpose: str = "") -> None:
    if kind not in TextKind.values:
        raise ValueError(f"unknown kind of text: {kind}")
    if (kind == TextKind.CONSENT) != bool(purpose) or (purpose and purpose not in POLICY_PURPOSES):
        raise ValueError("consent texts, and only they, belong to a known purpose")


def refusal_kind(code: str) -> TextKind:
    """The text of a coded refusal (lgpd 5.4: LEGAL_RETENTION, HOLD, ...). Raises ValueError for an unknown code."""
    return TextKind(f"refusal_{code.lower()}")


def serve(
    text: TextVersion,
    subject: DataSubject,
    *,
    channel: str,
    now: datetime,
    values: Mapping[str, str] | None = None,
    reference: str = "",
) -> ServedText:
    """Record that the person is shown this version, and return the row with `shown`, the exact words.

    Show nothing before this has returned. values fill the open places (`consent.texts.values.OPEN_VALUES`); reference
    is the id of the message, effect or form that carries it. Raises ServingRefused, ValuesMissing.
    """
    if not text.is_in_force(now):
        raise ServingRefused("the version is not in force")
    if text.clinic_id != subject.clinic_id:
        raise ServingRefused("the text is another clinic's")
    shown = fill(text.shown, values)
    served = ServedText(
        version=text,
        subject=subject,
        channel=ServedText.Channel(channel),
        reference=reference,
        sha256=digest(shown),
        served_at=now,
    )
    served.save(force_insert=True)
    served.shown = shown
    return served
