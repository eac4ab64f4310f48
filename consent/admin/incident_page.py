"""What the page of one incident shows: clocks, facts, drafts, history."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.times import clock
from consent.admin.incident_forms import CHANNELS
from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.designations import Officer, officer_of
from consent.incidents import Facts, Timer, timers_of
from consent.incidents.desk import LAST_DAY, due_words
from consent.incidents.facts import (
    CHOICES,
    NAMES,
    NEEDED_BY_AUTHORITY,
    NEEDED_BY_PEOPLE,
    TO_AUTHORITY,
    Answer,
    Report,
    Telling,
    missing,
)
from consent.models import Incident, IncidentEntry

Kind = IncidentEntry.Kind
Line = tuple[str, str]


def value_word(name: str, value: Any) -> str:
    """A fact in words; — while nobody knows."""
    if value in ("", (), None):
        return "—"
    if name == "categories":
        rules = TABLES[CURRENT_RETENTION].rules
        return ", ".join(f"{code} · {rules[code].title}" if code in rules else code for code in value)
    if name in CHOICES:
        words = dict(CHOICES[name].choices)
        codes = value if isinstance(value, tuple) else (value,)
        return ", ".join(str(words.get(code, code)) for code in codes)
    if name == "occurred_on":
        return f"{datetime.fromisoformat(value):%d/%m/%Y}"
    return str(value)


def fact_lines(facts: Facts, names: Sequence[str]) -> list[Line]:
    return [(str(NAMES[name]), value_word(name, getattr(facts, name))) for name in names]


def timer_lines(timers: Sequence[Timer]) -> list[dict[str, Any]]:
    return [{"name": one.clock.label, "due": due_words(one), "icon": icon_of(one)} for one in timers]


def icon_of(timer: Timer) -> str:
    if timer.met_at:
        return "failed" if timer.is_late else "done"
    if timer.is_waived:
        return "ignored"
    return "failed" if timer.days_left < 0 else "waiting"


def sentence(incident: Incident, timers: Sequence[Timer]) -> tuple[str, str]:
    """Icon and the answer of the page."""
    if incident.closed_at:
        return "done", _("Closed: %(how)s.") % {"how": incident.get_outcome_display()}
    running = sorted((one for one in timers if one.is_open), key=lambda one: one.due_at)
    if not running:
        return "waiting", _("Nothing runs any more: the incident can be closed.")
    first = running[0]
    told = _("%(what)s: %(due)s.") % {"what": str(first.clock.label).capitalize(), "due": due_words(first)}
    return "failed" if first.days_left <= LAST_DAY else "waiting", told


def page_of(incident: Incident, entries: Sequence[IncidentEntry], facts: Facts, now: datetime) -> dict[str, Any]:
    zone = ZoneInfo(incident.clinic.time_zone)
    timers = timers_of(incident, entries, now)
    word, text = sentence(incident, timers)
    officer = officer_of(incident.clinic, now)
    known = [name for name in NAMES if getattr(facts, name) not in ("", (), None)]
    return {
        "word": {"value": word}, "sentence": text, "timers": timer_lines(timers),
        "about": _about(incident, zone, now), "facts": fact_lines(facts, known), "advice": advice(facts),
        "missing": missing(facts, NEEDED_BY_AUTHORITY),
        "for_authority": [*_controller(incident, officer), *fact_lines(facts, TO_AUTHORITY)],
        "for_people": letter(incident, facts, officer, zone),
        "missing_for_people": missing(facts, NEEDED_BY_PEOPLE),
        "history": [_entry(one, zone, now) for one in reversed(entries)],
    }  # fmt: skip


def advice(facts: Facts) -> str:
    """What follows from the answers, before somebody decides."""
    said = facts.must_be_reported
    if said is None:
        return _("Whether it must be reported follows once it is said whether it may harm the people.")
    if said:
        return _("By these answers it must be reported: it may harm the people and involves what the law names.")
    return _("By these answers it need not be reported; it stays in the register all the same.")


def _about(incident: Incident, zone: ZoneInfo, now: datetime) -> Iterator[Line]:
    yield _("clinic"), str(incident.clinic)
    yield _("known since"), clock(incident.known_at, zone, now)
    yield _("how it was noticed"), str(incident.get_source_display())
    yield _("entered"), f"{clock(incident.entered_at, zone, now)} · {incident.entered_by}"
    yield _("regime"), str(incident.get_regime_display())
    if incident.closed_at:
        yield _("closed"), f"{clock(incident.closed_at, zone, now)} · {incident.get_outcome_display()}"


def _controller(incident: Incident, officer: Officer) -> list[Line]:
    clinic = incident.clinic
    name = f"{clinic.legal_name} · CNPJ {clinic.cnpj}" if clinic.cnpj else clinic.legal_name
    return [
        (_("controller"), name),
        (_("small processing entity"), _("yes") if incident.regime == "small" else _("no")),
        (_("data protection officer"), " · ".join(part for part in (officer.name, officer.contact) if part) or "—"),
        (_("known since"), clock(incident.known_at, ZoneInfo(clinic.time_zone), incident.known_at)),
    ]


def letter(incident: Incident, facts: Facts, officer: Officer, zone: ZoneInfo) -> list[str]:
    """What the people are told, in plain words, one paragraph each; what is not known yet is left out."""
    day = f"{incident.known_at.astimezone(zone):%d/%m/%Y}"
    told = [
        _("%(clinic)s informs you of a security incident with personal data, of which it learned on %(day)s.")
        % {"clinic": incident.clinic.trade_name, "day": day}
    ]
    parts = (
        (_("What happened: %(text)s"), "description"),
        (_("Which data: %(text)s"), "categories"),
        (_("What it may mean for you: %(text)s"), "impact"),
        (_("What protected the data: %(text)s"), "measures_before"),
        (_("What was done: %(text)s"), "measures_after"),
        (_("What lessens the harm: %(text)s"), "mitigation"),
        (_("Why you are told only now: %(text)s"), "delay"),
    )
    for text, name in parts:
        value = getattr(facts, name)
        if value not in ("", ()):
            told.append(text % {"text": _categories(facts) if name == "categories" else value})
    if facts.unintelligible == Answer.YES:
        told.append(_("The data were encrypted and the keys were safe: whoever has them cannot read them."))
    if officer.name or officer.contact:
        who = {"name": officer.name or "—", "contact": officer.contact or "—"}
        told.append(_("Questions: %(name)s, data protection officer, %(contact)s.") % who)
    return told


def _categories(facts: Facts) -> str:
    """Without our codes."""
    rules = TABLES[CURRENT_RETENTION].rules
    return ", ".join(str(rules[code].title).lower() for code in facts.categories if code in rules)


# History --------------------------------------------------------------------------------------------------------------


def _entry(entry: IncidentEntry, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    return {
        "number": entry.number, "at": clock(entry.at, zone, now), "what": entry.get_kind_display(), "by": str(entry.by),
        "details": list(_details(entry, zone, now)), "hash": entry.entry_hash[:16],
    }  # fmt: skip


def _details(entry: IncidentEntry, zone: ZoneInfo, now: datetime) -> Iterator[str]:
    said = entry.details
    if entry.kind == Kind.DECIDED:
        yield _("is reported") if said["report"] else _("is not reported")
    elif entry.kind == Kind.CLOSED:
        yield str(Incident.Outcome(said["outcome"]).label)
    elif entry.kind == Kind.ESTIMATED:
        yield ngettext("%(n)d person found", "%(n)d people found", said["people"]) % {"n": said["people"]}
        yield _("%(encrypted)d of %(fields)d columns of these categories lie encrypted") % {
            "encrypted": said["encrypted"], "fields": said["fields"],
        }  # fmt: skip
    if "sent_at" in said:
        yield from _sent(said, zone, now)
    if said.get("reason"):
        yield said["reason"]


def _sent(said: dict[str, Any], zone: ZoneInfo, now: datetime) -> Iterator[str]:
    words = {**dict(Report.choices), **dict(Telling.choices), **dict(CHANNELS)}
    yield ", ".join(str(words[said[name]]) for name in ("report_type", "form", "channel") if said.get(name))
    yield _("sent %(time)s") % {"time": clock(datetime.fromisoformat(said["sent_at"]), zone, now)}
    yield _("receipt %(proof)s · SHA-256 %(hash)s…") % {"proof": said["proof"], "hash": said["document_sha256"][:16]}
    if said.get("process_number"):
        yield _("process %(n)s") % {"n": said["process_number"]}
    if said.get("people") is not None:
        yield ngettext("%(n)d person told", "%(n)d people told", said["people"]) % {"n": said["people"]}
