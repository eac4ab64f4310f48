"""The shipped policy: which legal base each purpose stands on, and what it needs. Versioned data, not code.

A clinic's DPO confirms a version once; decisions store the version they were taken with. A new version is a new entry
of POLICIES; an old one is never edited. Sources: lgpd sections 2 to 4, DESIGN section 9.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from types import MappingProxyType

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Purpose(TextChoices):
    """What personal data are processed for."""

    CARE_CONTACT = "care_contact", _("Contact and opportunity")
    CONVERSATION_SUMMARY = "conversation_summary", _("Conversation summary")
    MESSAGE_TEXT = "message_text", _("Message text")
    MARKETING = "marketing", _("Marketing")
    LANGUAGE_MODEL = "language_model", _("Language model")
    SHARING = "sharing", _("Sharing with others")
    REQUESTS = "requests", _("Answers to the person's requests")


# What a clinic's policy decides on, and a person may object to; the rest the law demands of every clinic (OF_LAW).
POLICY_PURPOSES = tuple(one for one in Purpose if one != Purpose.REQUESTS)
POLICY_CHOICES = [(one.value, one.label) for one in POLICY_PURPOSES]
POLICY_VALUES = [one.value for one in POLICY_PURPOSES]


class Category(TextChoices):
    """Data categories (lgpd section 3.2) that pass the gate."""

    CLINICAL = "R01", _("Clinical record")
    ADMINISTRATIVE = "R02", _("Administrative care")
    LEAD = "R03", _("Unconverted lead")
    MARKETING = "R04", _("Marketing")


class Action(TextChoices):
    PREVIEW = "preview", _("Show what would be written")
    PUSH = "push", _("Write to a partner")
    SEND = "send", _("Send a message")
    MODEL = "model", _("Call a language model")
    ERASE = "erase", _("Erase")


class PurposeOfUse(TextChoices):
    """Why somebody opens a sealed value (lgpd section 14.1); stored in the audit row."""

    CARE = "care", _("Care")
    SCHEDULING = "scheduling", _("Scheduling")
    BILLING = "billing", _("Billing")
    MARKETING = "marketing", _("Marketing")
    LEGAL = "legal", _("Legal")
    DPO = "dpo", _("Data protection officer")
    SUPPORT = "support", _("Support")
    BREAK_GLASS = "break_glass", _("Exceptional access")
    SYSTEM = "system", _("System")


class Needs(Enum):
    """What a purpose needs beside its base."""

    NOTHING = auto()
    SWITCH = auto()  # the connection's own setting
    CONSENT = auto()  # a valid consent of this person
    REFUSED = auto()  # never allowed by this policy


@dataclass(frozen=True)
class Rule:
    """`base` is a code of lgpd section 2; `consent_valid` counts from the act (None: until withdrawn)."""

    base: str
    needs: Needs = Needs.NOTHING
    consent_type: str = ""
    consent_valid: timedelta | None = None


# Whoever asks is answered, blocked or erased, and whatever the policy says (Art. 18, 41; lgpd 5).
OF_LAW: Mapping[Purpose, Rule] = MappingProxyType({Purpose.REQUESTS: Rule("A11-II-a")})

# ECA Art. 2: a child is younger than the one, an adolescent younger than the other.
ADOLESCENT, ADULT = 12, 18


@dataclass(frozen=True)
class Policy:
    """`guardian_below`: younger people's consent is their guardian's, until 18 and for `guardian_grace` more (lgpd 4)."""

    version: str
    rules: Mapping[Purpose, Rule]
    guardian_below: int = ADULT
    guardian_grace: timedelta = timedelta(days=90)

    def rule(self, purpose: Purpose) -> Rule:
        return OF_LAW.get(purpose) or self.rules[purpose]


# Consent is asked for these; a child cannot give it alone (Art. 14).
CONSENT_PURPOSES = frozenset({Purpose.MARKETING, Purpose.LANGUAGE_MODEL})

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "1": Policy(
            version="1",
            rules=MappingProxyType(
                {
                    Purpose.CARE_CONTACT: Rule("A11-II-f"),
                    Purpose.CONVERSATION_SUMMARY: Rule("A11-II-f"),
                    Purpose.MESSAGE_TEXT: Rule("A11-II-f", Needs.SWITCH),
                    Purpose.MARKETING: Rule("A11-I", Needs.CONSENT, "marketing", timedelta(days=730)),
                    Purpose.LANGUAGE_MODEL: Rule("A11-I", Needs.CONSENT, "language_model"),
                    Purpose.SHARING: Rule("A11-I", Needs.REFUSED),
                }
            ),
        ),
    }
)
CURRENT_POLICY = "1"


def is_base_for_sensitive_data(base: str) -> bool:
    """Tell whether a base may carry data that reveal health (Art. 11): A7 codes may not."""
    return base in {"A11-I", *(f"A11-II-{letter}" for letter in "abcdefg")}
