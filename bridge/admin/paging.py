"""Pages of long tables: no total count, and no page so far out that finding it is a scan (screens rule 11)."""

from functools import cached_property

from django.core.paginator import Paginator

ROWS_REACHABLE = 1000


class BoundedPaginator(Paginator):
    """Counts and reaches the first 1,000 rows; who looks for more asks a narrower question."""

    # Previous and next only: django-unfold draws this instead of page numbers.
    template_name = "unfold/helpers/pagination_infinite.html"

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if hasattr(rows, "order_by"):
            return int(rows.order_by()[:ROWS_REACHABLE].count())
        return min(len(rows), ROWS_REACHABLE)
