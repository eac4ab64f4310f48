"""Is Chatwoot ready to show opportunities, and what makes it ready: attribute definitions and labels.

Values without a definition can be written, but people see them nowhere (contract Chatwoot 8.3), so nothing is written
until the definitions are there.
"""

from dataclasses import dataclass, field

from bridge.back import shown
from bridge.back.readings import hint_at_all
from bridge.causes import Cause
from bridge.clients.chatwoot import ChatwootClient
from bridge.errors import CredentialsRefused, PartnerError, PartnerMisconfigured, PartnerRejected
from bridge.models import Breaker, Connection
from bridge.sync import breaker
from bridge.sync.clock import database_now
from bridge.sync.lanes import Claim
from bridge.sync.partners import chatwoot_client

ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Readiness:
    """What is missing in Chatwoot; `cause` says why nothing can be shown, None when all is well."""

    cause: Cause | None = None
    missing_attributes: tuple[str, ...] = ()
    missing_labels: tuple[str, ...] = ()
    made: tuple[str, ...] = field(default=())


def look(connection: Connection, client: ChatwootClient | None = None) -> Readiness:
    """Ask Chatwoot what is there: one call, two where labels are wanted. Raises the errors of `bridge.errors`."""
    client = client or chatwoot_client(connection)
    keys = {definition.key for definition in client.attribute_definitions()}
    attributes = tuple(d.key for d in shown.DEFINITIONS if d.key not in keys)
    labels: tuple[str, ...] = ()
    if connection.stage_label != Connection.StageLabel.OFF:
        existing = set(client.labels())
        labels = tuple(label for label in shown.labels_of(connection) if label not in existing)
    cause = Cause.CHATWOOT_ATTRIBUTES if attributes or labels else None
    return Readiness(cause, attributes, labels)


def prepare(connection: Connection) -> Readiness:
    """Make what is missing, and write down that Chatwoot is ready; safe to run again.

    Without an administrator's token nothing can be made: the cause then says so. Raises the other errors of
    `bridge.errors`.
    """
    client = chatwoot_client(connection)
    found = look(connection, client)
    if found.cause and client.profile().role_in(connection.chatwoot_account_id) != ADMINISTRATOR:
        return _told(connection, Readiness(Cause.CHATWOOT_RIGHTS, found.missing_attributes, found.missing_labels))
    for definition in shown.DEFINITIONS:
        if definition.key in found.missing_attributes:
            client.attribute_definition_create(
                key=definition.key, display_name=str(definition.display_name), display_type=definition.display_type
            )
    stages = shown.labels_of(connection)
    for label in found.missing_labels:
        _make_label(client, label, stages[label])
    return _told(connection, Readiness(made=found.missing_attributes + found.missing_labels))


def _make_label(client: ChatwootClient, label: str, stage: str) -> None:
    try:
        client.label_create(label, description=stage)
    except PartnerRejected as error:
        if "title" not in error.fields:
            raise  # else somebody made it meanwhile


def check(connection: Connection) -> Readiness:
    """Find out whether opportunities can be shown, and write the answer down. Raises nothing: the cause tells."""
    try:
        found = look(connection)
    except CredentialsRefused:
        found = Readiness(Cause.CHATWOOT_CREDENTIALS)
    except PartnerMisconfigured as error:
        found = Readiness(Cause.CHATWOOT_RIGHTS if error.code == "no-token" else Cause.CHATWOOT_CREDENTIALS)
    except PartnerError:
        return Readiness(Cause.CHATWOOT_UNAVAILABLE)
    return _told(connection, found)


def check_once(connection: Connection, claim: Claim) -> bool:
    """Check a connection that was just switched to this direction; True if it was checked now."""
    if not connection.krayin_to_chatwoot or connection.back_checked_at or claim.chatwoot_held_until:
        return False
    if check(connection).cause == Cause.CHATWOOT_UNAVAILABLE:
        claim.chatwoot_held_until = breaker.open_for(connection, Cause.CHATWOOT_UNAVAILABLE, Breaker.Of.CHATWOOT)
    return connection.back_checked_at is not None


def keep_checked(connection: Connection, *, was_renamed: bool) -> None:
    """Hourly: is Chatwoot still ready? New names of stages are shown, and an earlier answer is forgotten when off."""
    if connection.krayin_to_chatwoot:
        check(connection)
        if was_renamed:
            hint_at_all(connection)
    elif connection.back_checked_at:
        Connection.objects.filter(pk=connection.pk).update(back_checked_at=None, back_problem="")


def _told(connection: Connection, found: Readiness) -> Readiness:
    """Write the answer down. Whenever Chatwoot becomes ready every opportunity is read, so that all are shown."""
    was_ready = connection.back_checked_at is not None and not connection.back_problem
    if found.cause is None and not was_ready:
        hint_at_all(connection)
    connection.back_checked_at, connection.back_problem = database_now(), found.cause or ""
    Connection.objects.filter(pk=connection.pk).update(
        back_checked_at=connection.back_checked_at, back_problem=connection.back_problem
    )
    return found
