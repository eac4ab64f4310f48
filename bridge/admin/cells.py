"""Pieces of HTML that all screens share: states, times, numbers, links, waiting lines."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.templatetags.static import static
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from bridge.models import Connection
from bridge.queries.words import Word
from config.times import ago, clock

NOTHING = "—"


def icon(name: str) -> SafeString:
    """An icon of our own sheet; it always stands beside a word, so it is hidden from screen readers."""
    return format_html(
        '<svg class="ponte-icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("ponte/icons.svg"),
        name,
    )


def badge(word: Word, text: str | Promise | None = None) -> SafeString:
    """State as word, icon and colour; another text may say it more exactly, the icon stays that of the word."""
    return format_html(
        '<span class="ponte-state ponte-state--{}">{}<span>{}</span></span>',
        word.value,
        icon(word.value),
        text or word.label,
    )


def since(when: datetime | None, zone: ZoneInfo, now: datetime | None = None) -> SafeString:
    """`há 14 min`, with the full time on hover, focus or tap."""
    if when is None:
        return format_html("<span>{}</span>", NOTHING)
    now = now or timezone.now()
    return format_html(
        '<time class="ponte-time" datetime="{}" title="{}" tabindex="0">{}</time>',
        when.isoformat(timespec="seconds"),
        clock(when, zone, now),
        ago(when, now),
    )


def zone_of(connection: Connection) -> ZoneInfo:
    return ZoneInfo(connection.clinic.time_zone)


def number(value: int | None) -> SafeString:
    """A short id that can be copied as it stands: without thousands separators."""
    return format_html('<span class="ponte-id">{}</span>', NOTHING if value is None else str(value))


def out(address: str, text: str) -> SafeString:
    """A link to a partner's own screen, in another tab; the partner does not learn which page it came from."""
    return format_html(
        '<a class="ponte-out" href="{}" target="_blank" rel="noopener noreferrer">{}{}</a>',
        address,
        text,
        icon("out"),
    )


def link(address: str, text: str) -> SafeString:
    return format_html('<a class="ponte-link" href="{}">{}</a>', address, text)


def yes_no(value: bool) -> SafeString:
    return badge(Word.DONE, _("yes")) if value else badge(Word.IGNORED, _("no"))
