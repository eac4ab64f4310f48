"""The register in words: the eight fields of the ANPD's simplified model, and the complete model (lgpd section 10)."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.datamap import Processing, Recipient, Source, retention
from consent.datamap.codes import BASES, base_name
from consent.models import Assessment, Clinic, OperationVersion, Processor
from consent.queries.trail_words import model_of
from consent.registers.approval import Change
from consent.registers.operations import OPERATIONS, Measure, Subjects
from consent.registers.papers import Papers

NAMES: Mapping[str, str | Promise] = {
    "subjects": gettext_lazy("categories of data subjects"),
    "categories": gettext_lazy("personal data"),
    "sensitive": gettext_lazy("of them sensitive or revealing health"),
    "bases": gettext_lazy("legal base"),
    "retention": gettext_lazy("storage period"),
    "retention_version": gettext_lazy("version of the retention table"),
    "recipients": gettext_lazy("shared with"),
    "countries": gettext_lazy("countries"),
    "sources": gettext_lazy("source of the data"),
    "stores": gettext_lazy("data stores"),
    "measures": gettext_lazy("security measures"),
    "is_automated": gettext_lazy("automated decision or profile"),
    "instructions": gettext_lazy("settings chosen by the clinic"),
    "policy_version": gettext_lazy("confirmed policy"),
}
PLACES: Mapping[str, str | Promise] = {
    "audit-checkpoints": gettext_lazy("checkpoints of the audit trail"),
    "audit-export": gettext_lazy("exported audit trail"),
    "backup": gettext_lazy("backups"),
    "chatwoot-copy": gettext_lazy("contact in Chatwoot"),
    "erasure-ledger": gettext_lazy("ledger of erasures"),
    "krayin-copy": gettext_lazy("records in Krayin"),
    "log": gettext_lazy("logs of the programs"),
    "sessions-cookie": gettext_lazy("cookie of the browser"),
    "spool": gettext_lazy("contingency files"),
    "spool-bad": gettext_lazy("contingency files set aside"),
    "task-read-back-first": gettext_lazy("queue of tasks"),
}
CODES: Mapping[str, type[TextChoices]] = {
    "subjects": Subjects,
    "recipients": Recipient,
    "sources": Source,
    "measures": Measure,
}
# Settings of other applications, said by them with their switches.
_facts: dict[str, Callable[[str], str]] = {}
Line = tuple[str, str]
LINE = "\n"


def register_fact(name: str, word: Callable[[str], str]) -> None:
    """Say in words what a fact `name:value` of a switch means."""
    _facts[name] = word


def word(name: str, code: str) -> str:
    """One code of one line of the content, in words; a code that no longer exists stands as it is."""
    if name in CODES:
        choices = CODES[name]
        return str(choices(code).label) if code in choices.values else code
    if name in {"categories", "sensitive"}:
        return _category(code)
    if name == "retention":
        return _period(code)
    if name == "bases":
        return base_name(code) if code in BASES else code
    if name == "stores":
        return _store(code)
    if name == "instructions":
        fact, _colon, value = code.partition(":")
        return _facts[fact](value) if fact in _facts else code
    if name == "is_automated":
        return _("yes") if code == "True" else _("no")
    return code


def _category(code: str) -> str:
    try:
        return f"{code} {retention(code).title}"
    except KeyError:
        return code


def _period(code: str) -> str:
    try:
        rule = retention(code)
    except KeyError:
        return code
    if rule.maximum is None:
        least = _("at least %(least)s, then: %(end)s") if rule.minimum else "%(end)s"
        told = least % {"least": rule.minimum, "end": rule.end.label}
    else:
        told = _("%(most)s from %(anchor)s: %(end)s") % {
            "most": rule.maximum, "anchor": rule.anchor.label, "end": rule.end.label,
        }  # fmt: skip
    return f"{code}: {told}"


def _store(code: str) -> str:
    """A place in words; a model by its table, as technicians and backups call it."""
    if code in PLACES:
        return str(PLACES[code])
    model = model_of(code)
    return model._meta.db_table if model else code


def words(name: str, codes: Iterable[Any] | str) -> list[str]:
    """Codes in words, without doubles, in the order of the codes."""
    listed = [codes] if isinstance(codes, str) else codes
    return list(dict.fromkeys(word(name, str(code)) for code in listed if str(code)))


@dataclass(frozen=True)
class ChangeTold:
    name: str
    added: list[str]
    removed: list[str]


def change_told(change: Change) -> ChangeTold:
    """A change in words. What only moved inside a list of equal words (a table more under the same name) is counted."""
    name = str(NAMES.get(change.name, change.name))
    return ChangeTold(name, words(change.name, change.added), words(change.name, change.removed))


@dataclass(frozen=True)
class Told:
    """One operation of the register, ready to be read, printed or written to a file."""

    row: OperationVersion
    title: str
    description: str
    eight: list[Line]
    complete: list[Line]


def told(clinic: Clinic, row: OperationVersion, held: Papers, *, as_processor: bool = False) -> Told:
    """An approved operation in words. as_processor: the view of whoever runs Ponte for the clinic (Art. 37, 39)."""
    known = OPERATIONS[Processing(row.operation)]
    eight = eight_fields(clinic, row, held)
    complete = [*eight, *_rest(clinic, row, held)]
    if as_processor:
        complete = [*complete, *_instructions(clinic, row, held)]
    return Told(row, str(row.get_operation_display()), str(known.description), eight, complete)


def eight_fields(clinic: Clinic, row: OperationVersion, held: Papers) -> list[Line]:
    """The authority's simplified model; also of a version that is only proposed."""
    content = row.content
    return [
        (_("I. Contacts"), _contacts(clinic, held)),
        (_("II. Categories of data subjects"), _subjects(content)),
        (_("III. Personal data"), _data(content)),
        (_("IV. Sharing"), _sharing(content, held)),
        (_("V. Security measures"), _list(content, "measures", LINE)),
        (_("VI. Storage period"), _list(content, "retention", LINE)),
        (_("VII. Purpose and legal base"), f"{row.get_operation_display()}{LINE}{_list(content, 'bases', LINE)}"),
        (_("VIII. Notes"), row.notes or "—"),
    ]


