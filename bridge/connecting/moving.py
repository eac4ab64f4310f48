"""A Krayin that moved to another address is the same installation: its records, references and mappings stay ours."""

from django.utils.translation import gettext as _

from bridge.clients.krayin import KrayinClient
from bridge.connecting.problems import CannotConnect
from bridge.models import Krayin, SyncedObject

LOOKED_AT = 20


def refuse_a_stranger(krayin: Krayin, at_new_address: KrayinClient) -> None:
    """Compare some opportunities we made with what is there now: one call. Raises CannotConnect when none is found.

    An installation in which we never made anything cannot be told from another; then nothing can be confused either.
    """
    known = SyncedObject.objects.filter(krayin=krayin, kind=SyncedObject.Kind.LEAD, gone_at=None, found_by="created")
    ours = dict(known.order_by("-synced_at").values_list("foreign_id", "ref")[:LOOKED_AT])
    if not ours:
        return
    there = at_new_address.leads_by_ids(ours)
    if any(ours[lead.id].casefold() in lead.title.casefold() for lead in there):
        return
    raise CannotConnect(
        _(
            "This Krayin does not hold what Ponte wrote to %(old)s: it is another installation. "
            "Choose “a new installation”, or check the address."
        ) % {"old": krayin.base_url}
    )  # fmt: skip


def move(krayin: Krayin, address: str) -> None:
    """From now on the installation is reached at `address`. Its row stays, so nothing is written twice."""
    Krayin.objects.filter(pk=krayin.pk).update(base_url=address)
    krayin.base_url = address
