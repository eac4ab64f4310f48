"""`python manage.py migrate`, which tells about unusable settings before Django's checks ask the database."""

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate


class Command(migrate.Command):
    def get_check_kwargs(self, options: Any) -> Any:
        """Leave the database out while settings are unusable: their messages would drown in a failed connection."""
        return {} if settings.ENVIRONMENT_PROBLEMS else super().get_check_kwargs(options)
