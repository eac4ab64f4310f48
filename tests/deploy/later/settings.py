"""The version after this one: the same settings, and an application whose migrations change the busiest table."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.deploy.later"]
