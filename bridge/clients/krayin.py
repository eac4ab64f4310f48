"""Krayin over REST: persons, leads, notes (Krayin contract sections 6 to 9 and 20).

One method per endpoint and one budgeted call per method. Searches and title filters return candidates, because Krayin
compares without case and accents: callers compare with what they asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bridge.clients import copies
from bridge.clients import krayin_answers as answers
from bridge.clients import krayin_search as search
from bridge.clients.base import MAX_ANSWER_BYTES, Call, Priority
from bridge.clients.krayin_settings import KrayinSettings
from bridge.clients.krayin_wire import LEAD_REF, PERSON_REF, TokenStore
from bridge.clients.shapes import (
    Activity,
    CrmUser,
    Lead,
    LeadChange,
    LeadDraft,
    Organization,
    Person,
    PersonDraft,
)
from bridge.errors import UnusableKey, WouldBeCut

__all__ = ["LEAD_REF", "MAX_COMMENT_BYTES", "MAX_IDS", "MAX_TITLE", "PERSON_REF", "KrayinClient", "TokenStore"]

MAX_COMMENT_BYTES = 65_535
MAX_TITLE = 255
MAX_IDS = 100
_HITS = 50


class KrayinClient(KrayinSettings):
    """All calls to one Krayin as one of its users."""

    def who_am_i(self) -> CrmUser:
        """The user of the token; the cheapest check of address, token and view permission."""
        return self._call(Call("GET", "/get"), answers.one(answers.user))

    # --- persons ------------------------------------------------------------------------------------------------------

    def person_search(
        self, *, refs: Iterable[str] = (), email: str | None = None, phone: str | None = None, limit: int = _HITS
    ) -> tuple[Person, ...]:
        """Persons with any of these own keys, or this e-mail, or these digits in a phone: candidates, to be compared.

        `phone` is digits only, at least 8 (the last 8 find a Brazilian mobile with and without the ninth digit). Krayin
        compares e-mails with case. A value that cannot be searched is left out (Krayin contract section 20.1).
        Raises UnusableKey when nothing searchable is left or a reference is malformed.
        """
        terms = [
            search.own_keys(refs),
            search.email(email) if email else None,
            search.phone(phone) if phone else None,
        ]
        call = Call("GET", "/contacts/persons/search", params=search.query(terms, limit=limit))
        return self._call(call, answers.many(answers.person))

    def persons_by_ids(self, ids: Collection[int], *, priority: int = Priority.RECORD) -> tuple[Person, ...]:
        """Those of 1 to 100 that exist, in no promised order; the others are gone (Krayin contract section 20.2)."""
        return self._call(_by_ids("/contacts/persons", ids, priority=priority), answers.many(answers.person))

    def persons_changed(self, *, limit: int = _HITS, page: int = 1) -> tuple[Person, ...]:
        """The persons changed last, newest first (Krayin contract sections 3 and 20.8)."""
        return self._call(_changed("/contacts/persons", limit, page), answers.many(answers.person))

    def persons_page(self, page: int, *, limit: int) -> tuple[Person, ...]:
        """Everybody, in the order of creation; an empty page after the last. A deletion meanwhile moves the rest up."""
        params = {"sort": "id", "order": "asc", "limit": str(limit), "page": str(page)}
        call = Call("GET", "/contacts/persons", params=params, priority=Priority.BACKGROUND)
        return self._call(call, answers.many(answers.person))

    def persons_total(self) -> int:
        """How many persons there are: `meta.total` of a list (Krayin contract section 3)."""
        call = Call("GET", "/contacts/persons", params={"limit": "1"}, priority=Priority.BACKGROUND)
        return self._call(call, answers.total)

    def person_create(self, draft: PersonDraft) -> Person:
        """Raises PartnerRejected when e-mail, phone or own key is taken: search, then link."""
        call = Call("POST", "/contacts/persons", body=answers.person_body(draft))
        return self._call(call, answers.one(answers.person))

    def person_update(self, person_id: int, draft: PersonDraft) -> Person:
        """Replace: a `draft` without owner removes the owner. The person must exist, else the effect is unknown."""
        call = Call("PUT", "/contacts/persons/{id}", ids={"id": person_id}, body=answers.person_body(draft))
        return self._call(call, answers.one(answers.person))

    def person_delete(self, person_id: int) -> None:
        """Delete the leads first: a refused delete destroys values and notes all the same (contract section 6.7).

        An unknown person and the 101st delete of an hour both end as EffectUnknown; look with `persons_by_ids`.
        """
        call = Call("DELETE", "/contacts/persons/{id}", ids={"id": person_id}, teaches_pace=False)
        self._call(call, answers.done)

    def organizations_by_name(self, name: str) -> tuple[Organization, ...]:
        """Candidates by name without case and accents. A name with a comma raises UnusableKey: give it to Krayin as
        `organization_name` of a person instead, which finds or creates it.
        """
        call = Call("GET", "/contacts/organizations", params=_exact("name", name))
        return self._call(call, answers.many(answers.organization))

    # --- leads --------------------------------------------------------------------------------------------------------

    def lead_create(self, draft: LeadDraft) -> Lead:
        """Create a lead, with its person if `draft.person` is given (Krayin contract sections 8.1, 8.2, 20.4).

        Not one transaction: after EffectUnknown the person may exist without the lead. PartnerRejected names keys of
        the nested person as `person.…`. PartnerGone: the stage or the person does not exist.
        """
        _refuse_unfindable(draft.title)
        call = Call("POST", "/leads", body=answers.lead_body(draft))
        return self._call(call, answers.one(answers.lead))

    def leads_by_ids(self, ids: Collection[int], *, priority: int = Priority.RECORD) -> tuple[Lead, ...]:
        """Those of 1 to 100 that exist, in no promised order; the others are gone (Krayin contract section 20.2)."""
        return self._call(_by_ids("/leads", ids, priority=priority), answers.many(answers.lead))

    def leads_of_person(
        self, person_id: int, *, pipeline_id: int | None = None, limit: int = _HITS, priority: int = Priority.RECORD
    ) -> tuple[Lead, ...]:
        """His leads, last changed first, won and lost included: the stage's code tells them apart."""
        params = {"person_id": str(person_id), "sort": "updated_at", "order": "desc", "limit": str(limit)}
        if pipeline_id is not None:
            params["lead_pipeline_id"] = str(pipeline_id)
        return self._call(Call("GET", "/leads", params=params, priority=priority), answers.many(answers.lead))

    def leads_changed(self, *, limit: int = _HITS, page: int = 1) -> tuple[Lead, ...]:
        """The leads changed last, newest first; several share a second (Krayin contract sections 3 and 20.8)."""
        return self._call(_changed("/leads", limit, page), answers.many(answers.lead))

    def leads_by_title(self, title: str) -> tuple[Lead, ...]:
        """Candidates with this whole title, without case and accents. Raises UnusableKey for a title with a comma."""
        return self._call(Call("GET", "/leads", params=_exact("title", title)), answers.many(answers.lead))

    def leads_by_ref(self, ref: str, *, limit: int = _HITS) -> tuple[Lead, ...]:
        """Leads with the reference as own key or inside the title: candidates, `x-30` in a title also finds `x-301`.

        Both are asked because custom attributes are written after the row, so a broken create may have only the title.
        """
        terms = [search.title_with(ref), search.own_keys([ref])]
        call = Call("GET", "/leads/search", params=search.query(terms, limit=limit))
        return self._call(call, answers.many(answers.lead))

    def lead_edit(self, lead_id: int, change: LeadChange) -> Lead:
        """`attributes/edit`, the way to change a stage without losing products; see `LeadChange` for what it resets."""
        if change.title is not None:
            _refuse_unfindable(change.title)
        call = Call(
            "PUT",
            "/leads/attributes/edit/{id}",
            ids={"id": lead_id},
            body=answers.lead_change_body(change),
            priority=Priority.STAGE,
        )
        return self._call(call, answers.one(answers.lead))

    def lead_stage_edit(self, lead_id: int, stage_id: int) -> Lead:
        """Keeps boolean attributes, but clears the close date: for leads without one (Krayin contract section 20.7)."""
        call = Call(
            "PUT",
            "/leads/stage/edit/{id}",
            ids={"id": lead_id},
            body={"lead_pipeline_stage_id": stage_id},
            priority=Priority.STAGE,
        )
        return self._call(call, answers.one(answers.lead))

    def leads_mass_stage(self, ids: Collection[int], stage_id: int) -> None:
        """Loses nothing, but leaves no history, fires no event and sets no close time (contract sections 8.6, 20.7)."""
        body: dict[str, object] = {"indices": sorted(ids), "value": stage_id}
        self._call(Call("POST", "/leads/mass-update", body=body, priority=Priority.STAGE), answers.done)

    def lead_delete(self, lead_id: int) -> None:
        """Takes every linked activity along (Krayin contract section 20.9). PartnerGone when there is none."""
        self._call(Call("DELETE", "/leads/{id}", ids={"id": lead_id}), answers.done)

    # --- activities ---------------------------------------------------------------------------------------------------

    def note_create(
        self,
        *,
        title: str,
        comment: str,
        lead_id: int | None = None,
        person_id: int | None = None,
        additional: Mapping[str, object] | None = None,
    ) -> Activity:
        """A note of one lead or one person. `comment` is HTML as the panel shows it; escape foreign text first.

        Nothing but notes, because calls and meetings e-mail their participants. A lead that does not exist leaves an
        unlinked note and EffectUnknown: find it by title (Krayin contract sections 9 and 20.6).
        """
        if (lead_id is None) == (person_id is None):
            raise UnusableKey("a note belongs to one lead or one person: only one link is used per call")
        _refuse_unfindable(title)
        _refuse_blank_or_cut_comment(comment)
        optional = {
            "lead_id": lead_id,
            "person_id": person_id,
            "additional": answers.additional_text(additional or {}),
        }
        body: dict[str, object] = {"type": "note", "title": title, "comment": comment}
        body |= {key: value for key, value in optional.items() if value is not None}
        return self._call(Call("POST", "/activities", body=body, priority=Priority.NOTE), answers.one(answers.activity))

    def note_update(self, activity_id: int, comment: str) -> Activity:
        """Replace the comment; everything else stays (Krayin contract section 20.6). PartnerGone when deleted."""
        _refuse_blank_or_cut_comment(comment)
        call = Call(
            "PUT",
            "/activities/{id}",
            ids={"id": activity_id},
            body={"comment": comment},
            priority=Priority.NOTE,
        )
        return self._call(call, answers.one(answers.activity))

    def notes_by_title(self, title: str) -> tuple[Activity, ...]:
        """Candidates with this whole title, without case and accents. Raises UnusableKey for a title with a comma."""
        params = {**_exact("title", title), "type": "note"}
        call = Call("GET", "/activities", params=params, priority=Priority.NOTE)
        return self._call(call, answers.many(answers.activity))

    def activities_by_ids(self, ids: Collection[int]) -> tuple[Activity, ...]:
        """Those of 1 to 100 that exist, in no promised order; the others are gone (Krayin contract section 20.2)."""
        return self._call(_by_ids("/activities", ids, priority=Priority.NOTE), answers.many(answers.activity))

    def activities_of(
        self, *, lead_id: int | None = None, person_id: int | None = None
    ) -> tuple[copies.WholeActivity, ...]:
        """Everything linked to one lead or person, newest first, unpaged, automatic entries included (section 9).

        Those of a lead have its e-mails among them. An unknown record has an empty list.
        """
        of_lead = lead_id is not None
        call = Call(
            "GET",
            "/leads/{id}/activities" if of_lead else "/contacts/persons/{id}/activities",
            ids={"id": lead_id or person_id or 0},
            priority=Priority.BACKGROUND,
            max_bytes=4 * MAX_ANSWER_BYTES,
        )
        return self._call(call, answers.many(copies.activity))

    def mails_of(self, *, lead_id: int | None = None, person_id: int | None = None) -> tuple[copies.CrmMail, ...]:
        """E-mails of one lead or person (section 20.9); PartnerMisconfigured where the package has no such address."""
        column, number = ("lead_id", lead_id) if lead_id is not None else ("person_id", person_id)
        params = {column: str(number), "pagination": "0"}
        call = Call("GET", "/mails", params=params, priority=Priority.BACKGROUND, max_bytes=4 * MAX_ANSWER_BYTES)
        return self._call(call, answers.many(copies.mail))

    def mail_delete(self, mail_id: int) -> None:
        """Section 20.9. PartnerGone when there is none; PartnerMisconfigured where the package has no such address."""
        self._call(Call("DELETE", "/mails/{id}", ids={"id": mail_id}), answers.done)

    def activity_delete(self, activity_id: int) -> None:
        """PartnerGone when there is none."""
        self._call(Call("DELETE", "/activities/{id}", ids={"id": activity_id}), answers.done)


