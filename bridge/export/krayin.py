"""Krayin's own records of a person: person, opportunities, activities, e-mails (contract 6, 8, 9, 20.9)."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from bridge.clients.base import Priority
from bridge.clients.copies import CrmMail, WholeActivity
from bridge.clients.krayin import MAX_IDS, KrayinClient
from bridge.clients.shapes import Lead, Person
from bridge.errors import PartnerGone, PartnerMisconfigured
from bridge.export.asking import asked
from bridge.export.ponte import contacts_of
from bridge.models import Connection, ContactMapping, ObservedContact, SyncedObject
from bridge.sync.partners import krayin_client
from consent.export.sources import Item, LeftOut, Reading, Record, Source
from consent.models import DataSubject

MOST_LEADS = 500
BELOW = Priority.BACKGROUND
PERSON, LEAD = "person:", "lead:"
TAG = re.compile(r"<[^<>]{0,500}>")
BREAK = re.compile(r"(?i)<br\s*/?>|</p>|</div>|</li>")


class KrayinRecords:
    """One Krayin. A person who is somebody else's contact too is told of their own opportunities only."""

    def __init__(self, connection: Connection, contacts: Sequence[ObservedContact]) -> None:
        self._connection, self._contacts = connection, list(contacts)
        self.name = f"krayin.{connection.krayin_id}"
        self.title = f"Krayin · {connection.name}"

    @cached_property
    def _client(self) -> KrayinClient:
        return krayin_client(self._connection)[0]

    def version(self) -> str:
        return ""

    def units(self, reading: Reading) -> Sequence[str]:
        with asked():
            leads = set(self._own_leads)
            for person_id in self._whole_people:
                leads.update(
                    lead.id for lead in self._client.leads_of_person(person_id, limit=MOST_LEADS, priority=BELOW)
                )
        return [*(f"{PERSON}{one}" for one in self._people), *(f"{LEAD}{one}" for one in sorted(leads))]

    def read(self, reading: Reading, unit: str) -> Iterator[Item]:
        with asked():
            try:
                if unit.startswith(PERSON):
                    yield from self._person(int(unit.removeprefix(PERSON)))
                else:
                    yield from self._lead(int(unit.removeprefix(LEAD)))
            except PartnerGone:
                return

    def counts(self, reading: Reading) -> Mapping[str, int]:
        """Opportunities of people who are only this person's, as Krayin lists them now."""
        with asked():
            if set(self._people) != set(self._whole_people):
                return {}
            found = {
                lead.id
                for one in self._people
                for lead in self._client.leads_of_person(one, limit=MOST_LEADS, priority=BELOW)
            }
            found |= {lead.id for lead in self._existing(self._own_leads - found)}
        return {"leads": len(found)}

    @property
    def has_anything(self) -> bool:
        """Whether Ponte knows of anything there; else Krayin is not asked."""
        return bool(self._people or self._own_leads)

    # Whose ------------------------------------------------------------------------------------------------------------

    @cached_property
    def _mappings(self) -> list[ContactMapping]:
        return [
            mapping
            for contact in self._contacts
            for mapping in ContactMapping.objects.filter(
                connection=contact.connection_id, chatwoot_contact_id=contact.chatwoot_contact_id
            )
        ]

    @cached_property
    def _people(self) -> list[int]:
        return sorted({one.krayin_person_id for one in self._mappings if one.krayin_person_id})

    @cached_property
    def _whole_people(self) -> list[int]:
        """Those that no contact of somebody else is linked to (families, DESIGN section 5)."""
        mine = {(one.connection_id, one.chatwoot_contact_id) for one in self._mappings}
        linked = ContactMapping.objects.filter(
            connection__krayin=self._connection.krayin_id, krayin_person_id__in=self._people
        )
        shared = {one.krayin_person_id for one in linked if (one.connection_id, one.chatwoot_contact_id) not in mine}
        return [one for one in self._people if one not in shared]

    @cached_property
    def _own_leads(self) -> set[int]:
        lanes = [(row.connection_id, f"c:{row.chatwoot_contact_id}") for row in self._contacts]
        known = {one.krayin_lead_id for one in self._mappings if one.krayin_lead_id}
        for connection_id, lane in lanes:
            rows = SyncedObject.objects.filter(connection=connection_id, lane_key=lane, kind="lead")
            known.update(one for one in rows.values_list("foreign_id", flat=True) if one)
        return known

    def _existing(self, ids: set[int]) -> list[Lead]:
        listed, found = sorted(ids), list[Lead]()
        for begin in range(0, len(listed), MAX_IDS):
            found += self._client.leads_by_ids(listed[begin : begin + MAX_IDS], priority=BELOW)
        return found

    # Reading ----------------------------------------------------------------------------------------------------------

    def _person(self, person_id: int) -> Iterator[Item]:
        for person in self._client.persons_by_ids([person_id], priority=BELOW):
            yield from self._told(person)
        yield LeftOut("quotes", "IMPOSSIBLE")
        yield LeftOut("custom_attributes", "IMPOSSIBLE")
        if person_id in self._whole_people:
            yield from self._activities(self._client.activities_of(person_id=person_id), [person_id])
            yield from self._mails(person_id=person_id)

    def _told(self, person: Person) -> Iterator[Item]:
        yield Record(
            "person",
            {
                "system": self.title,
                "name": person.name,
                "job_title": person.job_title,
                "last_activity": person.updated_at,
            },
        )
        if person.id not in self._whole_people:
            # Its telephones and addresses may be the other person's.
            return
        for kind, entries in (("email", person.emails), ("phone", person.phones)):
            for one in entries:
                yield Record("contacts", {"system": self.title, "kind": kind, "value": one.value})

    def _lead(self, lead_id: int) -> Iterator[Item]:
        for lead in self._client.leads_by_ids([lead_id], priority=BELOW):
            yield self._opportunity(lead)
            people = [lead.person_id] if lead.person_id else []
            yield from self._activities(self._client.activities_of(lead_id=lead_id), people)
            yield from self._mails(lead_id=lead_id)

    def _opportunity(self, lead: Lead) -> Record:
        pipeline: Mapping[str, Any] = next((p for p in self._connection.pipelines if p["id"] == lead.pipeline_id), {})
        stage: Mapping[str, Any] = next((s for s in pipeline.get("stages", ()) if s["id"] == lead.stage_id), {})
        return Record(
            "leads",
            {
                "system": self.title,
                "id": lead.id,
                "title": lead.title,
                "description": lead.description,
                "pipeline": pipeline.get("name"),
                "stage": stage.get("name"),
                "value": f"{lead.value:.2f}" if lead.value is not None else None,
                "lost_reason": lead.lost_reason,
                "expected_close_date": lead.expected_close_date,
                "created_at": lead.created_at,
                "updated_at": lead.updated_at,
                "closed_at": lead.closed_at,
            },
        )

    def _activities(self, found: Sequence[WholeActivity], people: Sequence[int]) -> Iterator[Item]:
        others = 0
        for one in sorted(found, key=lambda activity: activity.id):
            others += sum(1 for person_id in one.people if person_id not in people)
            yield Record(
                "activities",
                {
                    "system": self.title,
                    "id": one.id,
                    "type": one.type,
                    "title": one.title,
                    "text": plain_text(one.comment),
                    "begins_at": one.begins_at,
                    "ends_at": one.ends_at,
                    "location": one.location,
                    "files": [name for name in one.files if name],
                    "done": one.is_done,
                    "created_at": one.created_at,
                    "updated_at": one.updated_at,
                },
            )
        if others:
            yield LeftOut("third_person_participant", "THIRD_PARTY", others)

    def _mails(self, *, lead_id: int | None = None, person_id: int | None = None) -> Iterator[Item]:
        """Not every package has this address; then they are told as left out."""
        try:
            found = self._client.mails_of(lead_id=lead_id, person_id=person_id)
        except PartnerMisconfigured:
            yield LeftOut("emails", "IMPOSSIBLE")
            return
        for one in sorted(found, key=lambda mail: mail.id):
            yield self._mail(one)

    def _mail(self, mail: CrmMail) -> Record:
        text = "\n".join(plain_text(one) or "" for _key, one in sorted(mail.texts.items()))
        about = {"id": mail.id, "subject": mail.subject, "text": text, "created_at": mail.created_at}
        return Record("emails", {"system": self.title, **about})


def sources(subject: DataSubject) -> list[Source]:
    """One for each Krayin; the first connection to it gives the access."""
    by_krayin: dict[int, list[ObservedContact]] = {}
    for row in contacts_of(subject):
        by_krayin.setdefault(row.connection.krayin_id, []).append(row)
    found = [KrayinRecords(rows[0].connection, rows) for _krayin, rows in sorted(by_krayin.items())]
    return [one for one in found if one.has_anything]


def plain_text(comment: str | None) -> str | None:
    """A note's HTML as text: breaks become lines, marks go, entities are read."""
    if comment is None:
        return None
    return html.unescape(TAG.sub("", BREAK.sub("\n", comment))).strip()
