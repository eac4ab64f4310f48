"""A process that calls Krayin as its only connection does, as fast as it may: `python -m tests.resilience.hammer 70`.

It prints how many calls came through and how often it was told to wait, or ends with the error that stopped it.
"""

import sys
import time
from collections import Counter

import django


def main(seconds: float) -> None:
    from bridge.errors import CredentialsRefused, Paced, PartnerUnavailable
    from bridge.models import Connection
    from bridge.sync.clock import database_now
    from bridge.sync.partners import krayin_client

    connection = Connection.objects.get()
    counted: Counter[str] = Counter(calls=0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client, _ = krayin_client(connection)
        try:
            client.leads_by_ids([1])
            counted["calls"] += 1
        except Paced as paced:
            counted["waits"] += 1
            wait_s = (paced.until - database_now()).total_seconds()
            time.sleep(min(max(wait_s, 0.01), max(end - time.monotonic(), 0)))
        except (CredentialsRefused, PartnerUnavailable) as error:
            counted[type(error).__name__] += 1
    sys.stdout.write(f"{dict(counted)}\n")


if __name__ == "__main__":
    django.setup()  # models can be imported only afterwards
    main(float(sys.argv[1]))
