"""What consent itself describes: its own tables, those of audit below it, and those of the packages underneath."""

from django.core.checks import register as register_check

from consent.datamap import checks, of_audit, of_consent, of_packages, of_rights
from consent.datamap.registry import register
from consent.incidents import datamap as incidents
from consent.requests import datamap as requests
from consent.retention import datamap as retention


def describe() -> None:
    """Called in `ready()`."""
    register_check(checks.data_map_is_complete)
    register(of_consent.MODELS)
    register(of_rights.MODELS, of_rights.PLACES)
    register(requests.MODELS)
    register(retention.MODELS)
    register(incidents.MODELS)
    register(of_audit.MODELS, of_audit.PLACES)
    register(of_packages.MODELS, of_packages.PLACES)
