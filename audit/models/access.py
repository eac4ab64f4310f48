"""Where acts of people came from. Apart from the trail, because an address in a row for ever could never expire."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit import context

LONGEST_USER_AGENT = 300


class AccessLog(models.Model):
    """Address and browser of one request that left audit rows; kept six months (Lei 12.965 Art. 15, lgpd R08)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("when"), db_default=Now(), editable=False)
    user_id = models.BigIntegerField(null=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=LONGEST_USER_AGENT, blank=True)

    class Meta:
        db_table = "access_logs"
        db_table_comment = "Address and browser behind audit_logs.access_ref. By month, kept six months."
        default_permissions = ()
        indexes: ClassVar = [models.Index(fields=["-created_at"], name="idx_access_logs_created_at")]

    def __str__(self) -> str:
        return str(self.pk)


def current_access_ref(using: str) -> uuid.UUID | None:
    """The access row of the current request, written at the first audit row that needs it; None outside requests."""
    visit = context.current_visit()
    if visit is None:
        return None
    if visit.access_ref is None:
        row = AccessLog.objects.using(using).create(
            user_id=context.current_user_id(), ip=visit.ip, user_agent=visit.user_agent[:LONGEST_USER_AGENT]
        )
        visit.access_ref = row.pk
    return visit.access_ref
