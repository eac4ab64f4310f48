"""WSGI entry point (gunicorn). Refuses to start on malformed settings, which Django would only check in commands."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.checks import refuse_problems

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
refuse_problems(settings.ENVIRONMENT_PROBLEMS)
application = get_wsgi_application()
