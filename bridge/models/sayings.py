"""What Ponte says to people in a conversation: about consent (lgpd section 4), and answers to requests (section 5)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from bridge.models.actions import Wish
from bridge.models.connections import Connection
from bridge.models.observed import ObservedContact
from consent.models import ConsentRecord, ServedText


class Saying(models.Model):
    """One message of ours to a person. The wish of the same id brings it through the lane; its answer is the proof."""

    class Kind(models.TextChoices):
        QUESTION = "question", _("question for consent")
        CANCEL_QUESTION = "cancel_question", _("question after CANCELAR")
        GIVEN = "given", _("reply to a yes")
        REFUSED = "refused", _("reply to a no")
        WITHDRAWAL = "withdrawal", _("reply to a withdrawal")
        ANSWER = "answer", _("answer to a request")
        CODE = "code", _("code that proves who asks")

    class Answer(models.TextChoices):
        YES = "yes", _("yes")
        NO = "no", _("no")
        APPOINTMENT = "appointment", _("the appointment was meant")
        MESSAGES = "messages", _("the messages were meant")

    wish = models.OneToOneField(Wish, models.CASCADE, primary_key=True, related_name="saying")
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="+", db_index=False)
    contact = models.ForeignKey(ObservedContact, models.PROTECT, related_name="sayings", db_index=False)
    kind = models.CharField(_("what"), max_length=15, choices=Kind)
    consent_type = models.CharField(_("purpose"), max_length=50, choices=ConsentRecord.Type, blank=True)
    reply_to = models.BigIntegerField(null=True, db_comment="The person's message that led to it")
    served = models.ForeignKey(
        ServedText, models.PROTECT, null=True, related_name="+", db_comment="Written before the message is sent"
    )
    # No reference: files of requests have an end of their own (R06), and do not wait for this row.
    about = models.UUIDField(
        null=True, db_comment="ANSWER: id of the right that is answered; CODE: id of the code. Neither keeps words here"
    )
    chatwoot_message_id = models.BigIntegerField(null=True, db_comment="Once Chatwoot has it")
    sent_at = models.DateTimeField(null=True, db_comment="Committed just before the call")
    answer = models.CharField(max_length=11, choices=Answer, blank=True)
    answered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "sayings"
        db_table_comment = "Messages of ours to people about consent; their words are those of text_versions"
        verbose_name = _("message about consent")
        verbose_name_plural = _("messages about consent")
        constraints = [
            models.CheckConstraint(
                name="sayings_kind",
                condition=Q(kind__in=["question", "given", "refused"], about__isnull=True) & ~Q(consent_type="")
                | Q(kind__in=["cancel_question", "withdrawal"], consent_type="", about__isnull=True)
                | Q(kind__in=["answer", "code"], consent_type="", about__isnull=False),
            ),
            models.CheckConstraint(
                name="sayings_answer",
                condition=Q(answer="", answered_at__isnull=True)
                | Q(kind="question", answer__in=["yes", "no"], answered_at__isnull=False)
                | Q(kind="cancel_question", answer__in=["appointment", "messages"], answered_at__isnull=False),
            ),
            # One reply to one message of the person.
            models.UniqueConstraint(
                fields=["connection", "reply_to", "kind", "consent_type"],
                name="sayings_reply_once",
                condition=Q(reply_to__isnull=False),
            ),
        ]
        indexes = [
            # Which open question does a message answer; when did a consent text last go to this person?
            models.Index(fields=["contact", "-sent_at"], name="sayings_contact"),
            # A form was answered: whose question is this message?
            models.Index(
                fields=["connection", "chatwoot_message_id"],
                name="sayings_message",
                condition=Q(chatwoot_message_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
