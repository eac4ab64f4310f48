"""What people asked for by hand: a wish is kept until planning sees it fulfilled (DESIGN section 2, screens F1 and B5)."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.connections import Connection
from bridge.models.observed import ObservedContact, ObservedConversation
from consent.encryption import Context, SealedField


class Wish(models.Model):
    """One thing a person asked for. Asking twice, late or while a partner is away ends the same."""

    class Kind(models.TextChoices):
        STAGE = "stage", _("change the stage")
        OPPORTUNITY = "opportunity", _("create an opportunity")
        LINK = "link", _("link")
        UNLINK = "unlink", _("unlink")
        KEEP_BACK = "keep_back", _("do not send the conversation")
        NOTE = "note", _("note to the CRM")
        SYNC = "sync", _("sync now")
        SAY = "say", _("message to the person")
        CORRECT = "correct", _("correction of a contact field")

    class State(models.TextChoices):
        OPEN = "open", _("waiting")  # KEEP_BACK: in force
        HELD = "held", _("waiting for a decision")  # UNLINK only: carried out, nobody has said yet who it is
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")  # `reason` says why; asking again is another wish
        WITHDRAWN = "withdrawn", _("withdrawn")  # taken back, or replaced by a later wish

    class Via(models.TextChoices):
        PANEL = "panel", _("panel")
        SCREEN = "screen", _("screen")
        API = "api", "API"
        COMMAND = "command", _("command")
        CHAT = "chat", _("conversation")  # the person's own message led to it

    class Reason(models.TextChoices):
        MOVED_BY_HAND = "moved_by_hand", _("Somebody moved the opportunity in Krayin meanwhile.")
        STAGE_GONE = "stage_gone", _("The stage no longer exists in Krayin.")
        OBJECT_GONE = "object_gone", _("The record no longer exists in Krayin.")
        OTHER_PERSON = "other_person", _("The opportunity belongs to another person in Krayin.")
        TAKEN = "taken", _("The opportunity already belongs to another contact.")
        WINDOW_CLOSED = "window_closed", _("The conversation takes no more messages until the person writes again.")
        NOT_NOW = "not_now", _("The person may not be asked now, or there is no approved text.")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(ObservedContact, models.PROTECT, related_name="wishes", db_index=False)
    conversation = models.ForeignKey(
        ObservedConversation, models.PROTECT, null=True, related_name="wishes", db_index=False
    )
    kind = models.CharField(_("what"), max_length=12, choices=Kind, db_comment="What is asked for")
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.OPEN, db_comment="open until planning sees it fulfilled"
    )
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, blank=True, db_comment="Why it was refused")
    lead_number = models.SmallIntegerField(
        null=True, db_comment="Which opportunity of the contact it is about: 1, 2, …"
    )
    stage_id = models.BigIntegerField(null=True, db_comment="STAGE: the Krayin stage wanted")
    seen_stage_id = models.BigIntegerField(
        null=True, db_comment="STAGE: what the person saw when asking; another stage found later is a conflict"
    )
    person_id = models.BigIntegerField(null=True, db_comment="LINK: Krayin person; UNLINK: the person it was")
    lead_id = models.BigIntegerField(null=True, db_comment="LINK: Krayin opportunity")
    text = SealedField(null=True, db_comment="NOTE, CORRECT: encrypted with the titular's key; emptied once written")
    field = models.CharField(max_length=5, blank=True, db_comment="CORRECT: name, email or phone; `text` is the value")
    via = models.CharField(
        max_length=8, choices=Via, db_comment="Where it was asked: panel, screen, api, command, chat"
    )
    asked_by = models.ForeignKey("consent.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    asked_by_ref = models.CharField(max_length=60, db_comment="Account id, API key prefix or name of the job")
    created_at = models.DateTimeField(_("asked"), db_default=Now())
    settled_at = models.DateTimeField(null=True, db_comment="When it was done, refused or withdrawn")

    class Meta:
        db_table = "wishes"
        db_table_comment = "What people asked for by hand; planning turns open wishes into steps of the ledger"
        verbose_name = _("hand-made action")
        verbose_name_plural = _("hand-made actions")
        constraints = [
            models.CheckConstraint(
                name="wishes_kind",
                condition=Q(kind__in=["stage", "opportunity", "link", "unlink", "keep_back", "note", "sync", "say"])
                | Q(kind="correct", field__in=["name", "email", "phone"]),
            ),
            models.CheckConstraint(
                name="wishes_state", condition=Q(state__in=["open", "held", "done", "refused", "withdrawn"])
            ),
            models.CheckConstraint(
                name="wishes_via", condition=Q(via__in=["panel", "screen", "api", "command", "chat"])
            ),
            # A note's text leaves our database with the note.
            models.CheckConstraint(
                name="wishes_text", condition=Q(text__isnull=True) | Q(kind__in=["note", "correct"], state="open")
            ),
        ]
        indexes = [
            # Planning one lane, and what the panel shows of the last wishes.
            models.Index(fields=["contact", "-created_at"], name="wishes_contact"),
            # Screen B5: who waits for a decision, by connection.
            models.Index(fields=["connection", "created_at"], name="wishes_held", condition=Q(state="held")),
            # Screens: what was refused, newest first.
            models.Index(fields=["connection", "-settled_at"], name="wishes_refused", condition=Q(state="refused")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    @property
    def text_context(self) -> Context:
        return Context("bridge.Wish", "text", str(self.pk))
