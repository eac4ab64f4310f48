"""Chatwoot: files and messages, conversations, contact, polled until gone (contract 5.7, 8.1, 8.2, 11; lgpd section 16)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Max

from bridge.clients.base import Priority
from bridge.clients.chatwoot import ChatwootClient
from bridge.erasure.answers import removing
from bridge.erasure.footprint import CHATWOOT, Place, footprint, places_of
from bridge.errors import PartnerGone, PartnerRejected
from bridge.models import LeadHealthProfile, SensitiveNote
from bridge.sync.partners import chatwoot_client
from consent.erasure.local import known_of
from consent.erasure.planning import next_two, record_until
from consent.erasure.systems import Draft, Later, NotRemoved, Scope
from consent.export.masking import is_clinical
from consent.models.erasures import Erasure, ErasureNode

POLL = timedelta(seconds=30)
OPEN = ("open", "pending", "snoozed")


class ChatwootContact:
    """One account. Conversations go before the contact: without it they have been left behind (lgpd section 16)."""

    def __init__(self, erasure: Erasure, place: Place) -> None:
        self._erasure, self._place = erasure, place
        self.name = f"{CHATWOOT}{place.connection.pk}"
        self.title = f"Chatwoot · {place.connection.name}"

    @cached_property
    def _client(self) -> ChatwootClient:
        return chatwoot_client(self._place.connection).at(Priority.BACKGROUND)

    # Scope ------------------------------------------------------------------------------------------------------------

    def scope(self, now: datetime, *, ask: bool = True) -> Scope:
        last = self._last_entry()
        until = record_until(last) if last else None
        scope = Scope(looks_clinical=last is not None, received_care=until is not None and until > now.date())
        contacts, numbers = sorted(self._place.contacts), set(self._place.conversations)
        if ask:
            with removing(now):
                for contact_id in contacts:
                    numbers |= self._look(contact_id, scope)
                for number in sorted(numbers):
                    self._look_into(number, scope)
        found = tuple(sorted(numbers))
        scope.drafts = [
            *(Draft("files", (number,), is_record=True) for number in found),
            *(Draft("conversation", (number,), is_record=True) for number in found),
            *(Draft("contact", (contact_id,), is_record=True) for contact_id in contacts),
            Draft("poll", found, is_record=True),
        ]
        scope.counts |= {"contact": len(contacts), "conversation": len(found)}
        return scope

    def _last_entry(self) -> datetime | None:
        """The newest entry of which it is certain that it is clinical."""
        mine = {"subject": self._erasure.subject_id}
        found = [
            LeadHealthProfile.objects.filter(**mine).aggregate(at=Max("updated_at"))["at"],
            SensitiveNote.objects.filter(**mine).aggregate(at=Max("created_at"))["at"],
        ]
        return max((at for at in found if at), default=None)

    def _look(self, contact_id: int, scope: Scope) -> set[int]:
        """Its conversations; open ones and a contact in the chat are told first."""
        try:
            scope.warnings["contact_online"] = scope.warnings.get("contact_online", 0) + self._client.is_online(
                contact_id
            )
            found = list(self._conversations(contact_id))
        except PartnerGone:
            return set()
        is_open = sum(1 for _number, status in found if status in OPEN)
        scope.warnings["open_conversation"] = scope.warnings.get("open_conversation", 0) + is_open
        return {number for number, _status in found}

    def _conversations(self, contact_id: int) -> Iterator[tuple[int, str]]:
        """All of a contact's; servers older than v4.14.2 show the newest 20 only."""
        seen, number = set[int](), 1
        while True:
            try:
                page = self._client.conversations_of_contact(contact_id, number)
            except PartnerRejected:
                yield from ((one.id, one.status) for one in self._client.latest_of_contact(contact_id))
                return
            fresh = [one for one in page.conversations if one.id not in seen]
            yield from ((one.id, one.status) for one in fresh)
            seen.update(one.id for one in fresh)
            if not page.conversations or len(seen) >= page.total:
                return
            number += 1

    def _look_into(self, number: int, scope: Scope) -> None:
        """How many messages and files, and whether any looks clinical; nothing of it is kept."""
        messages = files = clinical = 0
        try:
            for whole in self._client.whole_messages(number):
                messages += 1
                files += len(whole.files)
                clinical += bool(whole.files) or is_clinical(whole.message.content or "")
        except PartnerGone:
            return
        for kind, count in (("message", messages), ("file", files)):
            scope.counts[kind] = scope.counts.get(kind, 0) + count
        scope.warnings["clinical_words"] = scope.warnings.get("clinical_words", 0) + clinical
        scope.looks_clinical = scope.looks_clinical or clinical > 0

    # Removing ---------------------------------------------------------------------------------------------------------

    def remove(self, node: ErasureNode, now: datetime) -> str:
        with removing(now):
            match node.kind:
                case "files":
                    return self._remove_files(node.remote_ids[0])
                case "conversation":
                    return self._remove_conversation(node.remote_ids[0])
                case "contact":
                    return self._remove_contact(node.remote_ids[0], now)
                case _:
                    return self._poll(node.remote_ids, node, now)

    def _remove_files(self, number: int) -> str:
        """A deleted message loses its text and lets go of its files (section 5.7)."""
        try:
            for whole in self._with_files(number):
                self._client.message_delete(number, whole)
            if self._with_files(number):
                raise NotRemoved("still_there")
        except PartnerGone:
            return "absent"
        return "gone"

    def _with_files(self, number: int) -> list[int]:
        return [one.message.id for one in self._client.whole_messages(number) if one.files]

    def _remove_conversation(self, number: int) -> str:
        """Queued there: whether it is gone is polled at the end."""
        try:
            self._client.conversation_delete(number)
        except PartnerGone:
            return "absent"
        return "gone"

    def _remove_contact(self, contact_id: int, now: datetime) -> str:
        try:
            self._client.contact_delete(contact_id)
        except PartnerGone:
            return "absent"
        except PartnerRejected as refused:
            # 422 while the contact is in the chat (section 8.1).
            raise Later(next_two(self._erasure, now), "contact_online") from refused
        return self._gone_contact(contact_id)

    def _gone_contact(self, contact_id: int) -> str:
        try:
            self._client.contact(contact_id)
        except PartnerGone:
            return "gone"
        raise NotRemoved("still_there")

    def _poll(self, numbers: Sequence[int], node: ErasureNode, now: datetime) -> str:
        for number in numbers:
            try:
                self._client.conversation(number)
            except PartnerGone:
                continue
            if node.tries < 1 and node.code != "still_there":
                raise Later(now + POLL, "still_there")
            raise NotRemoved("still_there")
        return "gone"


def systems(erasure: Erasure) -> list[ChatwootContact]:
    """One for each account the person was seen in."""
    return [ChatwootContact(erasure, place) for place in places_of(footprint(known_of(erasure))) if place.contacts]
