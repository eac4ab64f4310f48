"""Pages of the admin: clinics, people, exceptional access, audit trail."""

from consent.admin import exceptional, people, staff, trail

__all__ = ["exceptional", "people", "staff", "trail"]
