"""Pages of the numbers (screens section 8): now, service, opportunities, funnel, consent, does it predict."""

from insights.admin import language, opportunities, service

__all__ = ["language", "opportunities", "service"]
