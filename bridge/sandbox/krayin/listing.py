"""Lists: equality filters on columns, sorting, pages (contract sections 3 and 20.2)."""

from __future__ import annotations

from collections.abc import Callable

from bridge.sandbox.krayin.collation import fold, is_in
from bridge.sandbox.krayin.context import Call, to_int
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.schema import COLUMNS
from bridge.sandbox.krayin.store import Row

Shape = Callable[[Call, Row], Row]

_NO_FILTERS = {"limit", "page", "pagination", "order", "sort"}
_DEFAULT_SIZE = 10
_ZERO_SIZE = 15
_ALL_PAGES_BELOW = 14
_NEAR_AN_END = 7


def answer(call: Call, table: str, shape: Shape, *, no_filters: frozenset[str] = frozenset()) -> Row:
    """The list of a table as `{"data", "links", "meta"}`, or `{"data"}` alone with `pagination=0`."""
    rows = _sorted(call, table, _filtered(call, table, no_filters))
    paged = call.query.get("pagination")
    if paged is not None and paged in ("", "0"):
        return {"data": [shape(call, row) for row in rows]}
    size = _page_size(call)
    page = max(1, to_int(call.query.get("page")) or 1)
    chosen = rows[(page - 1) * size : page * size]
    return {"data": [shape(call, row) for row in chosen], **_envelope(call, len(rows), len(chosen), page, size)}


def _filtered(call: Call, table: str, no_filters: frozenset[str]) -> list[Row]:
    rows = list(call.store.rows(table))
    for column, value in call.data.items():
        if column in _NO_FILTERS or column in no_filters:
            continue
        kind = COLUMNS[table].get(column)
        if kind is None or not isinstance(value, str):
            raise ServerError
        fits = is_in(kind, [part.strip() for part in value.split(",")])
        rows = [row for row in rows if fits(row[column])]
    return rows


def _sorted(call: Call, table: str, rows: list[Row]) -> list[Row]:
    column = call.query.get("sort")
    if not column:
        return sorted(rows, key=lambda row: row["id"], reverse=True)
    order = str(call.query.get("order") or "desc").lower()
    if order not in ("asc", "desc"):
        raise ServerError
    return sort_rows(table, rows, str(column), descending=order == "desc")


def sort_rows(table: str, rows: list[Row], column: str, *, descending: bool) -> list[Row]:
    """Rows by a column, NULL smallest, equal ones in id order. An unknown column ends as 500."""
    kind = COLUMNS[table].get(column)
    if kind is None:
        raise ServerError

    def key(row: Row) -> tuple[bool, object]:
        value = row[column]
        if value is None:
            return False, 0
        if kind == "text":
            return True, fold(value)
        return True, float(value) if kind in ("int", "decimal") else value

    return sorted(sorted(rows, key=lambda row: row["id"]), key=key, reverse=descending)


def _page_size(call: Call) -> int:
    size = to_int(call.query.get("limit"))
    if size is None:
        return _DEFAULT_SIZE
    if size < 0:
        raise ServerError
    return size or _ZERO_SIZE


def _envelope(call: Call, total: int, shown: int, page: int, size: int) -> Row:
    base = f"{call.crm.site}{call.request.path}"
    last = max(1, -(-total // size))
    first_item = (page - 1) * size + 1 if shown else None

    def link(number: int) -> str:
        return f"{base}?page={number}"

    previous = link(page - 1) if page > 1 else None
    following = link(page + 1) if page < last else None
    return {
        "links": {"first": link(1), "last": link(last), "prev": previous, "next": following},
        "meta": {
            "current_page": page,
            "from": first_item,
            "last_page": last,
            "links": [
                {"url": previous, "label": "&laquo; Previous", "active": False},
                *_page_links(page, last, link),
                {"url": following, "label": "Next &raquo;", "active": False},
            ],
            "path": base,
            "per_page": size,
            "to": None if first_item is None else first_item + shown - 1,
            "total": total,
        },
    }


def _page_links(page: int, last: int, link: Callable[[int], str]) -> list[Row]:
    """Every page while there are few; then the ends and the neighbourhood with dots between."""
    numbers = _shown_pages(page, last)
    links: list[Row] = []
    for index, number in enumerate(numbers):
        if index and number != numbers[index - 1] + 1:
            links.append({"url": None, "label": "...", "active": False})
        links.append({"url": link(number), "label": str(number), "active": number == page})
    return links


def _shown_pages(page: int, last: int) -> list[int]:
    """Laravel's window: three pages on each side, ten near an end, two at the other end."""
    if last < _ALL_PAGES_BELOW:
        return list(range(1, last + 1))
    if page <= _NEAR_AN_END:
        return [*range(1, 11), last - 1, last]
    if page > last - _NEAR_AN_END:
        return [1, 2, *range(last - 9, last + 1)]
    return [1, 2, *range(page - 3, page + 4), last - 1, last]
