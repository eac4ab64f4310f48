"""The Celery application: queue `lanes` for wake-ups, `jobs` for everything that takes longer."""

import os
from contextlib import suppress
from typing import Any

from celery import Celery
from celery.signals import import_modules
from django.conf import settings
from django.db import OperationalError

from config.checks import refuse_problems, refuse_unknown_master

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("ponte")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


# Celery swallows what handlers of its other start signals raise; this one comes before beat opens the database, too.
@import_modules.connect
def refuse_malformed_settings(**kwargs: Any) -> None:
    """Stop workers and beat on malformed settings or a wrong key, which Django itself only checks in its commands."""
    refuse_problems(settings.ENVIRONMENT_PROBLEMS)
    refuse_unknown_master()
    # Celery imports this module before Django's models exist.
    from consent.encryption import refuse_wrong_key

    # PostgreSQL may come up later; tasks wait for it.
    with suppress(OperationalError):
        refuse_wrong_key()
