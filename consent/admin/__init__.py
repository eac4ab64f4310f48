"""Pages of the admin: clinics, people, audit trail."""

from consent.admin import staff, trail

__all__ = ["staff", "trail"]
