""" "Audit of this item": from a page of the operation to what the trail knows of its object, or of its person."""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from consent.queries.trail import LONGEST_DAYS
from consent.roles import Capability, roles_with
from consent.scope import has_role

TRAIL = "admin:audit_auditlog_changelist"


def audit_of(request: HttpRequest, row: models.Model | None = None, *, person: UUID | None = None) -> str:
    """Address of the trail narrowed to a row, or to a person's pseudonym; empty for who may not see the trail."""
    if not has_role(request.user, *roles_with(Capability.AUDIT_VIEW)):
        return ""
    if person:
        narrowed = {"person": str(person)}
    elif row is not None:
        narrowed = {"object_type": row._meta.label, "object_id": str(row.pk)}
    else:
        return ""
    begin = timezone.localdate() - timedelta(days=LONGEST_DAYS - 1)
    return f"{reverse(TRAIL)}?{urlencode({'from': begin.isoformat(), **narrowed})}"
