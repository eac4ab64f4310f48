"""How fast webhooks are answered: Ponte's web processes beside a bare view, at full speed and at a steady rate."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db import connections

from bridge.bench import clinics, pgbench
from bridge.bench.bodies import Door, People, in_turn
from bridge.bench.errors import CannotMeasure
from bridge.bench.ground import Ground
from bridge.bench.load import Load, Sent
from bridge.bench.report import Report, at_least, at_most
from bridge.bench.timing import median, percentiles_ms
from bridge.webhooks.intake import STORE

CONNECTIONS = 16  # of the load generator, at full speed
STEADY_CONNECTIONS = 64
CLINICS = 20
PEOPLE = 1000
ROUNDS = 5
ENOUGH_A_SECOND = 4000  # requests made before a round: more than any machine of two cores answers
STEADY_RATE, FROZEN_RATE = 300, 50
IDLE = {"bare": "_web", "ponte": "_bare"}  # the process that has nothing to do meanwhile


class Intake:
    """Both webs, and the requests for them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        people = People()
        self.bodies = [people.first_message().body for _ in range(ground.sized(PEOPLE, 50))]
        made = clinics.receiving(ground.sized(CLINICS, 3))
        self.numbers = [connection.pk for connection in made]
        self.doors: list[Door] = clinics.doors(made)
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
    if ground.pgbench.is_there:
        _by_the_database_alone(intake, report)
    _at_a_steady_rate(intake, report)
    report.tell_memory(ground.memory_mb())


def _at_full_speed(intake: Intake, report: Report) -> None:
    ground = intake.ground
    seconds, rounds = ground.lasting(5, 0.5), 1 if ground.wishes.small else ROUNDS
    ground.say(f"{rounds} rounds at full speed, {seconds:g} s each, beside a bare view")
    rates: dict[str, list[float]] = {"bare": [], "ponte": []}
    latencies: dict[str, list[float]] = {"bare": [], "ponte": []}
    used: dict[str, dict[str, float]] = {}
    refused = 0
    for _ in range(rounds):
        for web in rates:
            before = ground.cpu_s()
            sent = intake.full_speed(web, seconds)
            spent = ground.cpu_ms_each("ack", len(sent.latencies), before)
            used[web] = {name: ms for name, ms in spent.items() if not name.endswith(IDLE[web])}  # of the last round
            rates[web].append(sent.rate)
            latencies[web] += sent.latencies
            refused += sent.refused()
    acks = round(median(rates["ponte"]), 1)
    report.figures |= {"acks_per_s": acks, "refused_at_full_speed": refused, **used["ponte"]}
    report.baseline |= {"bare_view_acks_per_s": round(median(rates["bare"]), 1), **used["bare"]}
    ratio = median(ours / max(theirs, 1.0) for ours, theirs in zip(rates["ponte"], rates["bare"], strict=True))
    report.ratio = round(ratio, 3)
    report.latencies_ms |= {f"full_speed_{web}": percentiles_ms(took) for web, took in latencies.items()}
    report.targets += [
        at_least("acks beside a bare view (ratio)", ratio, 0.8),
        at_least("acks a second at 16 connections", acks, 1000),
    ]


def _by_the_database_alone(intake: Intake, report: Report) -> None:
    """The same statement from as many clients: what is left when there is no view at all."""
    sets = {
        "connection": f"random({min(intake.numbers)}, {max(intake.numbers)})",
        "lane": f"random(1, {max(1, len(intake.bodies) // len(intake.numbers))})",
    }
    given = {
        "key": "gen_random_uuid()", "event_type": "'message_created'", "lane": "('p:' || :lane)", "occurred_at": "now()",
        "arrived_at": "now()", "arrived_by": "'webhook'", "verification": "'signed'", "status": "'received'",
        "conversation_id": "NULL::bigint", "contact_id": "NULL::bigint", "cause": "''", "row_ref": "gen_random_uuid()",
        "key_day": "current_date", "headers": "'{}'", "sealed": f"'\\x{intake.bodies[0].hex()}'::bytea",
        "sha256": "sha256('')", "length": str(len(intake.bodies[0])),
    }  # fmt: skip
    seconds = intake.ground.lasting(5, 1)
    played = intake.ground.pgbench.play(
        pgbench.script([STORE], sets=sets, given=given), clients=CONNECTIONS, seconds=seconds
    )
    report.baseline["pgbench_statements_per_s"] = round(played.rate, 1)
    report.latencies_ms["full_speed_pgbench"] = percentiles_ms(played.latencies)


def _at_a_steady_rate(intake: Intake, report: Report) -> None:
    ground, seconds = intake.ground, intake.ground.lasting(20, 1)
    ground.say(f"{STEADY_RATE} a second to both views, then {FROZEN_RATE} with a frozen broker, {seconds:g} s each")
    steady = {"bare": intake.steady("bare", STEADY_RATE, seconds)}
    ground.statements.begin()
    steady["ponte"] = intake.steady("ponte", STEADY_RATE, seconds)
    report.statements = ground.statements.top()
    with ground.frozen_broker():
        frozen = intake.steady("ponte", FROZEN_RATE, seconds)
    series = {f"steady_{STEADY_RATE}_{web}": sent for web, sent in steady.items()}
    series[f"broker_frozen_{FROZEN_RATE}_ponte"] = frozen
    report.latencies_ms |= {name: percentiles_ms(sent.latencies) for name, sent in series.items()}
    refused = sum(sent.refused() for sent in series.values())
    report.figures["refused_at_steady_rates"] = refused
    report.targets += [
        at_most(f"p99 at a steady {STEADY_RATE}/s (ms)", _p99(steady["ponte"]), 20),
        at_most(f"p99 at {FROZEN_RATE}/s with a frozen broker (ms)", _p99(frozen), 20),
        at_most("webhooks refused", refused + report.figures["refused_at_full_speed"], 0),
    ]


def _p99(sent: Sent) -> float:
    if not sent.latencies:
        raise CannotMeasure("no webhook was answered at a steady rate")
    return percentiles_ms(sent.latencies)["p99"]
