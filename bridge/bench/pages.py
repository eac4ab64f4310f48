"""How long the pages of the admin take at 1 M links and 5 M messages: every entry of the menu, and one row of each list.

They are asked over HTTP by a signed-in superuser, who sees every clinic, one page after the other (screens section 1,
rule 17).
"""

from __future__ import annotations

import re
from functools import partial
from itertools import chain
from time import time
from urllib.parse import urljoin

import requests
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore
from django_otp import DEVICE_ID_SESSION_KEY

from bridge.bench import queries
from bridge.bench.errors import CannotMeasure
from bridge.bench.ground import Ground
from bridge.bench.report import Report, at_most
from bridge.bench.timing import percentiles_ms, timed
from consent.access import sessions
from consent.models import User

LIMIT_MS = 1000
RUNS = 20
TOLD = 8
HOME = "/admin/"
MENU = re.compile(r'href="(/admin/[^"#?]*)"')
ROW = re.compile(r'href="(/admin/[^"#?]+/\d+/(?:change/)?)[?"]')
NO_PAGES = ("logout", "jsi18n", "password_change", "/add/")


class Reader:
    """A signed-in superuser."""

    def __init__(self, web: str) -> None:
        self._web = web
        self._http = requests.Session()
        self._http.cookies.set(settings.SESSION_COOKIE_NAME, signed_in())

    def open(self, path: str) -> str:
        """The page's HTML. Raises CannotMeasure when it is none."""
        answer = self._http.get(urljoin(self._web, path), timeout=60)
        if answer.status_code != 200 or "login" in answer.url:
            raise CannotMeasure(f"{path} answered {answer.status_code}")
        return answer.text


def measure(ground: Ground, report: Report) -> None:
    queries.fill(ground, report)
    reader = Reader(ground.web())
    paths = pages(reader)
    runs = 3 if ground.wishes.small else RUNS
    ground.say(f"opening {len(paths)} pages {runs} times each")
    took: dict[str, list[float]] = {path: [] for path in paths}
    reader.open(HOME)  # the first page fills caches
    ground.statements.begin()
    for _ in range(runs):
        for path in paths:
            timed(partial(reader.open, path), took[path])
    report.statements = ground.statements.top()
    by_page = {path: percentiles_ms(seconds) for path, seconds in took.items()}
    slow = sorted(paths, key=lambda path: -by_page[path]["p95"])[:TOLD]
    slowest = slow[0]
    report.figures |= {"pages": len(paths), "slowest_page_p95_ms": by_page[slowest]["p95"]}
    report.latencies_ms = {"all_pages": percentiles_ms(chain(*took.values())), "slowest_page": by_page[slowest]}
    report.baseline["health_check_p50_ms"] = _least(reader)["p50"]
    report.compare(
        by_page[slowest]["p50"], report.baseline["health_check_p50_ms"], "slowest page, p50 / a health check"
    )
    report.notes.append("the slowest pages: " + ", ".join(f"{path} {by_page[path]['p95']:.0f} ms" for path in slow))
    report.targets.append(at_most("the slowest page of the admin, p95 (ms)", by_page[slowest]["p95"], LIMIT_MS))


def pages(reader: Reader) -> list[str]:
    """What the menu leads to, and one row of every list."""
    menu = {path for path in MENU.findall(reader.open(HOME)) if not any(part in path for part in NO_PAGES)}
    rows = {found.group(1) for path in sorted(menu) if (found := ROW.search(reader.open(path)))}
    return sorted(menu | rows | {HOME})


def signed_in() -> str:
    """The key of a session as the pages of the sign-in leave it."""
    user = User.objects.create_superuser("telas@clinica.exemplo", None, name="Medição de telas")
    session, now = SessionStore(), int(time())
    session[auth.SESSION_KEY], session[auth.BACKEND_SESSION_KEY] = str(user.pk), sessions.BACKEND
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update({sessions.BEGAN: now, sessions.SEEN: now, sessions.CHECKED: now, DEVICE_ID_SESSION_KEY: "bench"})
    session.create()
    return str(session.session_key)


def _least(reader: Reader) -> dict[str, float]:
    """The least the same process answers over the same connection."""
    took: list[float] = []
    for _ in range(RUNS):
        timed(lambda: reader.open("/healthz"), took)
    return percentiles_ms(took)
