"""Keep what was learnt at set-up current: pipelines and stages, boolean attributes, names of inboxes (DESIGN section 7).

Stage order and names are needed for every decision about a stage; reading them from Krayin each time would cost a call
of sixty. They change rarely, so they are kept on the connection and read again once an hour, below all live traffic.
"""

import logging

from bridge.back.setup import keep_checked
from bridge.clients.base import Priority
from bridge.connecting.crm_settings import as_stored
from bridge.errors import PartnerError
from bridge.fields.lists import keep_krayin
from bridge.models import Connection
from bridge.sync.partners import chatwoot_client, krayin_client
from bridge.team.directory import refresh_where_needed

logger = logging.getLogger(__name__)


def refresh(connection: Connection) -> None:
    """Read one connection's settings again: two calls of Krayin, one of Chatwoot; one more of Krayin where a rule names
    owners. Raises PartnerError."""
    krayin = krayin_client(connection)[0].at(Priority.BACKGROUND)
    pipelines = [as_stored(pipeline) for pipeline in krayin.pipelines()]
    attributes = krayin.attributes()
    booleans = [a.code for a in attributes if (a.entity_type, a.type) == ("leads", "boolean")]
    refresh_where_needed(connection, krayin)
    inboxes = {str(inbox.id): inbox.name for inbox in chatwoot_client(connection).inboxes()}
    Connection.objects.filter(pk=connection.pk).update(pipelines=pipelines, lead_booleans=booleans, inbox_names=inboxes)
    if connection.field_version_id is not None:
        keep_krayin(connection, attributes)
    was_renamed, connection.pipelines = pipelines != connection.pipelines, pipelines
    keep_checked(connection, was_renamed=was_renamed)


def refresh_all() -> dict[str, int]:
    """Refresh every connection that writes; one that cannot be asked now keeps what it knows."""
    done = failed = 0
    for connection in Connection.objects.filter(state__in=[Connection.State.SHADOW, Connection.State.ACTIVE]):
        try:
            refresh(connection)
            done += 1
        except PartnerError as error:
            logger.warning("settings not refreshed: connection=%s %s", connection.pk, error)
            failed += 1
    return {"refreshed": done, "failed": failed}
