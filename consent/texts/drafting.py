"""Drafts, approval, end of a version (C5). The clinic's DPO approves; nothing else makes a text count."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import ActorType, Outcome
from audit.services import record
from consent.models.facts import ConsentRecord
from consent.models.staff import Clinic, User
from consent.models.subjects import DataSubject
from consent.models.texts import PORTUGUESE, Layout, ServedText, TextKind, TextVersion, digest, shown
from consent.policy import CONSENT_PURPOSES, CURRENT_POLICY, POLICIES
from consent.refusals import Refused
from consent.roles import Capability, roles_with
from consent.texts.proposals import GAP, proposals, written_out
from consent.texts.serving import checked_kind
from consent.texts.values import unknown_places

APPROVE = roles_with(Capability.PRIVACY_ACT)
LONGEST = 60_000  # characters
State, Change = TextVersion.State, TextVersion.Change

TEXTS: dict[str, str | Promise] = {
    "not_permitted": _("Only the clinic's data protection officer approves texts."),
    "empty": _("The text is empty."),
    "too_long": _("The text is too long."),
    "unreadable": _("The text holds characters that nobody can read."),
    "gaps": _("Something still has to be filled in: look for “[preencher”."),
    "places": _("Ponte does not know what belongs in the braces: {…}."),
    "clause": _("A consent text says what happens to who says no, and how it stands apart."),
    "not_draft": _("Only a draft can be changed or approved."),
    "change": _("Say whether the change is editorial or material."),
    "affected": _("Only purposes that stand on consent can be stopped."),
    "begins_in_past": _("A text cannot begin in the past."),
    "another_waits": _("Another approved version has not begun yet: retire it first."),
    "not_open": _("This version has ended already."),
}


class TextRefused(Refused):
    """Of texts and their versions."""

    texts = TEXTS


# Drafts ---------------------------------------------------------------------------------------------------------------


def tidy(text: str) -> str:
    """NFC, lines end in LF, no blanks at the ends: as forms send it and as it is hashed. Raises TextRefused."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    tidied = "\n".join(line.rstrip() for line in lines).strip()
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in tidied):
        raise TextRefused("unreadable")
    if len(tidied) > LONGEST:
        raise TextRefused("too_long")
    return tidied


def begin_draft(clinic: Clinic, kind: str, *, by: User, purpose: str = "", language: str = PORTUGUESE) -> TextVersion:
    """The draft of a text: the one there is, else a new one from the newest version, else from the proposal."""
    checked_kind(kind, purpose)
    versions = TextVersion.objects.of_kind(clinic, kind, purpose, language).order_by("-number")
    newest = versions.first()
    if newest is not None and newest.state == State.DRAFT:
        return newest
    body, consequences = (newest.body, newest.consequences) if newest else proposed(clinic, kind, purpose)
    draft = TextVersion(
        clinic=clinic, kind=kind, purpose=purpose, language=language, number=newest.number + 1 if newest else 1,
        layout=Layout.BOX_1 if kind == TextKind.CONSENT else "", created_by=by,
    )  # fmt: skip
    with transaction.atomic():
        _put(draft, body, consequences)
        draft.save(force_insert=True)
        _note("text.draft", draft, by)
    return draft


def proposed(clinic: Clinic, kind: str, purpose: str = "") -> tuple[str, str]:
    """Body and consequences of the shipped proposal with the clinic's data; empty where none is shipped."""
    found = proposals().get((kind, purpose))
    if found is None:
        return "", ""
    return written_out(found.body, clinic), written_out(found.consequences, clinic)


def propose_all(clinic: Clinic, *, by: User) -> int:
    """A draft from the proposal for every text the clinic has none of; return how many were made."""
    known = set(TextVersion.objects.filter(clinic=clinic, language=PORTUGUESE).values_list("kind", "purpose"))
    missing = [one for key, one in proposals().items() if key not in known]
    for one in missing:
        begin_draft(clinic, one.kind, purpose=one.purpose, by=by)
    return len(missing)


