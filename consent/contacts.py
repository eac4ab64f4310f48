"""How a person is reached, opened to prove an act or to enter a no: one audit row, also for who is blocked."""

from collections.abc import Callable
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor, Opener, open_for
from consent.identifiers import phone_forms
from consent.models import ContactPoint
from consent.policy import PurposeOfUse

Contact = tuple[str, str]  # kind, normalised value


@sensitive_variables()
def contacts_of(subject_id: UUID) -> list[Contact]:
    """Every known contact in its canonical form. Raises RevealDenied for an erased person."""
    points = list(ContactPoint.objects.filter(subject=subject_id, value__isnull=False).order_by("kind", "created_at"))
    if not points:
        return []
    opener = open_for(
        [subject_id],
        actor=Actor.system("consents"),
        purpose=PurposeOfUse.LEGAL,
        reason="consent_proof",
        fields=["consent.ContactPoint.value"],
    )
    found = [(p.kind, opener.text(p.value, subject=subject_id, context=p.value_context)) for p in points if p.value]
    return list(dict.fromkeys((kind, canonical(kind, value)) for kind, value in found))


@sensitive_variables()
def opened(subject_id: UUID, opening: Callable[[list[str]], Opener]) -> list[Contact]:
    """Kind in words and value of every way to reach a person, for somebody to read. `opening` asks the gate and writes
    the audit row, naming the fields it is given. Raises RevealDenied, Undecryptable."""
    points = list(ContactPoint.objects.filter(subject=subject_id, value__isnull=False).order_by("kind", "created_at"))
    opener = opening(sorted({point.value_context.place for point in points}))
    return [
        (str(point.get_kind_display()), opener.text(point.value, subject=subject_id, context=point.value_context))
        for point in points
        if point.value
    ]


def canonical(kind: str, value: str) -> str:
    """Brazilian mobiles with their ninth digit; everything else as it is normalised."""
    return phone_forms(value)[0] if kind == ContactPoint.Kind.PHONE else value
