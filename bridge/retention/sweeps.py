"""What the bridge brings to retention."""

from django.utils.translation import gettext_lazy as _

from bridge.retention import conversations, partitions, people
from consent.retention.holding import keep
from consent.retention.ways import Elsewhere, Ending, Steady, Sweep, Wholesale, register

RECORD = (
    "bridge.ObservedMessage", "bridge.LeadHealthProfile", "bridge.SensitiveNote", "bridge.Wish", "bridge.ObservedContact",
    "bridge.ObservedConversation", "bridge.ObservedValue", "consent.ContactPoint",
)  # fmt: skip
TALKS = ("bridge.ConversationMapping", "bridge.ActivityMapping", "bridge.StageChangeLog")


def describe() -> None:
    """Called in `ready()`, and again by who adds a sign that somebody is a patient."""
    register(
        Sweep(
            "conversations", "R02", _("Conversations whose relation is over"), conversations.DUE, conversations.ONLY,
            Ending.REMOVE, TALKS, conversations.anonymise, holds=("R13",), method="conversation-month.1",
        ),
        Sweep(
            "leads", "R03", _("People who never became patients"), people.leads_sql(), people.ONLY, Ending.HAND_OVER,
            RECORD, people.hand_over, is_whole=True,
        ),
        Sweep(
            "records", "R01", _("Records of patients"), people.records_sql(), people.ONLY, Ending.REVIEW, RECORD,
            people.nothing, is_whole=True,
        ),
        Wholesale("partitions", "R02", _("Whole months of old links and stage changes"), TALKS[1:],
                  partitions.expired, partitions.drop),
        Steady("R10", ("inbound-retention", "partitions"),
               _("Bodies are emptied 7 days after they were read, and leave after 30 days by whole days.")),
        Steady("R13", ("partitions",), _("The list of received events leaves after 180 days, by whole weeks.")),
        Elsewhere("R13", _("Numbers that tie systems together leave with what they tie: conversation, person, erasure.")),
    )  # fmt: skip
    keep("webhook_bodies", "R10")
    keep("webhook_events", "R13")
