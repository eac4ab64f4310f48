"""Link contacts that Ponte knows to the people who are in Krayin already.

For a connection that starts in shadow: nothing is written at the partners, and when it is switched on nobody is doubled.
"""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.importing.asking import ConnectionForm
from bridge.importing.comparing import MATCH, PERSONS_PER_PAGE, client_of, compare_step
from bridge.importing.reading import keep_waiting
from bridge.jobs.kinds import Cursor, Estimate, Filter, Step
from bridge.models import Connection, ObservedContact, SyncedObject, SyncJob
from consent.roles import Capability


class ImportPeople:
    """Cursor: empty, then that of `comparing`."""

    code = "import_people"
    label = gettext_lazy("People who are in Krayin already")
    explanation = gettext_lazy(
        "Reads everybody in Krayin once and compares phones, e-mails and names with the contacts Ponte knows. One sure "
        "match is linked; everything doubtful becomes a suggestion. Of people who match nobody nothing is kept, and "
        "nothing is merged."
    )
    capability = Capability.OPERATE_ACT
    is_atomic = False
    below_live = True
    asks_partner = True
    form = ConnectionForm

    def estimate(self, connection: Connection, filter: Filter) -> Estimate:
        persons = client_of(connection).persons_total()
        contacts = unlinked(connection).count()
        pages = persons // PERSONS_PER_PAGE + 1
        return Estimate(
            items=contacts,
            people=contacts,
            calls=pages + 1 + 2 * contacts,
            counts={"persons_in_crm": persons},
        )

    def step(self, job: SyncJob, cursor: Cursor, limit: int) -> Step:
        if not cursor:
            numbers = unlinked(job.connection).values_list("chatwoot_contact_id", flat=True)
            keep_waiting(job.connection, job.pk, set(numbers))
            return Step({"phase": MATCH})
        return compare_step(job, cursor, limit)

    def describe(self, connection: Connection, filter: Filter) -> Sequence[str]:
        return [_("Every contact that is not linked to a person yet")]


def unlinked(connection: Connection) -> QuerySet[ObservedContact]:
    """Contacts with a phone or e-mail that have no person in Krayin."""
    lane_key = Concat(Value("c:"), Cast(OuterRef("chatwoot_contact_id"), CharField()))
    linked = SyncedObject.objects.filter(
        connection=connection, kind=SyncedObject.Kind.PERSON, lane_key=lane_key, forgotten_at=None
    )
    rows = ObservedContact.objects.filter(~Exists(linked), connection=connection, gone_at=None)
    return rows.exclude(has_phone=False, has_email=False)
