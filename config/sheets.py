"""Lists as files for spreadsheets: RFC 4180 with the mark Excel needs, and no cell that it takes for a formula."""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpResponse

NUMBER = re.compile(r"-[0-9.,]+")


def sheet(name: str, header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """A file to download; `name` without ending. Semicolons, because Excel in Portuguese splits at them."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    # Spreadsheets take UTF-8 for what it is only with this mark.
    response.write("\ufeff")
    written = csv.writer(response, delimiter=";")
    written.writerow([plain(one) for one in header])
    written.writerows([plain(value) for value in row] for row in rows)
    return response


def plain(value: Any) -> str:
    """Text that a spreadsheet does not take for a formula; numbers below zero stay numbers."""
    text = str(value)
    is_formula = text[:1] in {"=", "+", "-", "@", "\t", "\r"} and not NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
