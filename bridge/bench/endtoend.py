"""How long it takes from a webhook until person and lead can be seen in the CRM, counted from when it was due.

Every event is somebody new: the dearest case. Web, lane workers and the Celery worker run as in production; each call
of the simulated Krayin takes 50 ms, its limit is lifted. The baseline is what the CRM alone takes: the same two calls,
look first, then create lead and person, by a plain loop.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from django.db import connections

from bridge.bench import clinics
from bridge.bench.bodies import People, requests_of
from bridge.bench.errors import CannotMeasure
from bridge.bench.ground import Ground
from bridge.bench.load import Load
from bridge.bench.report import Report, at_most
from bridge.bench.timing import percentiles_ms, timed
from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Labelled, LeadDraft, PersonDraft
from bridge.models import Connection
from bridge.sync.partners import krayin_client
from config.running import http

CALL_MS = 50.0
RATE = 20
CONNECTIONS = 5
WORKERS, THREADS = 2, 4
SETTLE_S = 60.0
LEAD = re.compile(r"ponte-([a-z0-9]+)-c(\d+)-l1")


def measure(ground: Ground, report: Report) -> None:
    partners = ground.partners(latency_ms=CALL_MS)
    krayin = partners["krayins"][0]
    made = clinics.connected(partners["chatwoot"], krayin, number=0, twins=CONNECTIONS - 1)
    baseline = _two_calls(made[0], ground.sized(50, 10))
    web, doors = ground.web(), clinics.doors(made)
    connections.close_all()
    ground.celery()
    ground.workers(WORKERS, threads=THREADS)
    people = People()
    count = max(1, int(RATE * ground.lasting(60, 1)))
    told = [people.first_message() for _ in range(count + CONNECTIONS)]
    pairs = [(doors[n % CONNECTIONS], one.body) for n, one in enumerate(told)]
    wanted = {f"{made[n % CONNECTIONS].ref_code}/{one.contact_id}": n for n, one in enumerate(told[:count])}
    requests = list(requests_of(pairs))
    _load(web).open(requests[count:], rate=RATE)  # opens connections, signs in, fills caches
    _wait(ground, krayin["url"], CONNECTIONS)
    ground.say(f"{count} new people at {RATE} a second")
    ground.statements.begin()
    before = ground.cpu_s()
    sent = _load(web).open(requests[:count], rate=RATE)
    seen = _wait(ground, krayin["url"], len(requests))
    report.figures |= ground.cpu_ms_each("event", count, before)
    report.statements = ground.statements.top()
    took = [seen[key] - sent.due_at[number] for key, number in wanted.items() if key in seen and number in sent.due_at]
    if not took:
        raise CannotMeasure("no lead became visible in the CRM")
    report.latencies_ms = {
        "webhook_answered": percentiles_ms(sent.latencies),
        "person_and_lead_visible": percentiles_ms(took),
        "two_calls_of_the_crm_alone": baseline,
    }
    report.figures |= {"events_per_s": RATE, "events": count, "call_ms": CALL_MS, "refused": sent.refused()}
    report.figures["missing"] = count - len(took)
    _tell(report)
    report.tell_memory(ground.memory_mb())


def _two_calls(clinic: Connection, count: int) -> dict[str, float]:
    """Milliseconds of looking for somebody and creating lead and person at once, without Ponte in between."""
    client, _ = krayin_client(clinic, patient=True)
    took: list[float] = []
    for number in range(count):
        email = f"base{number}@exemplo.com.br"
        draft = LeadDraft(
            title=f"Base {number}", stage_id=clinic.first_stage_id or 0, source_id=clinic.source_id,
            type_id=clinic.type_id, person=PersonDraft(f"Base {number}", (Labelled(email),)),
        )  # fmt: skip
        timed(partial(_look_and_create, client, email, draft), took)
    return percentiles_ms(took)


def _look_and_create(client: KrayinClient, email: str, draft: LeadDraft) -> None:
    client.person_search(email=email)
    client.lead_create(draft)


def _tell(report: Report) -> None:
    row, alone = report.latencies_ms["person_and_lead_visible"], report.latencies_ms["two_calls_of_the_crm_alone"]
    report.baseline = {"two_calls_of_the_crm_p50_ms": alone["p50"]}
    report.compare(row["p50"], alone["p50"], "p50, Ponte / the CRM's two calls alone")
    report.targets += [
        at_most("person and lead visible, p50 (ms)", row["p50"], 200),
        at_most("person and lead visible, p95 (ms)", row["p95"], 400),
        at_most("missing leads", report.figures["missing"], 0),
    ]


def _load(web: str) -> Load:
    address = urlsplit(web)
    return Load((address.hostname or "", address.port or 0), connections=8)


def _wait(ground: Ground, krayin_url: str, leads: int) -> Mapping[str, float]:
    """When each lead became visible, by reference code and contact; waits for so many of them, a minute at most."""
    seen: dict[str, float] = {}

    def are_there() -> bool:
        seen.update(_seen(krayin_url))
        time.sleep(0.2)
        return len(seen) >= leads

    ground.processes.until(are_there, SETTLE_S)
    return seen


def _seen(krayin_url: str) -> dict[str, float]:
    titles: dict[str, float] = http.get(f"{krayin_url}/__seen__")
    found = ((LEAD.search(title), moment) for title, moment in titles.items())
    return {f"{match[1]}/{match[2]}": moment for match, moment in found if match}
