"""Pages of the admin: clinics, people, privacy, exceptional access, audit trail."""

from consent.admin import (
    consents,
    designations,
    erasures,
    exceptional,
    exports,
    holds,
    incidents,
    people,
    persons,
    registers,
    requests,
    retention,
    staff,
    texts,
    trail,
)

__all__ = [
    "consents",
    "designations",
    "erasures",
    "exceptional",
    "exports",
    "holds",
    "incidents",
    "people",
    "persons",
    "registers",
    "requests",
    "retention",
    "staff",
    "texts",
    "trail",
]
