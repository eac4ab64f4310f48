"""`python manage.py explain --conversation ID`: the whole story of one conversation, as screen B1 tells it."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.models import Connection
from bridge.queries import addresses, search
from bridge.queries.story import Story, stories_of_conversation
from config.times import clock
from consent.encryption import Actor


class Command(BaseCommand):
    help = "Tell what became of one conversation: what arrived, what was decided, what Krayin holds. Masks only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--conversation", type=int, required=True, metavar="ID", help="its number in Chatwoot")
        parser.add_argument("--connection", type=int, metavar="N", help="only this connection")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        number: int = options["conversation"]
        stories = find(number, options["connection"])
        if not stories:
            raise CommandError(
                _(
                    "Conversation %(n)s is unknown here: nothing of it arrived. Check the number, and that its inbox "
                    "belongs to a connection."
                )
                % {"n": number}
            )
        if options["json"]:
            told = {"conversation": number, "stories": [as_data(story) for story in stories]}
            self.stdout.write(json.dumps(told, ensure_ascii=False, cls=DjangoJSONEncoder))
        else:
            self.stdout.write("\n\n".join("\n".join(as_text(story)) for story in stories))


def find(number: int, connection_id: int | None) -> list[Story]:
    """The stories of the conversation, and the audit row that somebody asked. Raises CommandError."""
    connections = Connection.objects.all()
    if connection_id is not None:
        connections = connections.filter(pk=connection_id)
        if not connections.exists():
            raise CommandError(_("There is no connection %(n)s.") % {"n": connection_id})
    if not 0 < number <= search.MAX_NUMBER:
        return []
    stories = stories_of_conversation(number, connections, now=timezone.now())
    contacts = [story.known.contact for story in stories if story.known.contact]
    unread = [story.known.connection for story in stories if not story.known.contact]
    search.record(search.Found(search.Asked(conversation=number), contacts, unread), Actor.system("explain"))
    return stories


def as_data(story: Story) -> dict[str, Any]:
    """One story for programs: times in UTC, codes, numbers, the mask."""
    known = story.known
    return {
        "connection": {"id": known.connection.pk, "name": known.connection.name},
        "contact": known.contact and {"id": known.contact.chatwoot_contact_id, "mask": known.contact.mask},
        "status": {"state": story.status.word.value, "code": story.status.code, "text": story.status.sentence},
        "messages": known.message_count,
        "objects": [
            {"kind": row.kind, "id": row.foreign_id, "ref": row.ref, "gone_at": row.gone_at} for row in known.objects
        ],
        "is_cut": known.is_cut,
        "lines": [
            {
                "at": line.at,
                "system": line.system.value,
                "kind": line.kind,
                "state": line.word.value if line.word else None,
                "text": line.text,
                "cause": line.cause or None,
                "facts": dict(line.facts),
            }
            for line in story.entries
        ],
    }


def as_text(story: Story) -> Iterator[str]:
    """One story for people, the oldest line first, in the clinic's time."""
    known, now = story.known, timezone.now()
    contact = known.contact
    yield _("Conversation %(n)s · %(connection)s") % {"n": known.number, "connection": known.connection.name}
    if contact:
        values = {"mask": contact.mask or "—", "n": contact.chatwoot_contact_id}
        yield _("Contact: %(mask)s (number %(n)s)") % values
    yield f"[{story.status.word.label}] {story.status.sentence}"
    if known.number is not None:
        yield f"Chatwoot: {addresses.chatwoot_conversation(known.connection, known.number)}"
    for row in known.told:
        lead = known.lead_of(row)
        if lead and not lead.gone_at:
            yield f"Krayin: {addresses.krayin_lead(known.connection, lead.foreign_id)}"
    yield ""
    if known.is_cut:
        yield _("Only the most recent part is shown.")
    for line in story.entries:
        state = f" [{line.word.label}]" if line.word else ""
        cause = f" — {line.cause_text}" if line.cause else ""
        yield f"{clock(line.at, known.zone, now)}  {line.system.label:<8}  {line.text}{state}{cause}"
