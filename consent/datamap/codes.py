"""The words of the data map: what a field is for, where it came from, what becomes of it (lgpd section 3.1)."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

NONE = "none"  # category of what is no personal data


class Processing(TextChoices):
    """What a field is used for; one operation of the register each. The first six are purposes of the gate.

    A code stays for ever: approved versions of the register name it.
    """

    CARE_CONTACT = "care_contact", _("Contact and opportunity")
    CONVERSATION_SUMMARY = "conversation_summary", _("Conversation summary")
    MESSAGE_TEXT = "message_text", _("Message text")
    MARKETING = "marketing", _("Marketing")
    LANGUAGE_MODEL = "language_model", _("Language model")
    SHARING = "sharing", _("Sharing with others")
    HEALTH_NOTES = "health_notes", _("Health notes")
    SERVICE_QUALITY = "service_quality", _("Quality of service")
    RIGHTS = "rights", _("Rights of data subjects")
    ACCOUNTABILITY = "accountability", _("Audit and evidence")
    STAFF_ACCESS = "staff_access", _("Access of the staff")
    RELIABILITY = "reliability", _("Receiving, repeating and restoring")


class Source(TextChoices):
    """Origin (origem) of a value."""

    CHAT = "chat", _("the person, in the conversation")
    CRM = "crm", _("the CRM")
    PERSON = "person", _("the person, by a form or at the clinic")
    STAFF = "staff", _("the clinic's staff")
    COMPUTED = "computed", _("computed by Ponte")
    VISIT = "visit", _("the visit itself (address, browser, time)")


class Recipient(TextChoices):
    """Who outside Ponte gets the value."""

    CHATWOOT = "chatwoot", _("Chatwoot (chat)")
    KRAYIN = "krayin", _("Krayin (CRM)")
    LANGUAGE_MODEL = "language_model", _("provider of the language model")
    MAIL = "mail", _("mail provider")


class Erasure(TextChoices):
    """What an erasure does with the value."""

    DELETE = "delete", _("the row is removed")
    NULL = "null", _("the value is emptied, the row stays")
    SHRED = "shred", _("the encrypted value is emptied and its key destroyed")
    ANONYMISE = "anonymise", _("computed again or cut from the person")
    EXPIRE = "expire", _("leaves by itself at the end of a short period")
    EXTERNAL = "external", _("removed by the one who keeps it")
    KEEP = "keep", _("stays")


class Export(TextChoices):
    """What the copy for the person does with the value."""

    INCLUDE = "include", _("handed over")
    MASK = "mask", _("handed over masked")
    EXCLUDE = "exclude", _("left out")


class Why(TextChoices):
    """Why a field is no personal data, or is left out of the copy for the person."""

    SETTING = "setting", _("setting of the clinic or the installation: about nobody")
    STATE = "state", _("state of a program: about nobody")
    SUM = "sum", _("sum over many people")
    SECRET = "secret", _("opens systems or values: its copy would harm")
    STAFF = "staff", _("about staff; the person sees roles and times")
    INTERNAL = "internal", _("number or mark without meaning outside Ponte")
    COPY = "copy", _("repeats what is handed over elsewhere")
    OTHERS = "others", _("may be about other people")


# lgpd section 2; the two columns of Art. 7 and Art. 11.
BASES = {
    "A7-I": _("consent"),
    "A7-II": _("legal or regulatory duty"),
    "A7-III": _("public policies"),
    "A7-IV": _("studies by a research body"),
    "A7-V": _("contract, at the person's request"),
    "A7-VI": _("exercise of rights in proceedings"),
    "A7-VII": _("protection of life"),
    "A7-VIII": _("protection of health"),
    "A7-IX": _("legitimate interest"),
    "A7-X": _("protection of credit"),
    "A11-I": _("specific and highlighted consent"),
    "A11-II-a": _("legal or regulatory duty"),
    "A11-II-b": _("public policies"),
    "A11-II-c": _("studies by a research body"),
    "A11-II-d": _("exercise of rights, contracts included"),
    "A11-II-e": _("protection of life"),
    "A11-II-f": _("protection of health"),
    "A11-II-g": _("prevention of fraud and security of the person"),
}


def base_name(code: str) -> str:
    """`A11-II-f` as people of the law read it: `Art. 11, II, f: tutela da saúde`."""
    article, _dash, rest = code.partition("-")
    numbers = ", ".join(rest.split("-"))
    return f"Art. {article.removeprefix('A')}, {numbers}: {BASES[code]}"
