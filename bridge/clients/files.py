"""Fetching a file that a partner points to: no login, no cookies, bounded in time and size, never in a transaction."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from bridge.clients.base import USER_AGENT, forbid_open_transaction
from bridge.errors import PartnerGone, PartnerUnavailable

WAIT_S = (4, 30)
BLOCK = 64 * 1024


def file_at(url: str, *, partner: str, largest: int) -> Iterator[bytes]:
    """The bytes of a file. Raises PartnerGone when it is not there, PartnerUnavailable for everything else.

    A partner may lead to its store, which may be elsewhere; nothing of ours goes along.
    """
    forbid_open_transaction()
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    try:
        with requests.get(url, stream=True, timeout=WAIT_S, headers=headers) as answer:
            if answer.status_code != 200:
                kind = PartnerGone if answer.status_code in {403, 404, 410} else PartnerUnavailable
                raise kind(partner, "GET file", status=answer.status_code, code="file")
            size = 0
            for chunk in answer.iter_content(BLOCK):
                size += len(chunk)
                if size > largest:
                    raise PartnerUnavailable(partner, "GET file", code="too-large")
                yield chunk
    except requests.RequestException:
        # Outside the block, without cause: the error would quote the address, which is a secret.
        failed = True
    else:
        failed = False
    if failed:
        raise PartnerUnavailable(partner, "GET file", code="interrupted")
