"""Pages of other packages that would only mislead: the schedule is code, and its page needs looser script rules."""

import django_celery_beat.admin  # noqa: F401  # registers its pages; they must be there before they can be taken away
from django.apps import apps
from django.contrib import admin

for model in apps.get_app_config("django_celery_beat").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
