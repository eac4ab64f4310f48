"""Screen A6: what leaves the chat, where it goes, who reads it there, and what a day of it costs in calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.clients.shapes import Conversation
from bridge.models import Connection, ConversationDay, ObservedConversation, ObservedMessage, Setup

Preset = Connection.Preset
DAY = timedelta(hours=24)
# Calls of Krayin, counted in the sandbox: look-up, person and lead of a new contact; a note; a move of the stage.
CALLS_NEW_PERSON, CALLS_NOTE, CALLS_STAGE = 3, 1, 1
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class Category:
    """One line of the table of categories; `is_sent` under the chosen settings."""

    name: str | Promise
    goes_to: str | Promise
    readers: str | Promise
    base: str | Promise
    kept: str | Promise
    is_sent: bool
    calls: int | None


@dataclass(frozen=True)
class LastDay:
    """What an ordinary day holds: the last 24 hours, from Chatwoot's list or from what was stored."""

    conversations: int = 0
    contacts: int = 0
    replied: int = 0
    resolved: int = 0
    messages: int | None = None
    at: datetime | None = None

    @property
    def is_known(self) -> bool:
        return self.at is not None


@dataclass(frozen=True)
class Effects:
    """What the last 24 hours would have written under some settings, at most."""

    persons: int
    leads: int
    notes: int
    moves: int

    @property
    def calls(self) -> int:
        return self.persons * CALLS_NEW_PERSON + self.notes * CALLS_NOTE + self.moves * CALLS_STAGE


@dataclass(frozen=True)
class Choice:
    """The settings that decide how much is written."""

    preset: str
    message_text: str
    all_inboxes: bool
    inbox_ids: frozenset[int]
    rules: frozenset[str]
    organization: bool = False

    def takes(self, inbox_id: int) -> bool:
        return self.all_inboxes or inbox_id in self.inbox_ids

    @property
    def has_notes(self) -> bool:
        return self.preset != Preset.CONTACTS

    @property
    def has_text(self) -> bool:
        return self.preset == Preset.TEXT and self.message_text != Connection.MessageText.OFF

    @property
    def has_note_each(self) -> bool:
        return self.has_text and self.message_text == Connection.MessageText.EACH


RULES = {
    "created": "stage_on_conversation_created",
    "replied": "stage_on_first_response",
    "resolved": "stage_on_conversation_resolved",
}


def choice_of(connection: Connection) -> Choice:
    """The settings in force."""
    rules = [
        name for name, field in RULES.items() if connection.stage_progression_enabled and getattr(connection, field)
    ]
    return Choice(
        connection.preset, connection.message_text, connection.all_inboxes, frozenset(connection.inbox_ids),
        frozenset(rules), connection.sync_to_organization,
    )  # fmt: skip


def choice_from(data: Mapping[str, Any]) -> Choice:
    """The settings in a form's cleaned data."""
    is_moving = bool(data.get("stage_progression_enabled"))
    return Choice(
        str(data.get("preset") or Preset.SUMMARY), str(data.get("message_text") or ""), bool(data.get("all_inboxes")),
        frozenset(data.get("inbox_ids") or ()),
        frozenset(name for name, field in RULES.items() if is_moving and data.get(field)),
        bool(data.get("sync_to_organization")),
    )  # fmt: skip


# Counting a day -------------------------------------------------------------------------------------------------------


def counted(conversations: Iterable[Conversation]) -> dict[str, dict[str, int]]:
    """Chatwoot's list of 24 hours as counts per inbox; nothing else of it is kept."""
    per_inbox: dict[str, dict[str, Any]] = {}
    for each in conversations:
        row = per_inbox.setdefault(
            str(each.inbox_id), {"conversations": 0, "people": set(), "replied": 0, "resolved": 0}
        )
        row["conversations"] += 1
        row["people"].add(each.contact_id)
        row["replied"] += each.first_reply_created_at is not None
        row["resolved"] += each.status == ObservedConversation.Status.RESOLVED
    return {
        number: {**{k: v for k, v in row.items() if k != "people"}, "contacts": len(row["people"])}
        for number, row in per_inbox.items()
    }


