"""The check behind the map: a field nobody described is data nobody can export, erase or account for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.db import models

from consent.datamap.codes import BASES, NONE, Export
from consent.datamap.registry import entries, places
from consent.datamap.retention import CURRENT_RETENTION, TABLES, Sensitivity
from consent.datamap.shapes import FieldEntry, ModelMap
from consent.encryption.fields import SealedField
from consent.policy import is_base_for_sensitive_data

HINT = "Describe it in the data map of its application (a module `datamap` with one block per model)."


def stored_models() -> list[type[models.Model]]:
    """Every model with a table of its own: many-to-many tables too, views and proxies not."""
    found = apps.get_models(include_auto_created=True)
    return [one for one in found if one._meta.managed and not one._meta.proxy]


def data_map_is_complete(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """ponte.E012: a stored field without entry, or an entry without field; ponte.E013: an entry the law contradicts."""
    known = entries()
    return [
        *(Error(text, hint=HINT, id="ponte.E012") for text in incomplete(stored_models(), known)),
        *(Error(text, hint=hint, id="ponte.E013") for text, hint in contradictions(known)),
    ]


def incomplete(stored: Iterable[type[models.Model]], known: Mapping[str, ModelMap]) -> Iterator[str]:
    """What is stored and not described, or described and not stored."""
    labels = set()
    for model in stored:
        label = model._meta.label
        labels.add(label)
        described = known.get(label)
        if described is None:
            yield f"{label} is stored and not in the data map."
            continue
        yield from differences(model, described)
    for label in sorted(known.keys() - labels):
        yield f"The data map describes {label}, which is not stored."


def differences(model: type[models.Model], described: ModelMap) -> Iterator[str]:
    label, fields = described.label, {field.name: field for field in model._meta.concrete_fields}
    for name in fields.keys() - described.fields.keys():
        yield f"{label}.{name} is stored and not in the data map."
    for name in sorted(described.fields.keys() - fields.keys()):
        yield f"The data map describes {label}.{name}, which does not exist."
    for name in described.doubled:
        yield f"The data map describes {label}.{name} twice."
    for name in sorted(fields.keys() & described.fields.keys()):
        yield from shape_of(f"{label}.{name}", fields[name], described.fields[name])


def shape_of(place: str, field: models.Field, entry: FieldEntry) -> Iterator[str]:
    """Where the column itself contradicts its entry."""
    if isinstance(field, SealedField) != entry.sealed:
        said, is_so = ("encrypted", "is not") if entry.sealed else ("plain", "is encrypted")
        yield f"{place} {is_so}, but the data map says {said}."
    if isinstance(field, models.JSONField) != bool(entry.keys):
        yield (
            f"{place} is JSON and the data map lists none of its keys."
            if not entry.keys
            else f"The data map lists keys of {place}, which is not JSON."
        )


def contradictions(known: Mapping[str, ModelMap]) -> Iterator[tuple[str, str]]:
    """Entries that name unknown codes or break a rule of lgpd section 2, each with what to do."""
    for label, model in sorted(known.items()):
        for name, entry in model.fields.items():
            for problem, hint in problems_of(entry):
                yield f"{label}.{name}: {problem}", hint
    for place in places():
        for problem, hint in problems_of(place.entry):
            yield f"{place.code} ({place.where}): {problem}", hint


def problems_of(entry: FieldEntry) -> Iterator[tuple[str, str]]:
    rules = TABLES[CURRENT_RETENTION].rules
    if not entry.is_personal:
        if entry.why is None or entry.base or entry.retention or entry.sensitive:
            yield "no personal data, yet it has a base, a period or no reason.", "Give `why` alone, or its category."
        return
    unknown = [code for code in (entry.category, entry.retention) if code not in rules]
    unknown += [entry.base] if entry.base not in BASES else []
    if unknown:
        yield f"unknown code {', '.join(map(repr, unknown))}.", f"Use a code of lgpd sections 2 and 3.2, or {NONE!r}."
        return
    if not entry.purposes:
        yield "personal data without purpose.", "Name what it is used for."
    if rules[entry.category].sensitivity == Sensitivity.YES and not entry.sensitive:
        yield f"{entry.category} is sensitive, the entry says it is not.", "Set `sensitive`."
    if entry.sensitive and not is_base_for_sensitive_data(entry.base):
        yield f"sensitive data on base {entry.base}.", "Sensitive data stand on a base of Art. 11 (A11 codes)."
    if entry.export == Export.EXCLUDE and entry.why is None:
        yield "left out of the copy for the person without a reason.", "Give `why`, or hand it over."
