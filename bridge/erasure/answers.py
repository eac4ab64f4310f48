"""Partners' errors as the erasure understands them (lgpd section 16)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bridge.errors import EffectUnknown, Paced, PartnerError, PartnerMisconfigured, PartnerRejected, PartnerUnavailable
from consent.erasure.systems import Later, NotRemoved

AWAY = timedelta(minutes=5)
OPERATOR = timedelta(hours=1)


@contextmanager
def removing(now: datetime) -> Iterator[None]:
    """Raises Later while nothing was asked, NotRemoved when it did not work or nobody can tell.

    PartnerGone passes: what is gone is what was wanted.
    """
    try:
        yield
    except Paced as paced:
        raise Later(paced.until, "paced") from paced
    except PartnerMisconfigured as error:
        raise Later(now + OPERATOR, error.code or "away") from error
    except EffectUnknown as error:
        raise NotRemoved("timeout" if error.status is None else "server_error") from error
    except PartnerRejected as error:
        raise NotRemoved("rejected") from error
    except PartnerUnavailable as error:
        raise NotRemoved("away" if error.status is None else "server_error") from error


def is_unknown_route(error: PartnerError) -> bool:
    """This installation has no such address: nobody can remove it from here."""
    return isinstance(error, PartnerMisconfigured) and error.code == "unknown-route"
