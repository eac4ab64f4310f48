"""The search grammar of l5-repository's request criteria, with its floods (contract sections 4 and 20.1).

`search=<term>&searchFields=<field>:<condition>`; conditions `=`, `like`, `in`. A search that parses to nothing is
dropped, and then every record comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bridge.sandbox.krayin.collation import Predicate, equals, is_in, like
from bridge.sandbox.krayin.context import Call, to_int
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.listing import Shape, sort_rows
from bridge.sandbox.krayin.schema import (
    BELONGS_TO,
    BELONGS_TO_MANY,
    COLUMNS,
    HAS_MANY,
    VALUE_COLUMN,
    VALUE_KIND,
    WITH_VALUES,
)
from bridge.sandbox.krayin.store import Row, Store

RowTest = Callable[[Row], bool]

SEARCHABLE: dict[str, list[str]] = {
    "persons": [
        "name", "emails", "contact_numbers", "organization_id", "job_title", "organization.name", "user_id",
        "user.name",
    ],
    "leads": [
        "title", "lead_value", "status", "user_id", "user.name", "person_id", "person.name", "lead_source_id",
        "lead_type_id", "lead_pipeline_id", "lead_pipeline_stage_id", "created_at", "closed_at",
        "expected_close_date",
    ],
    "tags": ["name", "color", "user_id"],
    "users": ["name", "email", "status"],
}  # fmt: skip

_CONDITIONS = ("=", "like", "in")
_DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Term:
    """One condition that takes part in the search."""

    field: str
    condition: str
    value: str


def answer(call: Call, table: str, shape: Shape, *, own_rows_only: bool = False) -> Row:
    """The hits as `{"data": [...]}`, without pages.

    A user who may not see everything gets a 500, because the vendor's code calls a query method on a collection.
    """
    if own_rows_only and call.user["view_permission"] != "global":
        raise ServerError
    terms = parse(table, call.query)
    fits = _combined(call, table, terms)
    rows = [row for row in call.store.rows(table) if fits(row)]
    limit = to_int(call.query.get("limit"))
    chosen = _ordered(call, table, rows)[: _DEFAULT_LIMIT if limit is None else max(0, limit)]
    return {"data": [shape(call, row) for row in chosen]}


def parse(table: str, query: Row) -> list[Term]:
    """The conditions of a search; an empty list means that nothing is restricted.

    Raises `ServerError` when no requested field is accepted.
    """
    search = query.get("search")
    if not isinstance(search, str) or search in ("", "0"):
        return []
    keyed = _keyed_values(search)
    plain = _plain_value(search)
    terms: list[Term] = []
    for field, condition in _fields(table, query.get("searchFields"), keyed).items():
        value = keyed.get(field)
        if value is None and condition != "in":
            value = plain
        if value is None or (condition == "in" and _nothing_listed(field, value)):
            continue
        terms.append(Term(field, condition, value))
    return terms


def _nothing_listed(field: str, value: str) -> bool:
    first = value.split(",")[0].strip()
    return first in ("", field.rpartition(".")[2])


def _keyed_values(search: str) -> dict[str, str]:
    """`field:value;field:value`; a second colon cuts the value, the last of two equal fields counts."""
    if search.find(":") <= 0:
        return {}
    pairs = (part.split(":") for part in search.split(";"))
    return {pair[0]: pair[1] for pair in pairs if len(pair) > 1}


def _plain_value(search: str) -> str | None:
    """The first part without a colon: it becomes the value of every field that has none of its own."""
    if search.find(";") <= 0 and search.find(":") <= 0:
        return search
    return next((part for part in search.split(";") if ":" not in part), None)


def _fields(table: str, requested: object, keyed: dict[str, str]) -> dict[str, str]:
    """Fields with their conditions. Without `searchFields` every searchable field is compared for equality."""
    searchable: list[str] = list(SEARCHABLE[table])
    if not isinstance(requested, str) or requested == "":
        if requested == "":
            return dict.fromkeys((name for name in searchable if name in keyed), "=") or _refuse()
        return dict.fromkeys(searchable, "=")
    names: list[str] = []
    conditions: dict[str, str] = {}
    for entry in requested.split(";"):
        name, _, condition = entry.partition(":")
        if condition not in _CONDITIONS:
            names.append(entry)
            continue
        # The vendor unsets the first searchable field when the requested one is not in the list.
        removed = name if name in searchable else (SEARCHABLE[table][0])
        searchable = [item for item in searchable if item != removed]
        conditions[name] = condition
        names.append(name)
    wanted = {*keyed, *names}
    fields = {name: "=" for name in searchable if name in wanted}
    fields.update({name: condition for name, condition in conditions.items() if name in wanted})
    return fields or _refuse()


def _refuse() -> dict[str, str]:
    raise ServerError


def _ordered(call: Call, table: str, rows: list[Row]) -> list[Row]:
    column = call.query.get("orderBy")
    if not column:
        return sorted(rows, key=lambda row: row["id"])
    return sort_rows(table, rows, str(column), descending=str(call.query.get("sortedBy", "asc")).lower() == "desc")


def _combined(call: Call, table: str, terms: list[Term]) -> RowTest:
    tests = [_test(call.store, table, term) for term in terms]
    if not tests:
        return lambda row: True
    if str(call.query.get("searchJoin", "")).lower() == "and":
        return lambda row: all(check(row) for check in tests)
    return lambda row: any(check(row) for check in tests)


def _test(store: Store, table: str, term: Term) -> RowTest:
    """The condition as a function of a row. An unknown column or relation ends as 500."""
    *relations, column = term.field.split(".")
    return _through(store, table, relations, lambda kind: _predicate(kind, term), column)


def _predicate(kind: str, term: Term) -> Predicate:
    if term.condition == "like":
        return like(kind, f"%{term.value}%")
    if term.condition == "in":
        return is_in(kind, term.value.split(","))
    return equals(kind, term.value)


def _through(
    store: Store, table: str, relations: list[str], predicate: Callable[[str], Predicate], column: str
) -> RowTest:
    if not relations:
        return _on_column(table, predicate, column)
    relation, *rest = relations
    if relation == "attribute_values" and table in WITH_VALUES and not rest:
        return _on_values(store, table, predicate, column)
    related, target = _related(store, table, relation)
    inner = _through(store, target, rest, predicate, column)
    return lambda row: any(inner(other) for other in related(row))


def _on_column(table: str, predicate: Callable[[str], Predicate], column: str) -> RowTest:
    kind = COLUMNS[table].get(column)
    if kind is None:
        raise ServerError
    fits = predicate(kind)
    return lambda row: fits(row[column])


def _on_values(store: Store, table: str, predicate: Callable[[str], Predicate], column: str) -> RowTest:
    kind = VALUE_KIND.get(column)
    if kind is None:
        raise ServerError
    fits = predicate(kind)
    ids = [item["id"] for item in store.attributes_of(table) if VALUE_COLUMN[item["type"]] == column]
    held = store.values[table]
    nothing: dict[int, object] = {}
    return lambda row: any(fits(held.get(row["id"], nothing).get(attribute_id)) for attribute_id in ids)


def _related(store: Store, table: str, relation: str) -> tuple[Callable[[Row], Iterable[Row]], str]:
    if relation in BELONGS_TO.get(table, {}):
        target, own = BELONGS_TO[table][relation]
        return lambda row: _one(store.get(target, row[own])), target
    if relation in HAS_MANY.get(table, {}):
        target, foreign = HAS_MANY[table][relation]
        return lambda row: (other for other in store.rows(target) if other[foreign] == row["id"]), target
    if relation in BELONGS_TO_MANY.get(table, {}):
        target, link = BELONGS_TO_MANY[table][relation]
        return lambda row: (store.tables[target][other] for other in store.links[link].of(row["id"])), target
    raise ServerError


def _one(row: Row | None) -> Iterable[Row]:
    return () if row is None else (row,)