def change_draft(draft: TextVersion, *, body: str, consequences: str, by: User) -> None:
    """Raises TextRefused."""
    with transaction.atomic():
        fresh = _locked(draft)
        if fresh.state != State.DRAFT:
            raise TextRefused("not_draft")
        _put(draft, body, consequences)
        draft.save(update_fields=["body", "consequences", "sha256"])
        _note("text.draft", draft, by)


def discard_draft(draft: TextVersion, *, by: User) -> None:
    """Nobody has read it: it may go. Raises TextRefused."""
    with transaction.atomic():
        if _locked(draft).state != State.DRAFT:
            raise TextRefused("not_draft")
        _note("text.discard", draft, by)
        draft.delete()


def _put(draft: TextVersion, body: str, consequences: str) -> None:
    draft.body, draft.consequences = tidy(body), tidy(consequences)
    draft.sha256 = digest(shown(draft.body, draft.consequences))


def _locked(version: TextVersion) -> TextVersion:
    return TextVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)


# Approval -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Approval:
    """What the DPO says with it: of every version but the first the kind of change; of material ones what stops."""

    change: str = ""
    affected: tuple[str, ...] = ()
    valid_from: datetime | None = None  # None: at once


def approve(draft: TextVersion, approval: Approval, *, by: User, now: datetime) -> TextVersion:
    """From `valid_from` on people are shown this version, and its words never change. Raises TextRefused."""
    if not by.has_role_in(draft.clinic_id, APPROVE):
        _note("text.approve", draft, by, denied=True)
        raise TextRefused("not_permitted")
    begins = approval.valid_from or now
    if begins < now:
        raise TextRefused("begins_in_past")
    with transaction.atomic():
        version = _locked(draft)
        refuse_unfit(version)
        version.change, version.affected_purposes = classified(version, approval)
        _end_predecessor(version, begins, now)
        version.state, version.valid_from = State.APPROVED, begins
        version.approved_by, version.approved_at = by, now
        version.save(update_fields=["change", "affected_purposes", "state", "valid_from", "approved_by", "approved_at"])
        _note("text.approve", version, by, reason=version.change)
    draft.refresh_from_db()
    return version


def refuse_unfit(version: TextVersion) -> None:
    """What nobody may be shown: an empty text, one with gaps or with places that nothing fills."""
    text = version.shown
    if version.state != State.DRAFT:
        raise TextRefused("not_draft")
    if not version.body:
        raise TextRefused("empty")
    if GAP in text:
        raise TextRefused("gaps")
    if unknown_places(version.kind, text):
        raise TextRefused("places")
    if version.kind == TextKind.CONSENT and not (version.layout and version.consequences):
        raise TextRefused("clause")


def classified(version: TextVersion, approval: Approval) -> tuple[str, list[str]]:
    """The change and the purposes it stops. A changed consent text stops its own purpose, whatever is said."""
    if version.number == 1:
        return Change.FIRST, []
    if approval.change not in {Change.EDITORIAL, Change.MATERIAL}:
        raise TextRefused("change")
    if approval.change == Change.EDITORIAL:
        return Change.EDITORIAL, []
    if version.kind == TextKind.CONSENT:
        return Change.MATERIAL, [version.purpose]
    if not set(approval.affected) <= {purpose.value for purpose in CONSENT_PURPOSES}:
        raise TextRefused("affected")
    return Change.MATERIAL, sorted(set(approval.affected))


def _of_same(version: TextVersion) -> models.QuerySet[TextVersion]:
    return TextVersion.objects.of_kind(version.clinic, version.kind, version.purpose, version.language)


def _end_predecessor(version: TextVersion, begins: datetime, now: datetime) -> None:
    before = _of_same(version).filter(state=State.APPROVED).select_for_update(of=("self",)).first()
    if before is None:
        return
    if before.valid_from and before.valid_from > now:
        raise TextRefused("another_waits")
    before.state, before.valid_to = State.RETIRED, begins
    before.save(update_fields=["state", "valid_to"])


