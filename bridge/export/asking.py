"""Partners' errors as the export understands them: wait for the budget, try later, or leave out what is gone."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.errors import Paced, PartnerError
from consent.export.sources import SourceAway, SourceWaits


@contextmanager
def asked() -> Iterator[None]:
    """Raises SourceWaits and SourceAway in place of what the clients raise."""
    try:
        yield
    except Paced as paced:
        raise SourceWaits(paced.until) from paced
    except PartnerError as error:
        raise SourceAway(error.code or type(error).__name__) from error
