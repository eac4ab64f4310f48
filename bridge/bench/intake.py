"""How fast webhooks are answered: Ponte's web processes beside a bare view, at full speed and at a steady rate."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db import connections

from bridge.bench import clinics
from bridge.bench.bodies import Door, People, in_turn
from bridge.bench.ground import Ground
from bridge.bench.load import Load, Sent
from bridge.bench.machine import memory_mb
from bridge.bench.report import Report, at_least, at_most
from bridge.bench.timing import median, percentiles_ms

CONNECTIONS = 16  # of the load generator, at full speed
STEADY_CONNECTIONS = 64
CLINICS = 20
PEOPLE = 1000
ROUNDS = 5
ENOUGH_A_SECOND = 4000  # requests made before a round: more than any machine of two cores answers
STEADY_RATE, FROZEN_RATE = 300, 50


class Intake:
    """Both webs, and the requests for them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        people = People()
        self.bodies = [people.first_message().body for _ in range(ground.sized(PEOPLE, 50))]
        self.doors: list[Door] = clinics.doors(clinics.receiving(ground.sized(CLINICS, 3)))
        connections.close_all()
        self.webs = {"bare": ground.bare(), "ponte": ground.web()}

    def full_speed(self, web: str, seconds: float) -> Sent:
        requests = in_turn(self.doors, self.bodies, int(ENOUGH_A_SECOND * seconds))
        return self._load(web, CONNECTIONS).closed(requests, seconds=seconds)

    def steady(self, web: str, rate: int, seconds: float) -> Sent:
        requests = in_turn(self.doors, self.bodies, int(rate * seconds))
        return self._load(web, STEADY_CONNECTIONS).open(requests, rate=rate)

    def _load(self, web: str, connections_: int) -> Load:
        address = urlsplit(self.webs[web])
        return Load((address.hostname or "", address.port or 0), connections=connections_)


def measure(ground: Ground, report: Report) -> None:
    """Rounds of both in turn at full speed, so that a slow moment of the machine hits both; then steady rates."""
    intake = Intake(ground)
    sizes = [len(body) for body in intake.bodies]
    report.notes.append(f"bodies of {min(sizes)} to {max(sizes)} bytes over {len(intake.doors)} connections")
    for web in intake.webs:
        intake.full_speed(web, ground.lasting(2, 0.5))  # the first requests open connections and fill caches
    _at_full_speed(intake, report)
    _at_a_steady_rate(intake, report)
    report.figures |= {f"memory_{name}_mb": size for name, size in memory_mb(ground.started).items() if name == "web"}
    if "memory_web_mb" in report.figures:
        report.targets.append(at_most("memory of a web process (MB)", report.figures["memory_web_mb"], 150))


def _at_full_speed(intake: Intake, report: Report) -> None:
    seconds = intake.ground.lasting(5, 0.5)
    rates: dict[str, list[float]] = {"bare": [], "ponte": []}
    latencies: dict[str, list[float]] = {"bare": [], "ponte": []}
    refused = 0
    for _ in range(intake.ground.sized(ROUNDS, 1)):
        for web in rates:
            sent = intake.full_speed(web, seconds)
            rates[web].append(sent.rate)
            latencies[web] += sent.latencies
            refused += sent.refused()
    report.figures |= {"acks_per_s": round(median(rates["ponte"]), 1), "refused_at_full_speed": refused}
    report.baseline = {"acks_per_s": round(median(rates["bare"]), 1)}
    report.ratio = round(median(ours / theirs for ours, theirs in zip(rates["ponte"], rates["bare"], strict=True)), 3)
    report.latencies_ms |= {f"full_speed_{web}": percentiles_ms(took) for web, took in latencies.items()}
    report.targets += [
        at_least("acks beside a bare view (ratio)", report.ratio, 0.8),
        at_least("acks a second at 16 connections", report.figures["acks_per_s"], 1000),
    ]


def _at_a_steady_rate(intake: Intake, report: Report) -> None:
    seconds = intake.ground.lasting(20, 1)
    steady = {"bare": intake.steady("bare", STEADY_RATE, seconds)}
    intake.ground.statements.begin()
    steady["ponte"] = intake.steady("ponte", STEADY_RATE, seconds)
    report.statements = intake.ground.statements.top()
    with intake.ground.frozen_broker():
        frozen = intake.steady("ponte", FROZEN_RATE, seconds)
    series = {f"steady_{STEADY_RATE}_{web}": sent for web, sent in steady.items()}
    series[f"broker_frozen_{FROZEN_RATE}_ponte"] = frozen
    report.latencies_ms |= {name: percentiles_ms(sent.latencies) for name, sent in series.items()}
    report.figures["refused_at_steady_rates"] = sum(sent.refused() for sent in series.values())
    for name in (f"steady_{STEADY_RATE}_ponte", f"broker_frozen_{FROZEN_RATE}_ponte"):
        report.targets.append(at_most(f"p99 of {name} (ms)", report.latencies_ms[name].get("p99", 0.0), 20))
