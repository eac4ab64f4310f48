"""Whose row is it? How rows of a mapped model lead to their person, and how many there are of one person."""

from collections.abc import Iterator
from functools import cache
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models
from django.db.models import Value

from consent.datamap.registry import entries

# How rows of a model lead to their person.
PATHS = ("subject", "minor", "contact__subject", "conversation__contact__subject", "request__subject",
         "item__request__subject", "package__subject")  # fmt: skip
PERSON = "consent.DataSubject"


@cache
def path_to_person(label: str) -> str:
    """The first path that this model has; empty for what belongs to nobody."""
    if label == PERSON:
        return "pk"
    model = apps.get_model(label)
    return next((path for path in PATHS if _leads_to_person(model, path.split("__"))), "")


def of_people() -> Iterator[str]:
    """Labels of the mapped models whose rows belong to a person, in the order of the map."""
    return (label for label in entries() if path_to_person(label))


def row_counts(subject_id: UUID) -> dict[str, int]:
    """How many rows each model has about the person, those without any left out. One query."""
    parts, values = [], []
    for label in of_people():
        model = apps.get_model(label)
        rows = model._default_manager.filter(**{path_to_person(label): subject_id}).order_by()
        sql, params = rows.annotate(one=Value(1)).values("one").query.sql_with_params()
        parts.append(f"SELECT %s AS label, count(*) AS n FROM ({sql}) AS found")  # noqa: S608 - made by Django
        values += [label, *params]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        return {label: n for label, n in cursor.fetchall() if n}


def _leads_to_person(model: type[models.Model], parts: list[str]) -> bool:
    for name in parts:
        try:
            found = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if not isinstance(found, models.ForeignKey):
            return False
        model = found.related_model
    return model._meta.label == PERSON
