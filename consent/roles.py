"""Roles of the people who work with Ponte and what each may do (screens section 2).

Permissions come from here alone; Django's own model permissions are not used. A role counts in the clinic of its
membership only; the technical administrator's membership may name no clinic and then counts in all.
"""

from enum import Enum, auto

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    TECHNICAL_ADMIN = "technical_admin", _("Technical administrator")
    CLINIC_MANAGER = "clinic_manager", _("Clinic management")
    SUPERVISOR = "supervisor", _("Supervision")
    DPO = "dpo", _("Data protection officer")
    DPO_SUBSTITUTE = "dpo_substitute", _("Substitute data protection officer")
    ATTENDANT = "attendant", _("Attendant")
    AUDITOR = "auditor", _("Audit (read only)")
    INTEGRATION = "integration", _("Integration")


class Capability(Enum):
    """One thing a role may do; screens and gates ask for these."""

    OPERATE_VIEW = auto()  # events, links, what is to solve: masked
    OPERATE_ACT = auto()  # replay, link, take on, note, postpone
    OPERATE_DISCARD = auto()  # give up what stopped: it is not sent
    OPERATE_FORCE = auto()  # send a create once more although it may double
    CONNECTIONS_VIEW = auto()
    CONNECTIONS_CHANGE = auto()
    CLINIC_VIEW = auto()
    CLINIC_CHANGE = auto()
    PEOPLE_VIEW = auto()
    PEOPLE_CHANGE = auto()  # staff accounts and memberships
    PRIVACY_VIEW = auto()
    PRIVACY_ACT = auto()  # requests, holds, the policy
    AUDIT_VIEW = auto()
    NUMBERS_VIEW = auto()
    REVEAL_CONTACT = auto()  # names, telephones, e-mail addresses, partner identifiers
    REVEAL_CLINICAL = auto()  # everything else that is sealed with a person's key, message text first
    EXCEPTIONAL_ASK = auto()  # open one person's data beyond the role, for half an hour (D5)
    EXCEPTIONAL_REVIEW = auto()  # say whether somebody else's was justified
    PANEL = auto()  # the frame inside Chatwoot


_DPO = {
    Capability.CLINIC_VIEW,
    Capability.CONNECTIONS_VIEW,
    Capability.PRIVACY_VIEW,
    Capability.PRIVACY_ACT,
    Capability.AUDIT_VIEW,
    Capability.REVEAL_CONTACT,
    Capability.EXCEPTIONAL_ASK,
    Capability.EXCEPTIONAL_REVIEW,
}

CAPABILITIES: dict[Role, frozenset[Capability]] = {
    Role.TECHNICAL_ADMIN: frozenset(
        {
            Capability.OPERATE_VIEW,
            Capability.OPERATE_ACT,
            Capability.OPERATE_DISCARD,
            Capability.OPERATE_FORCE,
            Capability.CONNECTIONS_VIEW,
            Capability.CONNECTIONS_CHANGE,
            Capability.CLINIC_VIEW,
            Capability.CLINIC_CHANGE,
            Capability.PEOPLE_VIEW,
            Capability.PEOPLE_CHANGE,
            Capability.EXCEPTIONAL_ASK,
        }
    ),
    Role.CLINIC_MANAGER: frozenset(
        {
            Capability.OPERATE_VIEW,
            Capability.OPERATE_ACT,
            Capability.OPERATE_DISCARD,
            Capability.OPERATE_FORCE,
            Capability.CONNECTIONS_VIEW,
            Capability.CLINIC_VIEW,
            Capability.CLINIC_CHANGE,
            Capability.PEOPLE_VIEW,
            Capability.PEOPLE_CHANGE,
            Capability.NUMBERS_VIEW,
            Capability.REVEAL_CONTACT,
            Capability.REVEAL_CLINICAL,
            Capability.EXCEPTIONAL_REVIEW,
            Capability.PANEL,
        }
    ),
    Role.SUPERVISOR: frozenset(
        {Capability.OPERATE_VIEW, Capability.NUMBERS_VIEW, Capability.REVEAL_CONTACT, Capability.PANEL}
    ),
    Role.DPO: frozenset(_DPO),
    Role.DPO_SUBSTITUTE: frozenset(_DPO),
    # Whose name it is shows in the panel, as it does in the conversation beside it.
    Role.ATTENDANT: frozenset({Capability.PANEL, Capability.REVEAL_CONTACT}),
    Role.AUDITOR: frozenset({Capability.PRIVACY_VIEW, Capability.AUDIT_VIEW}),
    Role.INTEGRATION: frozenset(),
}


def roles_with(*capabilities: Capability) -> frozenset[Role]:
    """Return the roles that have at least one of the capabilities."""
    return frozenset(role for role, held in CAPABILITIES.items() if held.intersection(capabilities))


# The panel and the API are no screens of the admin.
_NO_SCREEN = {Capability.PANEL, Capability.REVEAL_CONTACT}
SCREEN_ROLES = frozenset(role for role, held in CAPABILITIES.items() if held - _NO_SCREEN)

# Whoever opens people's data at a screen proves twice who they are; attendants see in the panel what stands beside it.
_OPENS = (Capability.REVEAL_CONTACT, Capability.REVEAL_CLINICAL, Capability.EXCEPTIONAL_ASK)
SECOND_FACTOR_ROLES = roles_with(*_OPENS) & SCREEN_ROLES
