"""Pages of the admin: clinics, people, privacy, exceptional access, audit trail."""

from consent.admin import (
    consents,
    designations,
    exceptional,
    exports,
    holds,
    people,
    registers,
    requests,
    staff,
    texts,
    trail,
)

__all__ = [
    "consents",
    "designations",
    "exceptional",
    "exports",
    "holds",
    "people",
    "registers",
    "requests",
    "staff",
    "texts",
    "trail",
]
