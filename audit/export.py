"""The sealed trail as JSON lines: a header, then each segment followed by its rows."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection

from audit import canonical
from audit.checkpoints import line
from audit.models import Segment
from audit.sealing import EMPTY_CHAIN

FORMAT = "ponte.audit.export.v1"
ROWS = f"""
SELECT s.position, encode(l.row_mac, 'hex'), {canonical.sql("l")}
FROM audit_seals s LEFT JOIN audit_logs l ON l.id = s.entry_id AND l.created_at = s.created_at
WHERE s.segment = %s ORDER BY s.position
"""  # noqa: S608 - constants


def lines(*, first: int = 1, last: int | None = None) -> Iterator[str]:
    """Every line of the export, in order. Rows that are gone are given without content: the verifier names them."""
    before = Segment.objects.filter(number=first - 1).first()
    start = bytes(before.head) if before else EMPTY_CHAIN
    yield as_line({"format": FORMAT, "chain": start.hex()})
    segments = Segment.objects.filter(number__gte=first).order_by("number")
    for segment in (segments.filter(number__lte=last) if last else segments).iterator():
        yield as_line({"segment": line(segment)})
        with connection.cursor() as cursor:
            cursor.execute(ROWS, [segment.number])
            for position, mac, text in cursor.fetchall():
                yield as_line({"position": position, "mac": mac, "row": json.loads(text) if mac is not None else None})


def as_line(held: dict[str, Any]) -> str:
    return json.dumps(held, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
