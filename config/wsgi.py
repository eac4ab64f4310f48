"""WSGI entry point (gunicorn). Refuses to start on malformed settings, which Django would only check in commands."""

import logging
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError, connection

from config.checks import refuse_problems

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
refuse_problems(settings.ENVIRONMENT_PROBLEMS)
application = get_wsgi_application()


def refuse_other_keys() -> None:
    """Stop on keys this database was not sealed with. A database that is away must not stop the intake's start."""
    from consent.encryption import refuse_wrong_key  # models exist only after get_wsgi_application

    try:
        refuse_wrong_key()
    except OperationalError as error:
        logging.getLogger(__name__).warning("keys not checked, database away: %s", type(error).__name__)
    finally:
        connection.close()


refuse_other_keys()