def _changed(endpoint: str, limit: int, page: int) -> Call:
    params = {"sort": "updated_at", "order": "desc", "limit": str(limit)}
    if page > 1:
        params["page"] = str(page)
    return Call("GET", endpoint, params=params, priority=Priority.BACKGROUND)


def _by_ids(endpoint: str, ids: Collection[int], *, priority: int = Priority.RECORD) -> Call:
    wanted = sorted({int(each) for each in ids})
    if not 1 <= len(wanted) <= MAX_IDS:
        raise UnusableKey(f"between 1 and {MAX_IDS} ids per call")
    params = {"id": ",".join(map(str, wanted)), "limit": str(len(wanted))}
    return Call("GET", endpoint, params=params, priority=priority)


def _exact(column: str, value: str) -> dict[str, str]:
    """An equality filter; a comma would split the value into alternatives (Krayin contract section 20.2)."""
    _refuse_unfindable(value)
    return {column: value, "limit": str(_HITS)}


def _refuse_unfindable(title: str) -> None:
    if len(title) > MAX_TITLE:
        raise WouldBeCut(f"a title holds {MAX_TITLE} characters")
    if not title or "," in title or title != title.strip():
        raise UnusableKey("an empty text, a comma or outer blanks cannot be found again by equality")


def _refuse_blank_or_cut_comment(comment: str) -> None:
    if not comment.strip():
        raise UnusableKey("a note must not be blank")
    # Krayin counts bytes of UTF-8. Lone surrogates must not surface as an encoding error that quotes the text.
    if len(comment.encode("utf-8", "surrogatepass")) > MAX_COMMENT_BYTES:
        raise WouldBeCut(f"a comment holds {MAX_COMMENT_BYTES} bytes")
