"""Documents of representatives (R14): sealed while somebody looks, gone with the decision, the result stays."""

import base64
import hashlib
from datetime import datetime, timedelta

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor, open_for, seal
from consent.models import DataRequest, RepresentativeDocument, User
from consent.policy import PurposeOfUse
from consent.requests.moving import note

LARGEST = 5 * 1024 * 1024
KEPT = timedelta(days=30)  # R14


class Unusable(Exception):
    """Empty, or larger than LARGEST."""


@sensitive_variables()
def receive(request: DataRequest, content: bytes, *, relation: str, by: User, now: datetime) -> RepresentativeDocument:
    """Keep a document until somebody decides. Raises Unusable."""
    if not 0 < len(content) <= LARGEST:
        raise Unusable
    row = RepresentativeDocument(
        request=request,
        relation=RepresentativeDocument.Relation(relation),
        sha256=hashlib.sha256(content).hexdigest(),
        received_at=now,
        received_by=by,
    )
    text = base64.b64encode(content).decode()
    row.content = seal(text, subject=request.holder_id, context=row.content_context)
    with transaction.atomic():
        row.save(force_insert=True)
        if not request.by_representative:
            request.by_representative = True
            request.save(update_fields=["by_representative"])
        note(request, "request.document", actor=Actor.staff(by), reason=row.relation)
    return row


@sensitive_variables()
def opened(row: RepresentativeDocument, *, by: User) -> bytes:
    """The document, for who decides; a reveal like any other. Raises RevealDenied; empty once it is gone."""
    place, holder = row.content_context, row.request.holder_id
    opener = open_for([holder], actor=Actor.staff(by), purpose=PurposeOfUse.DPO, fields=[place.place])
    return base64.b64decode(opener.text(row.content, subject=holder, context=place)) if row.content else b""


def decide(row: RepresentativeDocument, *, accepted: bool, by: User, now: datetime) -> bool:
    """Keep the result, remove the document; False when somebody was faster."""
    undecided = RepresentativeDocument.objects.filter(pk=row.pk, decided_at=None)
    with transaction.atomic():
        if not undecided.update(accepted=accepted, decided_at=now, decided_by=by, content=None):
            return False
        reason = "accepted" if accepted else "rejected"
        note(row.request, "request.document_decided", actor=Actor.staff(by), reason=reason)
    return True


def forget_old(now: datetime) -> int:
    """Remove documents nobody decided about within the period of R14; they count as not accepted."""
    old = RepresentativeDocument.objects.filter(decided_at=None, received_at__lt=now - KEPT)
    return old.update(accepted=False, decided_at=now, content=None)
