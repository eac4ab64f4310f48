"""Krayin: opportunities, e-mails, activities and files, person, read back (contract 6.7, 20.9; lgpd section 16).

Opportunities go before the person: a refused delete of a person has destroyed values and notes all the same. E-mails
are named before, because afterwards nobody finds them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property

from bridge.clients.base import Priority
from bridge.clients.krayin import MAX_IDS, KrayinClient
from bridge.erasure.answers import is_unknown_route, removing
from bridge.erasure.footprint import KRAYIN, Place, footprint, of_others, places_of
from bridge.errors import EffectUnknown, PartnerGone, PartnerMisconfigured
from bridge.models import Krayin
from bridge.sync.partners import krayin_client
from consent.erasure.local import known_of
from consent.erasure.systems import Draft, NotRemoved, Scope, Stay, Stays
from consent.models.erasures import Erasure, ErasureNode

MOST_LEADS = 500
BELOW = Priority.BACKGROUND


class KrayinPerson:
    """One Krayin. What somebody else shares (a mother's telephone) stays and is told."""

    def __init__(self, krayin: Krayin, places: Sequence[Place]) -> None:
        self._krayin, self._places = krayin, places
        self._files = 0
        self.name = f"{KRAYIN}{krayin.pk}"
        self.title = f"Krayin · {places[0].connection.name}"

    @cached_property
    def _client(self) -> KrayinClient:
        # A person may need more calls than fit a minute; beginning again each time would never end.
        return krayin_client(self._places[0].connection, patient=True)[0].at(BELOW)

    # Scope ------------------------------------------------------------------------------------------------------------

    def scope(self, now: datetime, *, ask: bool = True) -> Scope:
        people = {one for place in self._places for one in place.people}
        leads = {one for place in self._places for one in place.leads}
        of_person: dict[int, list[int]] = {}
        if ask:
            with removing(now):
                people |= self._doubles()
                of_person = {person: self._leads_of(person) for person in sorted(people)}
        shared = self._of_others("krayin_person_id", people)
        leads |= {lead for person, found in of_person.items() if person not in shared for lead in found}
        kept = self._of_others("krayin_lead_id", leads)
        # With an opportunity of somebody else the person is somebody else's, too.
        shared |= {person for person, found in of_person.items() if kept.intersection(found)}
        people, leads = people - shared, leads - kept
        listed: list[Draft] = []
        if ask:
            with removing(now):
                listed += self._mails(sorted(leads), sorted(people))
                listed += self._activities(sorted(leads), sorted(people))
        scope = Scope(
            [
                *(Draft("lead", (lead,)) for lead in sorted(leads)),
                *listed,
                *(Draft("person", (person,)) for person in sorted(people)),
            ],
            {"person": len(people), "lead": len(leads)},
        )
        scope.counts |= {draft.kind: len(draft.remote_ids) for draft in scope.drafts if draft.kind in LISTED}
        scope.stays = [
            Stay(what, len(found), "THIRD_PARTY")
            for what, found in (("shared_person", shared), ("shared_lead", kept))
            if found
        ]
        if people:
            # Quotes have no address of their own in the REST package; the person's delete takes them along.
            scope.warnings["quotes"] = len(people)
        scope.stays += self._left_behind(bool(people or leads))
        return scope

    def _left_behind(self, has_anything: bool) -> Iterator[Stay]:
        """What no address of the REST package reaches (contract section 20.9)."""
        if self._files:
            yield Stay("files_on_disk", self._files, "IMPOSSIBLE")
        if any(place.connection.sync_to_organization for place in self._places):
            yield Stay("organization", 0, "THIRD_PARTY")
        if has_anything:
            yield Stay("crm_log", 0, "IMPOSSIBLE", "R19")

    def _of_others(self, column: str, numbers: Iterable[int]) -> set[int]:
        found = list(numbers)
        return set.union(*(of_others(place, column, found) for place in self._places))

    def _doubles(self) -> set[int]:
        """Persons with our reference that no row knows: left by creates that were cut."""
        refs = {ref for place in self._places for ref in place.refs if ref.rpartition("-c")[2].isdecimal()}
        if not refs:
            return set()
        return {one.id for one in self._client.person_search(refs=refs)}

    def _leads_of(self, person_id: int) -> list[int]:
        return [lead.id for lead in self._client.leads_of_person(person_id, limit=MOST_LEADS, priority=BELOW)]

    def _mails(self, leads: Sequence[int], people: Sequence[int]) -> Iterator[Draft]:
        ids = set[int]()
        try:
            for lead in leads:
                ids.update(one.id for one in self._client.mails_of(lead_id=lead))
            for person in people:
                ids.update(one.id for one in self._client.mails_of(person_id=person))
        except PartnerMisconfigured as error:
            if is_unknown_route(error):
                yield Draft("mails", stays="IMPOSSIBLE")
                return
            raise
        if ids:
            yield Draft("mails", tuple(sorted(ids)))

    def _activities(self, leads: Sequence[int], people: Sequence[int]) -> Iterator[Draft]:
        whole = {one.id: one for lead in leads for one in self._client.activities_of(lead_id=lead)}
        whole |= {one.id: one for person in people for one in self._client.activities_of(person_id=person)}
        self._files = sum(len(one.files) for one in whole.values())
        found = sorted(whole)
        for begin in range(0, len(found), MAX_IDS):
            yield Draft("activities", tuple(found[begin : begin + MAX_IDS]))

    # Removing ---------------------------------------------------------------------------------------------------------

    def remove(self, node: ErasureNode, now: datetime) -> str:
        with removing(now):
            match node.kind:
                case "lead":
                    return self._remove_lead(node.remote_ids[0])
                case "mails":
                    return self._remove_mails(node.remote_ids)
                case "activities":
                    return self._remove_activities(node.remote_ids)
                case _:
                    return self._remove_person(node.remote_ids[0])

    def _remove_lead(self, lead_id: int) -> str:
        try:
            self._client.lead_delete(lead_id)
        except PartnerGone:
            return "absent"
        except EffectUnknown as error:
            return self._looked(bool(self._client.leads_by_ids([lead_id])), error)
        return self._looked(bool(self._client.leads_by_ids([lead_id])))

    def _remove_mails(self, ids: Sequence[int]) -> str:
        """There is no look by number: each is asked for until it is not there."""
        for number in ids:
            try:
                self._client.mail_delete(number)
                self._client.mail_delete(number)
            except PartnerGone:
                continue
            except PartnerMisconfigured as error:
                if is_unknown_route(error):
                    raise Stays("IMPOSSIBLE") from error
                raise
            raise NotRemoved("still_there")
        return "gone"

    def _remove_activities(self, ids: Sequence[int]) -> str:
        """Most went with their opportunity; the rest one by one."""
        for one in self._client.activities_by_ids(ids):
            try:
                self._client.activity_delete(one.id)
            except PartnerGone:
                continue
        return self._looked(bool(self._client.activities_by_ids(ids)))

    def _remove_person(self, person_id: int) -> str:
        """An unknown person's delete ends as 500: so it is looked at before and after."""
        if not self._client.persons_by_ids([person_id]):
            return "absent"
        leads = self._leads_of(person_id)
        if self._of_others("krayin_lead_id", leads):
            raise Stays("THIRD_PARTY")
        for lead in leads:
            self._remove_lead(lead)
        try:
            self._client.person_delete(person_id)
        except PartnerGone:
            return "absent"
        except EffectUnknown as error:
            return self._looked(bool(self._client.persons_by_ids([person_id])), error)
        return self._looked(bool(self._client.persons_by_ids([person_id])))

    def _looked(self, is_there: bool, error: EffectUnknown | None = None) -> str:
        """What the read back says counts, not the answer; an answer without end may still come true."""
        if is_there:
            raise NotRemoved("timeout" if error and error.status is None else "still_there")
        return "gone"


LISTED = ("mails", "activities")


def systems(erasure: Erasure) -> list[KrayinPerson]:
    """One for each Krayin; the first connection to it gives the access."""
    by_krayin: dict[int, list[Place]] = {}
    for place in places_of(footprint(known_of(erasure))):
        by_krayin.setdefault(place.connection.krayin_id, []).append(place)
    return [KrayinPerson(Krayin.objects.get(pk=pk), places) for pk, places in sorted(by_krayin.items())]