def retire(version: TextVersion, *, by: User, now: datetime) -> None:
    """End a version without a new one: from now on nothing of this kind is shown, asked or answered with it.

    One that had not begun never counts, and the one before it goes on. Raises TextRefused.
    """
    if not by.has_role_in(version.clinic_id, APPROVE):
        _note("text.retire", version, by, denied=True)
        raise TextRefused("not_permitted")
    with transaction.atomic():
        fresh = _locked(version)
        if fresh.state != State.APPROVED or fresh.valid_from is None:
            raise TextRefused("not_open")
        fresh.state, fresh.valid_to = State.RETIRED, max(now, fresh.valid_from)
        fresh.save(update_fields=["state", "valid_to"])
        if fresh.valid_from > now:
            _reopen_predecessor(fresh)
        _note("text.retire", fresh, by)
    version.refresh_from_db()


def _reopen_predecessor(version: TextVersion) -> None:
    before = _of_same(version).filter(state=State.RETIRED, valid_to=version.valid_from).exclude(pk=version.pk).first()
    if before is not None:
        before.state, before.valid_to = State.APPROVED, None
        before.save(update_fields=["state", "valid_to"])


# Whom a material change concerns --------------------------------------------------------------------------------------


def people_to_inform(version: TextVersion) -> models.QuerySet[DataSubject]:
    """Who said yes to what stops, or was shown an earlier version, and has not been shown this one (lgpd 4)."""
    if version.change != Change.MATERIAL or version.valid_from is None:
        return DataSubject.objects.none()
    people = DataSubject.objects.titulares().filter(clinic=version.clinic_id, erased_at=None)
    earlier = ServedText.objects.filter(
        subject=models.OuterRef("pk"), version__in=_of_same(version).filter(number__lt=version.number).values("pk")
    )
    informed = ServedText.objects.filter(subject=models.OuterRef("pk"), version=version)
    said_yes = _newest_yes(consent_types_of(version.clinic, version.affected_purposes), version.valid_from)
    return people.filter(models.Exists(earlier) | models.Exists(said_yes)).exclude(models.Exists(informed))


def consent_types_of(clinic: Clinic, purposes: Iterable[str]) -> list[str]:
    policy = POLICIES.get(clinic.policy_version, POLICIES[CURRENT_POLICY])
    wanted = set(purposes)
    return sorted({rule.consent_type for purpose, rule in policy.rules.items() if purpose in wanted} - {""})


def _newest_yes(types: list[str], before: datetime) -> models.QuerySet[ConsentRecord]:
    """Of the outer person: a yes given before, with no later act of its type."""
    later = ConsentRecord.objects.filter(
        subject=models.OuterRef("subject"), consent_type=models.OuterRef("consent_type"),
        created_at__gt=models.OuterRef("created_at"),
    )  # fmt: skip
    rows = ConsentRecord.objects.filter(
        subject=models.OuterRef("pk"), consent_type__in=types, status=ConsentRecord.Status.GRANTED,
        granted_at__lt=before,
    )  # fmt: skip
    return rows.exclude(models.Exists(later))


def shown_counts(versions: Iterable[TextVersion]) -> dict[Any, int]:
    """To how many people each version was shown; one query."""
    rows = ServedText.objects.filter(version__in=list(versions)).values("version")
    return {row["version"]: row["n"] for row in rows.annotate(n=models.Count("subject", distinct=True)).order_by()}


def _note(action: str, version: TextVersion, by: User, *, reason: str = "", denied: bool = False) -> None:
    record(
        action=action,
        actor_type=ActorType.STAFF,
        actor_id=str(by.pk),
        clinic_id=version.clinic_id,
        object_type="consent.TextVersion",
        object_id=str(version.pk),
        outcome=Outcome.DENIED if denied else Outcome.OK,
        reason_code="not_permitted" if denied else reason,
        own_connection=denied,
    )