def keep_last_day(setup: Setup, conversations: Iterable[Conversation]) -> None:
    setup.last_day = {"at": timezone.now().isoformat(timespec="seconds"), "inboxes": counted(conversations)}
    setup.save(update_fields=["last_day", "updated_at"])


def last_day(setup: Setup, choice: Choice, *, now: datetime) -> LastDay:
    """From Chatwoot's own count where somebody asked for it in the last day, else from what was stored here."""
    told = setup.last_day
    at = datetime.fromisoformat(told["at"]) if told.get("at") else None
    if at is None or now - at > DAY:
        return observed_day(setup.connection, choice, now=now) if setup.connection else LastDay()
    rows = [row for number, row in told["inboxes"].items() if choice.takes(int(number))]
    total = {key: sum(row[key] for row in rows) for key in ("conversations", "contacts", "replied", "resolved")}
    return LastDay(**total, at=at)


def observed_day(connection: Connection, choice: Choice, *, now: datetime) -> LastDay:
    """From what was stored: only the inboxes received so far are known."""
    since = now - DAY
    rows = ObservedConversation.objects.filter(connection=connection, last_activity_at__gte=since)
    if not choice.all_inboxes:
        rows = rows.filter(inbox_id__in=choice.inbox_ids)
    found = rows.aggregate(
        conversations=Count("pk"), contacts=Count("contact", distinct=True),
        replied=Count("pk", filter=Q(first_reply_at__gte=since)), resolved=Count("pk", filter=Q(resolved_at__gte=since)),
    )  # fmt: skip
    if not found["conversations"]:
        return LastDay()
    messages = ObservedMessage.objects.filter(connection=connection, conversation__in=rows, sent_at__gte=since).count()
    return LastDay(**found, messages=messages, at=now)


def effects_of(day: LastDay, choice: Choice) -> Effects:
    """At most: whoever exists already is not made again."""
    moves = sum(
        {"created": day.conversations, "replied": day.replied, "resolved": day.resolved}[name] for name in choice.rules
    )
    notes = (
        day.messages if choice.has_note_each and day.messages is not None else day.conversations
    ) * choice.has_notes
    return Effects(persons=day.contacts, leads=day.contacts, notes=notes, moves=moves)


def share_of_budget(calls: int, per_minute: int) -> float:
    """Percent of what Krayin would allow in 24 hours."""
    return 100 * calls / max(per_minute * MINUTES_A_DAY, 1)


# The table of categories ----------------------------------------------------------------------------------------------

READERS = gettext_lazy("Whoever may see persons and opportunities in Krayin")
BASE = gettext_lazy("Art. 11, II, f: protection of health, by health professionals and services")
KEPT = gettext_lazy("In Krayin, until it is erased there; here, per the clinic's retention")
NOTHING = gettext_lazy("not sent")


def categories(choice: Choice, effects: Effects | None) -> Sequence[Category]:
    """What is sent and what is not, under the chosen settings."""
    persons = effects.persons * CALLS_NEW_PERSON if effects else None
    return [
        Category(_("Name, phone, e-mail"), _("Person in Krayin"), READERS, BASE, KEPT, True, persons),
        Category(
            _("Opportunity: title, inbox, stage"), _("Opportunity in Krayin"), READERS, BASE, KEPT, True,
            effects.moves * CALLS_STAGE if effects else None,
        ),
        Category(
            _("Summary: number, inbox, times, state, link"), _("Note of the opportunity"), READERS, BASE, KEPT,
            choice.has_notes, effects.notes * CALLS_NOTE if effects and choice.has_notes else None,
        ),
        Category(
            _("Text of the messages (may reveal health)"), _("Note of the opportunity"), READERS, BASE, KEPT,
            choice.has_text, 0 if effects and choice.has_text else None,
        ),
        Category(_("Company"), _("Organisation in Krayin"), READERS, BASE, KEPT, choice.organization, None),
        Category(
            _("Attachments: names of types only"), _("Note of the opportunity"), READERS, BASE, KEPT, choice.has_text, None
        ),
        Category(_("Private notes of the team"), NOTHING, "—", "—", _("never stored here"), False, None),
    ]  # fmt: skip


def waiting_days(connection: Connection) -> int:
    """Days of conversations whose note is still to be written."""
    return ConversationDay.objects.filter(conversation__connection=connection, version__gt=F("written")).count()
