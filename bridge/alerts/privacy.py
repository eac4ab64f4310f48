"""Alerts about the rights of people and about who looked at whom: AL10, AL11, AL12, AL17, AL18."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.models import AuditLog
from bridge.alerts.base import DPO, MANAGER, TECHNICAL, Found, Rule
from bridge.alerts.operation import HOUR, iso, open_clinics
from bridge.models import Severity
from consent.incidents import Clock, open_timers
from consent.models import Erasure, ExceptionalAccess, ExportPackage
from consent.queries import integrity
from consent.requests.clock import due_levels
from consent.roles import Role

DAY = timedelta(days=1)
REQUESTS = "admin:consent_datarequest_changelist"


class RequestsDue(Rule):
    code = "AL10"
    title = _("A request of a titular is running out of time")
    sentence = _("Request %(protocol)s: %(percent)s %% of its period is gone. The last day is %(day)s.")
    advice = _("Open the request: it says which step is missing. The clock cannot be stopped.")
    audience = DPO
    severities = (Severity.MEDIUM, Severity.MEDIUM, Severity.HIGH)
    threshold, unit = 50, _("percent of the period")
    page, then, then_after_min = REQUESTS, Role.CLINIC_MANAGER, 24 * 60
    levels: Mapping[int, int] = {50: 1, 80: 2, 100: 3}

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        for one in due_levels(now):
            if one.level >= threshold:
                facts = {"protocol": one.protocol, "percent": one.level, "day": f"{one.due_at:%d/%m/%Y}"}
                yield Found(str(one.item_id), one.clinic_id, self.levels[one.level], facts)


class Stuck(Rule):
    code = "AL11"
    title = _("An export or erasure does not come to its end")
    sentence = _("Export for %(protocol)s: not finished for %(time)s.")
    erasure = _("Erasure %(ref)s: not finished for %(time)s.")
    advice = _("Open it: it says what it waits for. What is left is listed by system.")
    audience = DPO
    severities = (Severity.HIGH,)
    threshold, unit = 24, _("hours")
    page, then = "admin:consent_exportpackage_changelist", Role.TECHNICAL_ADMIN

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        before = now - threshold * HOUR
        unfinished = [*ExportPackage.RUNNING, ExportPackage.State.FAILED]
        for package in ExportPackage.objects.filter(state__in=unfinished, created_at__lt=before):
            facts = {"protocol": package.protocol, "since": iso(package.created_at)}
            yield Found(f"export {package.pk}", package.clinic_id, facts=facts)
        states = Erasure.State
        worked_on = Q(state__in=[states.APPROVED, states.RUNNING, states.LEFT], approved_at__lt=before)
        late_key = Q(state=states.ERASED, key_due_at__lt=before)
        for row in Erasure.objects.filter(worked_on | late_key | Q(state=states.NEW, planned_at__lt=before)):
            since = row.approved_at or row.planned_at
            yield Found(f"erasure {row.pk}", row.clinic_id, facts={"ref": str(row.pk)[:8], "since": iso(since)})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.erasure if "ref" in facts else self.sentence


class Trail(Rule):
    code = "AL12"
    title = _("The audit trail needs attention")
    sentence = _("The last check found %(n)s problems.")
    sentences: Mapping[str, str | Promise] = {
        "findings": sentence,
        "seal": _("Lines have waited for their seal for %(time)s."),
        "checkpoint": _("A place outside the database has not been told of the trail for %(time)s."),
    }
    advice = _("Treat findings as an incident. Late seals: see under Scheduled work whether the sealer runs.")
    audience = (*DPO, *TECHNICAL)
    severities = (Severity.CRITICAL,)
    threshold, unit = 60, _("seconds until the seal")
    page, then = "admin:audit_verification_changelist", Role.CLINIC_MANAGER

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        state = integrity.state(now=now)
        if state.findings:
            yield Found("findings", facts={"what": "findings", "n": len(state.findings)})
        if state.waiting_since and state.delay > timedelta(seconds=threshold):
            yield Found("seal", facts={"what": "seal", "since": iso(state.waiting_since)})
        for place in state.places:
            if place.untold_since and place.is_old(now):
                facts = {"what": "checkpoint", "since": iso(place.untold_since)}
                yield Found(f"checkpoint {place.number}", facts=facts)

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.sentences[facts["what"]]


class WhoLooks(Rule):
    code = "AL17"
    title = _("Unusual access to people's data")
    sentence = _("An account opened the data of %(n)s people within an hour.")
    sentences: Mapping[str, str | Promise] = {
        "many": sentence,
        "closed": _("An account opened the data of %(n)s people while the clinic is closed."),
        "exceptional": _("An exceptional access to one person's data has begun."),
        "superuser": _("A superuser signed in."),
    }
    advice = _("Look under Who saw whom: who, whom, why. Ask the person, and note what came of it.")
    audience = DPO
    severities = (Severity.HIGH,)
    threshold, unit = 30, _("people in an hour")
    page, then = "admin:audit_auditlog_who", Role.CLINIC_MANAGER

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        yield from self._reveals(now, threshold)
        for row in ExceptionalAccess.objects.filter(until__gt=now):
            yield Found(f"exceptional {row.pk}", row.clinic_id, facts={"what": "exceptional"})
        signed_in = AuditLog.objects.filter(action="login", reason_code="superuser", timestamp__gt=now - HOUR)
        for actor in sorted(set(signed_in.order_by().values_list("actor_ref", flat=True))):
            yield Found(f"superuser {actor}", facts={"what": "superuser"})

    def _reveals(self, now: datetime, threshold: float) -> Iterator[Found]:
        rows = AuditLog.objects.filter(action="reveal", actor_type="staff", outcome="ok", timestamp__gt=now - HOUR)
        sums = rows.order_by().values("actor_ref", "clinic_id").annotate(n=Count("subject", distinct=True))
        found = [row for row in sums if row["n"]]
        is_open = open_clinics({row["clinic_id"] for row in found if row["clinic_id"]}, now)
        for row in found:
            who, clinic = f"{row['actor_ref']}/{row['clinic_id']}", row["clinic_id"]
            if row["n"] > threshold:
                yield Found(f"many {who}", clinic, facts={"what": "many", "n": row["n"]})
            if clinic and clinic not in is_open:
                yield Found(f"closed {who}", clinic, facts={"what": "closed", "n": row["n"]})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.sentences[facts["what"]]


class IncidentClocks(Rule):
    code = "AL18"
    title = _("A clock of a security incident runs out")
    sentence = _("Incident %(number)s: %(clock)s. Last day: %(day)s.")
    advice = _("Open the incident: it says what to tell to whom, and keeps the proof.")
    audience = (*DPO, *MANAGER)
    severities = (Severity.CRITICAL,)
    threshold, unit = 1, _("business days left")
    page, then = "admin:consent_incident_changelist", Role.TECHNICAL_ADMIN

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        for timer in open_timers(now):
            if timer.days_left <= threshold:
                day = f"{timer.due_at.astimezone(timer.zone):%d/%m/%Y}"
                facts = {"number": str(timer.number), "clock": timer.clock.value, "day": day}
                level = 2 if timer.days_left < 0 else 1
                yield Found(f"{timer.incident_id} {timer.clock}", timer.clinic_id, level, facts)

    def text(self, facts: Mapping[str, Any], now: datetime) -> str:
        return super().text({**facts, "clock": str(Clock(facts["clock"]).label)}, now)


RULES = (RequestsDue(), Stuck(), Trail(), WhoLooks(), IncidentClocks())
