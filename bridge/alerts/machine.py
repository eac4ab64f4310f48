"""Alerts about what Ponte runs on: AL13, AL14, AL16, AL20."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.alerts.base import DPO, MANAGER, TECHNICAL, Found, Rule
from bridge.alerts.operation import HEALTH, HOUR, iso
from bridge.health import measures, readings, runs, schedule
from bridge.models import ApiKey, Connection, Severity
from consent.designations import gaps, today_of
from consent.models import Clinic, TextVersion
from consent.roles import Role

DAY = timedelta(days=1)
SCHEDULED = "admin:bridge_runresult_changelist"


class Backup(Rule):
    code = "AL13"
    title = _("Backup is missing or untested")
    sentence = _("The last good backup is %(time)s old.")
    sentences: Mapping[str, str | Promise] = {
        "old": sentence,
        "none": _("There is no good backup yet."),
        "failed": _("The last backup failed (%(problem)s)."),
        "untested": _("For %(time)s nobody has tried to restore a backup."),
        "untried": _("No backup has ever been restored as a test."),
        "unreadable": _("The last restore test failed: the backup could not be used (%(problem)s)."),
    }
    advice = _("Run the backup by hand and read what it says. Without keys and backup nothing can be rebuilt.")
    audience = TECHNICAL
    severities = (Severity.HIGH,)
    threshold, unit = 26, _("hours")
    page, then = HEALTH, Role.CLINIC_MANAGER
    tested_within = 90 * DAY

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        if not Connection.objects.filter(state=Connection.State.ACTIVE, is_example=False).exists():
            return
        found = runs.last(runs.BACKUP, runs.RESTORE_TEST)
        backup, test = found.get(runs.BACKUP), found.get(runs.RESTORE_TEST)
        if backup is None or backup.ok_at is None:
            yield Found("backup", facts={"what": "none"})
        elif now - backup.ok_at > threshold * HOUR:
            yield Found("backup", facts={"what": "old", "since": iso(backup.ok_at)})
        elif not backup.is_ok:
            yield Found("backup", facts={"what": "failed", "problem": backup.problem})
        if test is not None and not test.is_ok:
            yield Found("restore", facts={"what": "unreadable", "problem": test.problem})
        elif test is None or test.ok_at is None:
            yield Found("restore", facts={"what": "untried"})
        elif now - test.ok_at > self.tested_within:
            yield Found("restore", facts={"what": "untested", "since": iso(test.ok_at)})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.sentences[facts["what"]]


class Machine(Rule):
    code = "AL14"
    title = _("A server or the database runs out of something")
    sentence = _("%(host)s: %(n)s %% of the disk is used.")
    sentences: Mapping[str, str | Promise] = {
        "partitions": _("Table %(table)s has room for %(n)s more days."),
        "disk": sentence,
        "cpu": _("%(host)s: the processors have been busy for 5 minutes (%(n)s %%)."),
        "clock": _("%(host)s: the clock differs from the database's by %(n)s s."),
        "replica": _("The replica is %(n)s s behind."),
        "away": _("The replica does not answer; everything is read from the primary."),
    }
    advice = _("See under Health which value is red, and the runbook for what to do.")
    audience = TECHNICAL
    severities = (Severity.HIGH,)
    threshold, unit = 85, _("percent of a disk")
    page, then = HEALTH, Role.CLINIC_MANAGER
    days_ahead, cpu_percent, clock_s, replica_s = 7, 80, 30, 60
    cpu_for, cpu_looks = timedelta(minutes=5), 4

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        for table, days in measures.partitions_ahead(now).items():
            if days < self.days_ahead:
                yield self._found("partitions", table, max(0, int(days)), table=table)
        for replica, behind in measures.replica_delays().items():
            if behind is None:
                yield self._found("away", replica, 0)
            elif behind > self.replica_s:
                yield self._found("replica", replica, int(behind))
        found = readings.latest(readings.DISK, readings.CLOCK, now=now)
        for one in found[readings.DISK]:
            if one.value > threshold:
                yield self._found("disk", one.scope, round(one.value), host=one.scope)
        for one in found[readings.CLOCK]:
            if abs(one.value) > self.clock_s:
                yield self._found("clock", one.scope, round(abs(one.value)), host=one.scope)
        for host, shares in readings.history(readings.CPU, now, self.cpu_for).items():
            if len(shares) >= self.cpu_looks and min(shares) > self.cpu_percent:
                yield self._found("cpu", host, round(min(shares)), host=host)

    def _found(self, what: str, scope: str, n: int, **facts: str) -> Found:
        return Found(f"{what} {scope}", facts={"what": what, "n": n, **facts})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.sentences[facts["what"]]


class Late(Rule):
    code = "AL16"
    title = _("Scheduled work is late")
    sentence = _("“%(name)s” has not run for %(time)s.")
    never = _("“%(name)s” was asked for and has never run.")
    advice = _("See under Scheduled work; the scheduler and a worker for jobs must run.")
    audience = TECHNICAL
    severities = (Severity.MEDIUM,)
    threshold, unit = 2, _("periods")
    page, then = SCHEDULED, Role.CLINIC_MANAGER

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        for line in schedule.lines(now):
            if line.is_late:
                since = {"since": iso(line.result.at)} if line.result else {}
                yield Found(line.key, facts={"key": line.task, **since})

    def text(self, facts: Mapping[str, Any], now: datetime) -> str:
        told = schedule.WORDS.get(facts["key"])
        return super().text({**facts, "name": str(told.name) if told else facts["key"]}, now)

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.sentence if "since" in facts else self.never


class Ending(Rule):
    code = "AL20"
    title = _("Something ends soon")
    sentence = _("The certificate of %(name)s ends in %(n)s days.")
    sentences: Mapping[str, str | Promise] = {
        "certificate": sentence,
        "expired": _("The certificate of %(name)s is not valid any more."),
        "key": _("The API key %(name)s ends in %(n)s days."),
        "designation": _("%(name)s: from %(day)s on nobody is designated as data protection officer."),
        "notice": _("%(name)s: the privacy notice ends in %(n)s days, and no other one follows."),
    }
    advice = _("Renew it before it ends: certificates at the proxy, keys and designations in Ponte.")
    audience = (*TECHNICAL, *MANAGER, *DPO)
    severities = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
    threshold, unit = 30, _("days")
    page, then = HEALTH, None
    again = (7, 1)

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        for one in readings.latest(readings.CERTIFICATE, now=now, within=readings.KEPT)[readings.CERTIFICATE]:
            if one.value <= threshold:
                what = "certificate" if one.value > 0 else "expired"
                yield self._found(what, one.scope, int(one.value), None, name=one.scope)
        for key in ApiKey.objects.live(now).filter(expires_at__lte=now + threshold * DAY):
            yield self._found("key", key.pk, (key.expires_at - now).days, key.clinic_id, name=key.prefix)
        for clinic in Clinic.objects.filter(is_example=False).prefetch_related("designations"):
            if ends := nobody_from(clinic, now):
                days = (ends - today_of(clinic, now)).days
                if days <= threshold:
                    facts = {"name": clinic.trade_name, "day": f"{ends:%d/%m/%Y}"}
                    yield self._found("designation", clinic.pk, days, clinic.pk, **facts)
        for text in notices_ending(now, now + threshold * DAY):
            days = (text.valid_to - now).days if text.valid_to else 0
            yield self._found("notice", text.pk, days, text.clinic_id, name=text.clinic.trade_name)

    def _found(self, what: str, scope: object, days: int, clinic: int | None, **facts: str) -> Found:
        level = 1 + sum(days <= one for one in self.again)
        return Found(f"{what} {scope}", clinic, level, {"what": what, "n": days, **facts})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.sentences[facts["what"]]


def nobody_from(clinic: Clinic, now: datetime) -> date | None:
    """First day, from today on, without officer; None while a designation has no end, and where none was entered."""
    rows = list(clinic.designations.all())
    if not rows:
        return None
    today = today_of(clinic, now)
    return next((gap.begins for gap in gaps(rows, today) if gap.ends is None or gap.ends >= today), None)


def notices_ending(now: datetime, until: datetime) -> list[TextVersion]:
    """Privacy notices in force that end by then, of clinics where none is in force afterwards."""
    notices = TextVersion.objects.filter(kind="privacy_notice", clinic__is_example=False).exclude(state="draft")
    ending = notices.filter(valid_from__lte=now, valid_to__gt=now, valid_to__lte=until).select_related("clinic")
    return [one for one in ending if not _follows(notices, one)]


def _follows(notices: QuerySet[TextVersion], ending: TextVersion) -> bool:
    later = Q(valid_to=None) | Q(valid_to__gt=ending.valid_to)
    return (
        notices.filter(later, clinic=ending.clinic_id, valid_from__lte=ending.valid_to).exclude(pk=ending.pk).exists()
    )


RULES = (Backup(), Machine(), Late(), Ending())
