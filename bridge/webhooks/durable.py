"""Where a verified call becomes durable: in PostgreSQL, else in the spool of this host, else nowhere and we say so."""

import logging

from django.db import Error, connections

from bridge.spool import items, writer
from bridge.spool.items import HintCall
from bridge.spool.secrets_cache import secrets_cache
from bridge.webhooks.intake import Delivery, Outcome
from bridge.webhooks.registry import Registered, registry
from consent.encryption import Undecryptable

logger = logging.getLogger(__name__)


class NotKept(Exception):
    """Neither PostgreSQL nor the disk took it: the sender must not believe that it arrived."""


def connection_of(public_id: str) -> Registered | None:
    """Return the connection of an address, or None; from the disk while PostgreSQL is away.

    Raises NotKept when nobody can tell: the call may well be a genuine one.
    """
    try:
        found = registry.get(public_id)
    except (Error, Undecryptable) as error:
        connections["intake"].close()
        known = secrets_cache.find(public_id)
        if known is None:
            raise NotKept(type(error).__name__) from error
        return known
    secrets_cache.note_use()
    return found


def keep(item: Delivery | HintCall) -> Outcome:
    """Store an item; spooled counts as accepted. Raises NotKept."""
    try:
        return items.store(item, using="intake")
    except (Error, Undecryptable) as error:
        connections["intake"].close()
        reason = type(error).__name__
    try:
        writer.append(item)
    except (OSError, Undecryptable) as error:
        logger.error("ALERT spool: not kept: %s after %s", type(error).__name__, reason)
        raise NotKept(reason) from error
    logger.warning("webhook spooled: %s connection=%s", reason, item.connection_id)
    return Outcome.ACCEPTED
