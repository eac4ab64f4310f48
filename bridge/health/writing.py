"""Writing health data: sealed at once, audited by the names of the fields in the same transaction."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from audit.services import record
from bridge.health.places import note_context, profile_context
from bridge.models import ActivityMapping, LeadHealthProfile, ObservedContact, SensitiveNote
from bridge.models.health import PROFILE_FIELDS
from consent.encryption import Actor, ensure_subject_keys, seal
from consent.models import DataSubject
from consent.roles import Capability

LONGEST = 20_000


class WriteRefused(Exception):
    """Nothing was written; `reason` is a code of the audit trail."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@sensitive_variables()
def write_profile(subject: DataSubject, texts: Mapping[str, str | None], *, actor: Actor) -> list[str]:
    """Replace the given fields of a person's profile; None or "" empties one. Returns the names of what changed.

    A text replaces what stood there even if it is the same: nobody opens the old one to compare. Raises WriteRefused.
    """
    unknown = sorted(texts.keys() - set(PROFILE_FIELDS))
    if unknown:
        raise ValueError(f"No field of a health profile: {', '.join(unknown)}")
    with transaction.atomic():
        _permit(subject, actor, "bridge.LeadHealthProfile", sorted(texts))
        ensure_subject_keys([subject.pk])
        profile, is_new = LeadHealthProfile.objects.select_for_update().get_or_create(subject=subject)
        changed = [name for name in PROFILE_FIELDS if name in texts and _put(profile, name, texts[name] or "")]
        if changed:
            profile.save(update_fields=[*changed, "updated_at"])
            _record("create" if is_new else "update", subject, actor, profile, changed)
        elif is_new:
            profile.delete()
    return changed


@sensitive_variables()
def _put(profile: LeadHealthProfile, name: str, text: str) -> bool:
    """Seal one text into its field; tell whether the field is another now."""
    if not text and getattr(profile, name) is None:
        return False
    context = profile_context(profile, name)
    setattr(profile, name, seal(text, subject=profile.subject_id, context=context) if text else None)
    return True


@sensitive_variables()
def add_note(contact: ObservedContact, text: str, *, activity_id: int | None, actor: Actor) -> SensitiveNote:
    """Keep a clinical note on one activity of the person, or on none. Raises WriteRefused, also for another's activity.

    activity_id: number of a note in Krayin (`activities_of`).
    """
    subject = contact.subject
    conversation_id = None
    if activity_id is not None:
        conversation_id = dict(activities_of(contact)).get(activity_id)
        if conversation_id is None:
            raise WriteRefused("unknown_activity")
    with transaction.atomic():
        _permit(subject, actor, "bridge.SensitiveNote", ["sensitive_notes"])
        ensure_subject_keys([subject.pk])
        note = SensitiveNote(
            connection=contact.connection,
            subject=subject,
            krayin_activity_id=activity_id,
            chatwoot_conversation_id=conversation_id,
            written_by=actor.user,
        )
        note.sensitive_notes = seal(text, subject=subject.pk, context=note_context(note))
        note.save()
        _record("create", subject, actor, note, ["sensitive_notes"])
    return note


def activities_of(contact: ObservedContact) -> Sequence[tuple[int, int]]:
    """The notes in Krayin that show this contact's conversations, newest first: (activity, conversation)."""
    numbers = contact.conversations.values("chatwoot_conversation_id")
    rows = ActivityMapping.objects.filter(connection=contact.connection, conversation_id__in=numbers)
    pairs = rows.order_by("-krayin_activity_id").values_list("krayin_activity_id", "conversation_id")
    return list(pairs.distinct()[:50])


def _permit(subject: DataSubject, actor: Actor, label: str, fields: Sequence[str]) -> None:
    """Lock the person and ask whether something may be written about them; a refusal leaves a row of its own."""
    state = DataSubject.objects.select_for_update().get(pk=subject.pk)
    reason = ""
    if not actor.may(Capability.REVEAL_CLINICAL, state.clinic_id):
        reason = "not_permitted"
    elif state.erased_at is not None:
        reason = "erased"
    elif state.blocked_at is not None:
        reason = "blocked"
    if reason:
        record(
            action="update",
            actor_type=actor.kind,
            actor_id=actor.ref,
            clinic_id=state.clinic_id,
            subject=state.pseudonym,
            object_type=label,
            fields=list(fields),
            outcome="denied",
            reason_code=reason,
        )
        raise WriteRefused(reason)


def _record(
    action: str, subject: DataSubject, actor: Actor, row: LeadHealthProfile | SensitiveNote, fields: Sequence[str]
) -> None:
    record(
        action=action,
        actor_type=actor.kind,
        actor_id=actor.ref,
        clinic_id=subject.clinic_id,
        subject=subject.pseudonym,
        object_type=row._meta.label,
        object_id=str(row.pk),
        fields=list(fields),
        own_connection=False,
    )
