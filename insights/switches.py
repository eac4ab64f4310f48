"""What a clinic's settings of the language model switch on, for the register of operations."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from consent.datamap import Processing
from consent.models import Clinic
from consent.registers import switches, telling
from consent.registers.switches import Switch
from insights.models import LanguageSettings


def of_language(clinic: Clinic) -> Iterator[Switch]:
    row = LanguageSettings.objects.filter(clinic=clinic).first()
    is_on = bool(row and row.is_on and settings.LANGUAGE_MODEL)
    if row is None or not is_on:
        yield Switch(Processing.LANGUAGE_MODEL, is_on=False)
        return
    countries = (row.region.upper(),) if row.region else ()
    yield Switch(Processing.LANGUAGE_MODEL, is_on=True, facts=(f"provider:{row.kind}",), countries=countries)


def _provider(code: str) -> str:
    kinds = LanguageSettings.Kind
    return _("language model: %(name)s") % {"name": kinds(code).label if code in kinds.values else code}


def register() -> None:
    """Called in `ready()`."""
    switches.register("language", of_language)
    telling.register_fact("provider", _provider)
