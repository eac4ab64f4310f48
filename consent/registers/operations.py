"""The register of operations as it would have to read now: the data map and the settings, told per operation."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.datamap import Processing, entries, places
from consent.datamap.retention import CURRENT_RETENTION
from consent.datamap.shapes import FieldEntry
from consent.models import Clinic
from consent.policy import POLICIES, Needs, Purpose
from consent.registers.switches import Switch, switches


class Subjects(TextChoices):
    """Categories of data subjects (categorias de titulares)."""

    PATIENTS = "patients", _("patients")
    LEADS = "leads", _("people who asked and are no patients yet")
    GUARDIANS = "guardians", _("parents and guardians")
    STAFF = "staff", _("staff of the clinic")


class Measure(TextChoices):
    """Security measures; each is part of the program and proven by its tests."""

    ENCRYPTION = "encryption", _("values encrypted with a key of each person, keys kept apart")
    ROLES = "roles", _("roles per clinic, second factor for whoever opens data")
    MASKS = "masks", _("masks in lists, every opening recorded before it is shown")
    TRAIL = "trail", _("sealed audit trail, verifiable outside the database")
    EXPIRY = "expiry", _("technical copies are emptied after days")
    GATE = "gate", _("one gate decides before anything leaves")


PEOPLE = (Subjects.PATIENTS, Subjects.LEADS, Subjects.GUARDIANS)
ALWAYS = (Measure.ROLES, Measure.MASKS, Measure.TRAIL)


@dataclass(frozen=True)
class Operation:
    """What the map cannot tell about an operation. `is_automated`: decides or rates people by itself (Art. 20)."""

    description: str | Promise
    subjects: tuple[Subjects, ...] = PEOPLE
    is_automated: bool = False


OPERATIONS: Mapping[Processing, Operation] = MappingProxyType(
    {
        Processing.CARE_CONTACT: Operation(
            _("Who writes to the clinic becomes a person and an opportunity in the CRM, and stays the same in both.")
        ),
        Processing.CONVERSATION_SUMMARY: Operation(
            _("A note per conversation and day tells the CRM number, inbox, times and state, without text.")
        ),
        Processing.MESSAGE_TEXT: Operation(_("The text of the messages is kept encrypted and written into the note.")),
        Processing.MARKETING: Operation(_("Messages about offers to people who agreed to them.")),
        Processing.LANGUAGE_MODEL: Operation(
            _("A language model gets a masked conversation and proposes a summary, an order or a draft."),
            is_automated=True,
        ),
        Processing.SHARING: Operation(_("Handing data to another controller.")),
        Processing.HEALTH_NOTES: Operation(
            _("Health notes of the staff about a person, encrypted, never sent to a partner."), (Subjects.PATIENTS,)
        ),
        Processing.SERVICE_QUALITY: Operation(
            _("Times and counts of conversations become numbers about the service and a score per opportunity."),
            is_automated=True,
        ),
        Processing.RIGHTS: Operation(_("Consents, requests, oppositions and blocks, with their proof.")),
        Processing.ACCOUNTABILITY: Operation(
            _("Who did what is recorded in a trail that cannot be changed."), (*PEOPLE, Subjects.STAFF)
        ),
        Processing.STAFF_ACCESS: Operation(
            _("Accounts, roles and sign-ins of the people who work with Ponte."), (Subjects.STAFF,)
        ),
        Processing.RELIABILITY: Operation(
            _("What partners send is kept for days, so that nothing is lost when one of them is away."),
        ),
    }
)


@dataclass(frozen=True)
class Content:
    """One operation in codes, every list sorted; what is stored, compared and shown. No text: words may be reworded."""

    subjects: list[str]
    categories: list[str]
    sensitive: list[str]
    bases: list[str]
    retention: list[str]
    retention_version: str
    recipients: list[str]
    countries: list[str]
    sources: list[str]
    stores: list[str]
    measures: list[str]
    is_automated: bool
    instructions: list[str]
    policy_version: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def digest(content: Mapping[str, Any], *, is_in_use: bool) -> str:
    """SHA-256 of what an approval says yes to."""
    text = json.dumps({**content, "is_in_use": is_in_use}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Generated:
    """An operation as it is now."""

    operation: Processing
    is_in_use: bool
    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return digest(self.content, is_in_use=self.is_in_use)


def generate(clinic: Clinic) -> dict[Processing, Generated]:
    """The register of a clinic as code and settings have it now: operations that touch at least one stored field."""
    told = switches(clinic)
    found = {}
    for operation in Processing:
        fields = fields_of(operation)
        if fields:
            own = [switch for switch in told if switch.operation == operation]
            content = _content(clinic, operation, fields, own).as_json()
            found[operation] = Generated(operation, _is_in_use(clinic, operation, own), content)
    return found


def fields_of(operation: Processing) -> list[tuple[str, FieldEntry]]:
    """Where the data of an operation are kept, field by field: (model or place, entry)."""
    columns = ((label, entry) for label, model in entries().items() for entry in model.fields.values())
    outside = ((place.code, place.entry) for place in places())
    return [(where, one) for where, one in (*columns, *outside) if one.is_personal and operation in one.purposes]


def _content(clinic: Clinic, operation: Processing, fields: list[tuple[str, FieldEntry]], own: list[Switch]) -> Content:
    known, kept = OPERATIONS[operation], [entry for _where, entry in fields]
    measures = {*ALWAYS, *_measures(kept), *([Measure.GATE] if operation in Purpose.values else [])}
    return Content(
        subjects=_sorted(known.subjects),
        categories=_sorted(entry.category for entry in kept),
        sensitive=_sorted(entry.category for entry in kept if entry.sensitive),
        bases=_sorted(entry.base for entry in kept),
        retention=_sorted(entry.retention for entry in kept),
        retention_version=CURRENT_RETENTION,
        recipients=_sorted(recipient for entry in kept for recipient in entry.recipients),
        countries=_sorted(country for switch in own for country in switch.countries),
        sources=_sorted(entry.source for entry in kept),
        stores=_sorted(where for where, _entry in fields),
        measures=_sorted(measures),
        is_automated=known.is_automated,
        instructions=_sorted(fact for switch in own for fact in switch.facts),
        policy_version=clinic.policy_version,
    )


def _measures(kept: Iterable[FieldEntry]) -> set[Measure]:
    found = set()
    for entry in kept:
        if entry.sealed:
            found.add(Measure.ENCRYPTION)
        if entry.category == "R10":
            found.add(Measure.EXPIRY)
    return found


def _is_in_use(clinic: Clinic, operation: Processing, own: list[Switch]) -> bool:
    """What the policy refuses is not in use; what settings switch, as they say; the rest always."""
    policy = POLICIES.get(clinic.policy_version)
    if policy and operation in Purpose.values and policy.rules[Purpose(operation)].needs is Needs.REFUSED:
        return False
    return any(switch.is_on for switch in own) if own else True


def _sorted(values: Iterable[str]) -> list[str]:
    return sorted({str(value) for value in values})