def _contacts(clinic: Clinic, held: Papers) -> str:
    cnpj = f"CNPJ {clinic.cnpj}" if clinic.cnpj else ""
    own = [clinic.legal_name, cnpj, clinic.address, clinic.contact_email, clinic.contact_phone]
    lines = [_("Controller: %(who)s") % {"who": ", ".join(part for part in own if part)}]
    for one in held.processors:
        who = ", ".join(part for part in (one.name, str(one.get_kind_display()), one.country, one.contact) if part)
        lines.append(_("Processor: %(who)s") % {"who": who})
    officer = ", ".join(part for part in (held.officer.name, held.officer.contact) if part)
    lines.append(_("Data protection officer: %(who)s") % {"who": officer or "—"})
    return "\n".join(lines)


def _subjects(content: Mapping[str, Any]) -> str:
    text = _list(content, "subjects")
    if Subjects.PATIENTS in content.get("subjects", ()):
        text += "\n" + _("Children, adolescents and elderly people may be among them.")
    return text


def _data(content: Mapping[str, Any]) -> str:
    text = _list(content, "categories")
    sensitive = _list(content, "sensitive")
    return f"{text}\n{NAMES['sensitive']}: {sensitive}" if sensitive != "—" else text


def _sharing(content: Mapping[str, Any], held: Papers) -> str:
    kinds = {
        Recipient.CHATWOOT: Processor.Kind.CHAT,
        Recipient.KRAYIN: Processor.Kind.CRM,
        Recipient.LANGUAGE_MODEL: Processor.Kind.LANGUAGE_MODEL,
        Recipient.MAIL: Processor.Kind.MAIL,
    }
    lines = []
    for code in content.get("recipients", ()):
        where = sorted({one.country for one in held.processors if one.kind == kinds.get(code)})
        lines.append(f"{word('recipients', code)} ({', '.join(where) or _('country not registered')})")
    lines += [_("Country of processing: %(code)s") % {"code": code} for code in content.get("countries", ())]
    return "\n".join(lines) or _("with nobody outside Ponte")


def _rest(clinic: Clinic, row: OperationVersion, held: Papers) -> list[Line]:
    content, kinds = row.content, Assessment.Kind
    transfers = [one for one in held.transfers if row.operation in one.operations]
    local = row.valid_from.astimezone(ZoneInfo(clinic.time_zone))
    return [
        (_("Source of the data"), _list(content, "sources")),
        (_("Systems and data stores"), _stores(content.get("stores", ()))),
        (_("People concerned"), str(row.get_volume_display() or "—")),
        (_("Automated decisions or profiles"), _("yes") if content.get("is_automated") else _("no")),
        (
            _("International transfers"),
            "\n".join(f"{one.importer} ({one.country}): {one.get_mechanism_display()}" for one in transfers) or "—",
        ),
        (_("Impact report (RIPD)"), _assessed(held.assessed(row.operation, kinds.IMPACT))),
        (_("Balancing test"), _assessed(held.assessed(row.operation, kinds.BALANCING))),
        (_("Risk"), str(row.get_risk_display() or "—")),
        (_("In use"), _("yes") if row.is_in_use else _("no")),
        (
            _("Version"),
            _("%(n)d, valid from %(day)s, approved by %(who)s")
            % {"n": row.number, "day": f"{local:%d/%m/%Y %H:%M}", "who": row.approved_by},
        ),
    ]


def _stores(codes: Iterable[str]) -> str:
    """Tables are counted by application; what lies outside the database is named."""
    tables = Counter(str(model._meta.app_config.verbose_name) for code in codes if (model := model_of(code)))
    lines = [
        ngettext("%(name)s: %(n)d table", "%(name)s: %(n)d tables", n) % {"name": name, "n": n}
        for name, n in sorted(tables.items())
    ]
    return "; ".join([*lines, *sorted(str(PLACES[code]) for code in codes if code in PLACES)]) or "—"


def _assessed(found: list[Assessment]) -> str:
    return (
        "\n".join(
            _("%(title)s: %(decision)s, review on %(day)s")
            % {"title": one.title, "decision": one.get_decision_display(), "day": f"{one.review_on:%d/%m/%Y}"}
            for one in found
        )
        or "—"
    )


def _instructions(clinic: Clinic, row: OperationVersion, held: Papers) -> list[Line]:
    policy = row.content.get("policy_version") or _("none confirmed")
    lines = [
        _("Confirmed policy: %(version)s") % {"version": policy},
        *words("instructions", row.content["instructions"]),
    ]
    lines += [f"{one.name}: {one.instructions}" for one in held.processors if one.instructions]
    return [(_("Instructions of the controller (Art. 39)"), "\n".join(lines))]


def _list(content: Mapping[str, Any], name: str, apart: str = "; ") -> str:
    return apart.join(words(name, content.get(name, ()))) or "—"
