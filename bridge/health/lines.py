"""Can I trust the system now? One line for each thing that can go wrong: state, value, since when, what to do (B9).

Everything is read from the database, from Redis and from the readings that processes leave behind; no partner is asked.
The limits are those of the alerts.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache

from django.conf import settings
from django.core.cache import cache as redis
from django.db import connection as db
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Min
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import Segment, Unsealed, Verification
from bridge.alerts.machine import Backup as BackupRule
from bridge.alerts.machine import Ending, Machine
from bridge.alerts.operation import named
from bridge.clients.base import USER_AGENT
from bridge.health import measures, readings, runs, schedule
from bridge.models import Breaker, Connection, Effect, Partner, SetupMark, WebhookEvent
from bridge.queries.home import SLOW_AFTER
from bridge.queries.setup_steps import keys_fingerprint
from bridge.queries.story_lines import cause_text
from bridge.queries.words import Word
from config import sentinel
from config.times import DAY, HOUR, ago, amount
from consent.queries import integrity

MINUTE = timedelta(minutes=1)
LATELY = 10 * MINUTE
SILENT = 3 * MINUTE  # who tells something each minute and has not for so long is not there
KINDS = ("lanes", "spool")
MEASURED = (
    readings.SPOOL_RECORDS, readings.SPOOL_SHARE, readings.SPOOL_OLDEST, readings.SPOOL_BAD, readings.ALIVE,
    readings.DISK, readings.CLOCK, readings.CPU, readings.CERTIFICATE,
)  # fmt: skip

P95_S = """
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM confirmed_at - sent_at)) FROM effects
WHERE state = 'confirmed' AND confirmed_at > %s AND sent_at IS NOT NULL AND looked_up_at IS NULL
"""


@dataclass(frozen=True)
class Line:
    """One thing. `means` says what it is about, `do` what a person does when it is not well."""

    code: str
    title: str
    word: Word
    value: str
    means: str
    do: str = ""
    since: datetime | None = None

    @property
    def is_well(self) -> bool:
        return self.word in {Word.DONE, Word.IGNORED}


def lines(now: datetime, only: Collection[int] | None = None) -> list[Line]:
    """All lines in their order. `only`: of connections just these are named (those of the viewer's clinics)."""
    found = [*receiving(now), *oldest_event(now, only), *partners(now, only)]
    for look in LOOKS:
        found += look(now)
    return found


def worst(found: Iterable[Line]) -> tuple[Word, str]:
    """The answer to the page's question."""
    failed = [line for line in found if line.word == Word.FAILED]
    doubtful = [line for line in found if line.word in {Word.WAITING, Word.UNKNOWN}]
    if failed:
        names = ", ".join(dict.fromkeys(line.title for line in failed))
        return Word.FAILED, _("Not now: %(names)s.") % {"names": names}
    if doubtful:
        names = ", ".join(dict.fromkeys(line.title for line in doubtful))
        return Word.WAITING, _("Yes, but look at: %(names)s.") % {"names": names}
    return Word.DONE, _("Yes: everything is well.")


# The way of the events -------------------------------------------------------------------------------------------------


def receiving(now: datetime) -> Iterator[Line]:
    rows = WebhookEvent.objects.filter(received_at__gt=now - DAY, arrived_by="webhook")
    last = rows.aggregate(last=Max("received_at"))["last"]
    count, p95 = measures.ack_p95(now, LATELY)
    value = _("last delivery %(ago)s") % {"ago": ago(last, now)} if last else _("nothing in the last 24 hours")
    if p95 is not None:
        fast = _("95 %% stored within %(n)s s") % {"n": number_format(p95, 2)}
        value = f"{value} · {fast}"
    yield Line(
        "receiving", _("Receiving"), Word.FAILED if p95 is not None and p95 > 1 and count >= 100 else Word.DONE, value,
        _("Chatwoot's webhooks, stored before they are answered."),
        _("If answers are slow, look at PostgreSQL and the disk; deliveries go to the spool meanwhile."), last,
    )  # fmt: skip


def spool(now: datetime) -> Iterator[Line]:
    names = (readings.SPOOL_RECORDS, readings.SPOOL_SHARE, readings.SPOOL_OLDEST, readings.SPOOL_BAD)
    found = {name: _measured(name, now) for name in names}
    share, oldest, bad = ({one.scope: one.value for one in found[name]} for name in names[1:])
    means = _("Deliveries on a web server's disk while PostgreSQL is away.")
    do = _("Look at PostgreSQL and at the drainer: python manage.py spool --status")
    for one in found[readings.SPOOL_RECORDS]:
        n = int(one.value)
        is_idle = n == 0 and not bad.get(one.scope)
        value = _("%(host)s: empty") % {"host": one.scope}
        if not is_idle:
            value = _("%(host)s: %(n)s waiting for up to %(time)s, %(share)s %% of the room, %(bad)s set aside") % {
                "host": one.scope, "n": number_format(n), "time": amount(timedelta(seconds=oldest.get(one.scope, 0))),
                "share": number_format(share.get(one.scope, 0), 1), "bad": int(bad.get(one.scope, 0)),
            }  # fmt: skip
        is_full = share.get(one.scope, 0) > 50
        word = Word.DONE if is_idle else Word.FAILED if is_full else Word.WAITING
        yield Line("spool", _("Contingency spool"), word, value, means, do, one.at)
    if not found[readings.SPOOL_RECORDS]:
        yield _unmeasured("spool", _("Contingency spool"), means)


def oldest_event(now: datetime, only: Collection[int] | None = None) -> Iterator[Line]:
    since = {pk: when for pk, when in measures.oldest_unread().items() if only is None or pk in only}
    means = _("Events that were stored and not yet worked through, by connection.")
    do = _("Look whether the lane workers run and whether a partner is away.")
    late = [row for row in measures.at_work() if row.pk in since and now - since[row.pk] > SLOW_AFTER]
    for row in late:
        value = _("%(name)s: for %(time)s") % {"name": named(row), "time": amount(now - since[row.pk])}
        word = Word.FAILED if now - since[row.pk] > 30 * MINUTE else Word.WAITING
        yield Line("oldest_event", _("Oldest event"), word, value, means, do, since[row.pk])
    if not late:
        longest = max((now - when for when in since.values()), default=timedelta(0))
        value = _("nothing waits") if not since else amount(longest)
        yield Line("oldest_event", _("Oldest event"), Word.DONE, value, means)


def partners(now: datetime, only: Collection[int] | None = None) -> Iterator[Line]:
    means = _("As far as our own calls show; this page asks no partner.")
    do = _("Open To solve: it says what to do. Nothing is lost.")
    rows = Breaker.objects.exclude(partner="ponte").select_related("connection__clinic").order_by("since")
    troubles = [row for row in rows if only is None or row.connection_id in only]
    for partner in Partner:
        mine = [row for row in troubles if row.partner == partner]
        for row in mine[:20]:
            value = f"{named(row.connection)}: {cause_text(row.problem)}"
            yield Line(f"{partner}_api", partner.label, Word.FAILED, value, means, do, row.since)
        if not mine:
            value, last = _last_answer(partner, now)
            yield Line(f"{partner}_api", partner.label, Word.DONE, value, means, since=last)


def _last_answer(partner: Partner, now: datetime) -> tuple[str, datetime | None]:
    if partner == Partner.CHATWOOT:
        last = Connection.objects.aggregate(last=Max("polled_at"))["last"]
        return (_("last answer %(ago)s") % {"ago": ago(last, now)} if last else _("not asked yet")), last
    confirmed = Effect.objects.filter(state=Effect.State.CONFIRMED, confirmed_at__gt=now - 30 * DAY)
    last = confirmed.aggregate(last=Max("confirmed_at"))["last"]
    with db.cursor() as cursor:
        cursor.execute(P95_S, [now - HOUR])
        p95 = cursor.fetchone()[0]
    if last is None:
        return _("not asked yet"), None
    value = _("last answer %(ago)s") % {"ago": ago(last, now)}
    if p95 is not None:
        value += " · " + _("95 %% within %(n)s s") % {"n": number_format(float(p95), 1)}
    return value, last


# What it runs on -------------------------------------------------------------------------------------------------------


def postgresql(now: datetime) -> Iterator[Line]:
    began = time.monotonic()
    with db.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_postmaster_start_time()")
        version, started = cursor.fetchone()
    took = (time.monotonic() - began) * 1000
    value = _("answers in %(ms)s ms · version %(version)s") % {
        "ms": number_format(took, 1), "version": version.split()[0],
    }  # fmt: skip
    means = _("The one place where everything is kept.")
    yield Line("database", "PostgreSQL", Word.DONE, value, means, since=started)


def replica(now: datetime) -> Iterator[Line]:
    means = _("Lists and reports read from it; without it they read from the primary.")
    do = _("Nothing is wrong for people. Start the replica again, or build it anew (runbook).")
    delays = measures.replica_delays()
    for name, behind in delays.items():
        if behind is None:
            yield Line("replica", _("Replica"), Word.FAILED, _("does not answer"), means, do)
        else:
            word = Word.FAILED if behind > Machine.replica_s else Word.DONE
            value = _("%(name)s: %(n)s s behind") % {"name": name, "n": number_format(behind, 1)}
            yield Line("replica", _("Replica"), word, value, means, do)
    if not delays:
        yield Line("replica", _("Replica"), Word.IGNORED, _("none is set up"), means)


def redis_line(now: datetime) -> Iterator[Line]:
    means = _("Wake-ups and caches. Without it Ponte is slower, never wrong.")
    problem = sentinel.problem(settings.REDIS_URL)
    began = time.monotonic()
    try:
        redis.get("health")
    except Exception as error:  # noqa: BLE001 - of the cache's driver or of the network
        problem = problem or type(error).__name__
    took = number_format((time.monotonic() - began) * 1000, 1)
    if problem:
        do = _("Start Redis, or correct REDIS_URL (for Sentinel also the name of the master).")
        yield Line("redis", "Redis", Word.FAILED, str(problem), means, do)
    else:
        yield Line("redis", "Redis", Word.DONE, _("answers in %(ms)s ms") % {"ms": took}, means)


def workers(now: datetime) -> Iterator[Line]:
    found = _measured(readings.ALIVE, now, SILENT)
    counts = Counter(one.scope.partition("@")[0] for one in found)
    titles = {"lanes": _("Lane workers"), "spool": _("Spool drainers")}
    means = {
        "lanes": _("Bring Krayin in line with the conversations."),
        "spool": _("Empty the spool of each web server."),
    }
    for kind in KINDS:
        n = counts[kind]
        value = ngettext("%(n)d process", "%(n)d processes", n) % {"n": n} if n else _("none runs")
        word = Word.DONE if n else Word.FAILED if kind == "lanes" else Word.WAITING
        do = _("Start one: python manage.py %(kind)s") % {"kind": kind}
        yield Line(f"workers_{kind}", titles[kind], word, value, means[kind], do)


def scheduler(now: datetime) -> Iterator[Line]:
    results = [line.result.at for line in schedule.lines(now) if line.result]
    last = max(results, default=None)
    is_silent = last is None or now - last > SILENT
    value = _("last work %(ago)s") % {"ago": ago(last, now)} if last else _("nothing has run yet")
    yield Line(
        "scheduler", _("Scheduler and its worker"), Word.FAILED if is_silent else Word.DONE, value,
        _("Starts what runs by itself: sealing, polling, alerts."),
        _("Start beat and a worker for the queue jobs. Until then no alert is sent."), last,
    )  # fmt: skip


def hosts(now: datetime) -> Iterator[Line]:
    found = {name: _measured(name, now) for name in (readings.DISK, readings.CLOCK, readings.CPU)}
    wanted: tuple[tuple[str, str, float, str, str, str], ...] = (
        (readings.DISK, _("Disk"), Machine.threshold, "%", _("Room on the servers."),
         _("Remove what is not needed, or make the disk larger; backups and the spool need room.")),
        (readings.CLOCK, _("Clock difference"), Machine.clock_s, "s", _("Servers' clocks against the database's."),
         _("Switch on time synchronisation on that server (chrony, systemd-timesyncd).")),
        (readings.CPU, _("Processor load"), Machine.cpu_percent, "%", _("How busy the servers are."),
         _("Add a worker host, or look under Database for slow statements.")),
    )  # fmt: skip
    for name, title, limit, unit, means, do in wanted:
        for one in found[name]:
            word = Word.DONE if abs(one.value) <= limit else Word.WAITING if name == readings.CPU else Word.FAILED
            value = f"{one.scope}: {number_format(abs(one.value), 0 if unit == '%' else 1)} {unit}"
            yield Line(name, title, word, value, means, do, one.at)
        if not found[name] and name != readings.CPU:
            yield _unmeasured(name, title, means)


def partitions(now: datetime) -> Iterator[Line]:
    ahead = measures.partitions_ahead(now)
    table, days = min(ahead.items(), key=lambda pair: pair[1])
    yield Line(
        "partitions", _("Partitions ahead"), Word.DONE if days >= Machine.days_ahead else Word.FAILED,
        _("%(n)s days (%(table)s)") % {"n": int(days), "table": table},
        _("Tables by week and day need to exist before their first row."),
        _("Run: python manage.py partitions --apply"),
    )  # fmt: skip


# What is kept in order by people ---------------------------------------------------------------------------------------


def backup(now: datetime) -> Iterator[Line]:
    found = runs.last(runs.BACKUP, runs.RESTORE_TEST)
    wanted = (
        (runs.BACKUP, _("Backup"), BackupRule.threshold * HOUR, _("A copy outside this server, encrypted."),
         _("Run: python manage.py backup")),
        (runs.RESTORE_TEST, _("Restore test"), BackupRule.tested_within,
         _("A copy nobody has read back is only a hope."), _("Run the restore test, and look at what it says.")),
    )  # fmt: skip
    for name, title, limit, means, do in wanted:
        row = found.get(name)
        if row is None:
            yield Line(name, title, Word.UNKNOWN, _("never"), means, do)
            continue
        value = _("last good one %(ago)s") % {"ago": ago(row.ok_at, now)} if row.ok_at else _("never went well")
        if not row.is_ok:
            value += " · " + _("the last one failed: %(problem)s") % {"problem": row.problem}
        is_well = row.is_ok and row.ok_at is not None and now - row.ok_at <= limit
        yield Line(name, title, Word.DONE if is_well else Word.FAILED, value, means, do, row.ok_at)


def certificates(now: datetime) -> Iterator[Line]:
    found = _measured(readings.CERTIFICATE, now, readings.KEPT)
    means = _("Our own address and those of the partners.")
    do = _("Renew it at the proxy; Chatwoot sends nothing to an address whose certificate has ended.")
    for one in found:
        days = int(one.value)
        word = Word.FAILED if one.value <= 7 else Word.WAITING if one.value <= Ending.threshold else Word.DONE
        text = ngettext("%(host)s: %(n)d day left", "%(host)s: %(n)d days left", days) % {"host": one.scope, "n": days}
        value = text if one.value > 0 else _("%(host)s: not valid") % {"host": one.scope}
        yield Line("certificate", _("Certificates"), word, value, means, do, one.at)
    if not found:
        yield Line("certificate", _("Certificates"), Word.IGNORED, _("no https address yet, or not looked at"), means)


def keys(now: datetime) -> Iterator[Line]:
    is_kept = SetupMark.objects.filter(code="keys", detail=keys_fingerprint()).exists()
    n = len(settings.MASTER_KEYS)
    value = ngettext("%(n)d master key", "%(n)d master keys", n) % {"n": n}
    state = _("kept outside the server") if is_kept else _("nobody has confirmed a copy outside the server")
    yield Line(
        "keys", _("Keys"), Word.DONE if is_kept else Word.WAITING, f"{value} · {state}",
        _("Without the keys nothing that is encrypted can be read again, backups included."),
        _("Put the keys into a safe place, then confirm it under First steps."),
    )  # fmt: skip


def audit_seal(now: datetime) -> Iterator[Line]:
    first = Unsealed.objects.aggregate(first=Min("created_at"))["first"]
    delay = max(now - first, timedelta(0)) if first else timedelta(0)
    last = Verification.objects.order_by("-pk").first()
    findings = last.findings if last else []
    value = _("oldest line waits %(time)s") % {"time": amount(delay)} if delay else _("all lines are sealed")
    if findings:
        value = _("the last check found %(n)d problems") % {"n": len(findings)}
    yield Line(
        "audit_seal", _("Audit trail"), Word.FAILED if delay > integrity.LATE_AFTER or findings else Word.DONE, value,
        _("Every line is chained within seconds, and checked hourly."),
        _("Open Integrity. Treat a finding as an incident."),
        Segment.objects.order_by("-number").values_list("sealed_at", flat=True).first(),
    )  # fmt: skip


def mail(now: datetime) -> Iterator[Line]:
    means = _("Alerts, invitations, answers to titulares.")
    if settings.MAIL_IS_SET_UP:
        yield Line("mail", _("Mail"), Word.DONE, _("set up"), means)
    else:
        do = _("Set PONTE_MAIL_URL; until then alerts go by Chatwoot, and links are shown to be copied.")
        yield Line("mail", _("Mail"), Word.WAITING, _("not set up"), means, do)


def version(now: datetime) -> Iterator[Line]:
    missing = sorted(known_migrations() - set(MigrationRecorder(db).migration_qs.values_list("app", "name")))
    word = Word.FAILED if missing else Word.DONE
    n = len(missing)
    pending = ngettext("%(n)d migration missing", "%(n)d migrations missing", n) % {"n": n} if n else _("up to date")
    yield Line(
        "version", _("Version"), word, f"{USER_AGENT.replace('/', ' ')} · {pending}",
        _("The program, and whether the database fits it."), _("Run: python manage.py migrate"),
    )  # fmt: skip


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """The migrations this program ships: they do not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


@lru_cache(maxsize=2)
def _all_measured(now: datetime) -> dict[str, list[readings.Latest]]:
    """One query for the whole page; `now` names the page."""
    return readings.latest(*MEASURED, now=now, within=readings.KEPT)


def _measured(name: str, now: datetime, within: timedelta = readings.FRESH) -> list[readings.Latest]:
    return [one for one in _all_measured(now)[name] if now - one.at <= within]


def _unmeasured(code: str, title: str, means: str) -> Line:
    do = _("No process has measured it for five minutes: see whether lane workers and scheduler run.")
    return Line(code, title, Word.UNKNOWN, _("not measured"), means, do)


LOOKS: tuple[Callable[[datetime], Iterator[Line]], ...] = (
    spool, postgresql, replica, redis_line, workers, scheduler, hosts, partitions, backup,
    certificates, keys, audit_seal, mail, version,
)  # fmt: skip
