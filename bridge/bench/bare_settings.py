"""Ponte's settings without middleware, for the view that intake is compared with."""

from config.settings import *  # noqa: F403 - the same settings but these three

MIDDLEWARE = []
ROOT_URLCONF = "bridge.bench.bare"
WSGI_APPLICATION = "bridge.bench.bare.application"
