"""Walking through the admin as somebody: from the start page along every link, filter and question of a form."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse

from audit.models import AuditLog
from tests.crawl.reading import Reading

START = reverse("admin:index")
# The admin, and the pages of one's own account.
ROOTS = (START, "/conta/")
# Signing out ends the walk; the catalogue of the browser's texts is no page.
NOT_WALKED = {"logout", "jsi18n"}
# Where a link came from, and counts beside the filters.
NOT_ASKED = {"_changelist_filters", "_facets"}


def route_of(address: str) -> str:
    return resolve(urlsplit(address).path).url_name or ""


@dataclass(frozen=True)
class Place:
    """An address, and the kind of page there: the name of its route and what its query asks for."""

    address: str

    @property
    def route(self) -> str:
        return route_of(self.address)

    @property
    def asks(self) -> frozenset[str]:
        return frozenset(name for name, _value in parse_qsl(urlsplit(self.address).query))

    @property
    def names_a_row(self) -> bool:
        """Whether the path holds the number of something that belongs to a clinic."""
        values = resolve(urlsplit(self.address).path).kwargs.values()
        return any(str(value).replace("-", "").isalnum() and any(map(str.isdigit, str(value))) for value in values)


@dataclass(frozen=True)
class Seen:
    """A page as it came: how many queries it took, how many lines it left in the audit trail."""

    place: Place
    status: int
    queries: int
    recorded: int
    reading: Reading = field(repr=False)


def walk(client: Client, *, rows: int = 1, values: int = 2) -> Iterator[Seen]:
    """Open every page once: of each kind at most `rows` objects, and of each filter at most `values` choices."""
    todo, known, counts = deque([Place(START)]), {START}, Counter[tuple[str, frozenset[str]]]()
    while todo:
        place = todo.popleft()
        kind = (place.route, place.asks)
        counts[kind] += 1
        if counts[kind] > (rows if len(place.asks) != 1 else values):
            continue
        seen, onward = look(client, place)
        yield seen
        # A page that was already filtered leads nowhere new: else every choice would be tried with every other.
        for address in onward if not place.asks else ():
            found = inside(place.address, address)
            if found and found not in known:
                known.add(found)
                todo.append(Place(found))


def look(client: Client, place: Place) -> tuple[Seen, list[str]]:
    before = AuditLog.objects.count()
    with ExitStack() as watching:
        asked = [watching.enter_context(CaptureQueriesContext(connections[name])) for name in ("default", "audit")]
        answer = client.get(place.address)
        queries = sum(len(one) for one in asked)
    html = answer.content.decode() if answer["Content-Type"].startswith("text/html") else ""
    reading = Reading(html)
    onward = [answer["Location"]] if answer.status_code == 302 else reading.leads_to
    return Seen(place, answer.status_code, queries, AuditLog.objects.count() - before, reading), onward


def inside(base: str, link: str) -> str:
    """The address of a page of the admin, without what shows nothing else; empty for all others."""
    parts = urlsplit(urljoin(base, link))
    if parts.netloc or not parts.path.startswith(ROOTS) or link.startswith("#"):
        return ""
    if route_of(parts.path) in NOT_WALKED:
        return ""
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in NOT_ASKED]
    return parts.path + (f"?{urlencode(query)}" if query else "")
