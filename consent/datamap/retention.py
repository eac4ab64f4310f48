"""How long each category is kept: the table of lgpd section 3.2 as versioned data, and the bounds nobody may leave.

A new version is a new entry of TABLES; an old one is never edited, because decisions store the version they were taken
with. Who removes what is due is another matter (screen C8); here stand only the rules.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

# Periods of different units are compared by where they end when they begin here: a common year's first day.
REFERENCE = datetime(2001, 1, 1, tzinfo=UTC)


class Origin(TextChoices):
    LAW = "law", _("law")
    POLICY = "policy", _("our default")


class Sensitivity(TextChoices):
    YES = "yes", _("sensitive")
    MAY = "may", _("may reveal health")
    NO = "no", _("not sensitive")


class Anchor(TextChoices):
    """The event from which the time counts."""

    LAST_CLINICAL_ENTRY = "last_clinical_entry", _("last clinical entry of the patient")
    TRANSFER = "transfer", _("confirmed transfer to the clinic's record system")
    LAST_MESSAGE = "last_message", _("last message of the relation")
    LAST_CONTACT = "last_contact", _("last contact by the person")
    END_OF_CONSENT = "end_of_consent", _("withdrawal, expiry or opposition")
    OPPOSITION = "opposition", _("date of opposition")
    END_OF_PROCESSING = "end_of_processing", _("end of the processing it supports")
    CLOSING = "closing", _("closing of the request")
    ENTRY = "entry", _("date of the register entry")
    EVENT = "event", _("the event")
    SEGMENT = "segment", _("seal of the segment")
    RECEIPT = "receipt", _("receipt")
    GENERATION = "generation", _("generation")
    FISCAL_YEAR = "fiscal_year", _("end of the fiscal year")
    REMOVAL = "removal", _("removal at either side")
    DECISION = "decision", _("decision on identity")
    END_OF_LINK = "end_of_link", _("end of the link with the clinic")
    NEVER = "never", _("no start: kept")


class End(TextChoices):
    """What happens at the end."""

    REVIEW = "review", _("reviewed by people: delete, hand to the patient, or research")
    DELETE = "delete", _("deleted")
    DELETE_KEEP_PROOF = "delete_keep_proof", _("deleted; the proof stays")
    ANONYMISE = "anonymise", _("made anonymous")
    DROP_SEGMENT = "drop_segment", _("sealed segment dropped; its root stays")
    DESTROY = "destroy", _("destroyed; erasures are replayed on any restore")
    NONE = "none", _("stays")


@dataclass(frozen=True)
class Period:
    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    def after(self, start: datetime) -> datetime:
        """The end of the period by the calendar of `start`: 29 February plus a year is 28 February."""
        month = start.month - 1 + self.months + 12 * self.years
        year, month = start.year + month // 12, month % 12 + 1
        day = min(start.day, monthrange(year, month)[1])
        return start.replace(year=year, month=month, day=day) + timedelta(days=self.days, hours=self.hours)

    def is_shorter_than(self, other: "Period") -> bool:
        return self.after(REFERENCE) < other.after(REFERENCE)

    def __str__(self) -> str:
        counted = (
            (self.years, ngettext("%(n)d year", "%(n)d years", self.years)),
            (self.months, ngettext("%(n)d month", "%(n)d months", self.months)),
            (self.days, ngettext("%(n)d day", "%(n)d days", self.days)),
            (self.hours, ngettext("%(n)d hour", "%(n)d hours", self.hours)),
        )
        return " ".join(text % {"n": n} for n, text in counted if n) or "0"


@dataclass(frozen=True)
class RetentionRule:
    """One line of the table. `maximum` None: no end by itself (reviewed, or kept).

    lowest and highest bound what a clinic may choose instead of `maximum`; highest may be passed under a hold only
    where `hold_lifts_highest` says so.
    """

    code: str
    name: str  # as in the Portuguese table; a code, not a text
    title: str | Promise
    sensitivity: Sensitivity
    anchor: Anchor
    minimum: Period | None
    minimum_from: Origin | None
    maximum: Period | None
    end: End
    source: str
    lowest: Period | None = None
    highest: Period | None = None
    hold_lifts_highest: bool = False

    @property
    def floor(self) -> Period | None:
        """The shortest period a clinic may choose: never below the minimum."""
        if self.minimum and self.lowest:
            return self.lowest if self.minimum.is_shorter_than(self.lowest) else self.minimum
        return self.minimum or self.lowest


class OutOfBounds(ValueError):
    """A period no clinic may choose for this category; the text says which bound and whose."""


def check_period(rule: RetentionRule, wanted: Period, *, has_hold: bool = False) -> None:
    """Raise OutOfBounds unless a clinic may keep the category for `wanted`.

    has_hold: an order recorded as a legal hold asks to keep longer (lgpd section 3.2, R08).
    """
    if rule.floor and wanted.is_shorter_than(rule.floor):
        law = rule.minimum is rule.floor and rule.minimum_from == Origin.LAW
        text = _("%(code)s is kept for at least %(least)s (%(source)s): %(wanted)s is too short.") if law else _(
            "%(code)s: %(wanted)s is below the bound of %(least)s (%(source)s)."
        )  # fmt: skip
        raise OutOfBounds(text % _told(rule, wanted, least=rule.floor))
    if rule.highest and rule.highest.is_shorter_than(wanted) and not (has_hold and rule.hold_lifts_highest):
        text = (
            _("%(code)s: more than %(most)s needs an order recorded as a legal hold (%(source)s).")
            if rule.hold_lifts_highest
            else _("%(code)s: %(wanted)s is above the bound of %(most)s (%(source)s).")
        )
        raise OutOfBounds(text % _told(rule, wanted, most=rule.highest))


def _told(rule: RetentionRule, wanted: Period, **bound: Period) -> dict[str, object]:
    return {"code": rule.code, "wanted": wanted, "source": rule.source, **bound}


@dataclass(frozen=True)
class RetentionTable:
    version: str
    since: date
    rules: Mapping[str, RetentionRule]


_LAW, _POLICY = Origin.LAW, Origin.POLICY
_YES, _MAY, _NO = Sensitivity.YES, Sensitivity.MAY, Sensitivity.NO

_FIRST = (
    RetentionRule("R01", "prontuario_clinico", _("Clinical record"), _YES, Anchor.LAST_CLINICAL_ENTRY,
                  Period(years=20), _LAW, None, End.REVIEW, "Lei 13.787/2018, Art. 6"),
    RetentionRule("R01c", "copia_transferida", _("Copy of a transferred clinical record"), _YES, Anchor.TRANSFER,
                  None, None, Period(days=90), End.DELETE_KEEP_PROOF, "Lei 13.787/2018"),
    RetentionRule("R02", "atendimento_administrativo", _("Administrative care"), _MAY, Anchor.LAST_MESSAGE,
                  None, None, Period(years=5), End.ANONYMISE, "CDC, Art. 27"),
    RetentionRule("R03", "lead_nao_convertido", _("Unconverted lead"), _MAY, Anchor.LAST_CONTACT,
                  None, None, Period(months=12), End.DELETE, "LGPD, Art. 15-16",
                  lowest=Period(months=3), highest=Period(months=24)),
    RetentionRule("R04", "marketing", _("Marketing"), _MAY, Anchor.END_OF_CONSENT,
                  None, None, Period(hours=48), End.DELETE, "LGPD, Art. 8, §5"),
    RetentionRule("R04s", "supressao", _("Suppression list"), _NO, Anchor.OPPOSITION,
                  None, None, None, End.DELETE, "LGPD, Art. 18, §2"),
    RetentionRule("R05", "prova_consentimento", _("Proof of consent"), _NO, Anchor.END_OF_PROCESSING,
                  None, None, Period(years=5), End.DELETE, "LGPD, Art. 8, §2"),
    RetentionRule("R06", "requisicao_titular", _("Request of a data subject"), _NO, Anchor.CLOSING,
                  None, None, Period(years=5), End.DELETE, "Lei 9.873/1999"),
    RetentionRule("R07", "incidente", _("Security incident"), _MAY, Anchor.ENTRY,
                  Period(years=5), _LAW, Period(years=10), End.DELETE, "Res. CD/ANPD 15/2024, Art. 10"),
    RetentionRule("R08", "registro_acesso", _("Access record"), _NO, Anchor.EVENT,
                  Period(months=6), _LAW, Period(months=6), End.DELETE, "Lei 12.965/2014, Art. 15",
                  highest=Period(months=6), hold_lifts_highest=True),
    RetentionRule("R09", "trilha_auditoria", _("Audit trail"), _NO, Anchor.SEGMENT,
                  Period(years=5), _POLICY, Period(years=20), End.DROP_SEGMENT, "LGPD, Art. 6, X, 37, 46"),
    RetentionRule("R10", "payload_tecnico", _("Technical copies of messages"), _YES, Anchor.RECEIPT,
                  None, None, Period(days=30), End.DELETE, "LGPD, Art. 6, III"),
    RetentionRule("R11", "pacote_exportacao", _("Export package"), _YES, Anchor.GENERATION,
                  None, None, Period(days=15), End.DELETE_KEEP_PROOF, "LGPD, Art. 6, VII"),
    RetentionRule("R12", "documento_fiscal", _("Fiscal document"), _NO, Anchor.FISCAL_YEAR,
                  Period(years=5), _LAW, Period(years=6), End.DELETE, "CTN, Art. 173-174"),
    RetentionRule("R13", "mapeamento", _("Links between systems"), _NO, Anchor.REMOVAL,
                  None, None, Period(hours=24), End.DELETE, "LGPD, Art. 16"),
    RetentionRule("R14", "documento_identidade", _("Identity document"), _NO, Anchor.DECISION,
                  None, None, Period(days=30), End.DELETE_KEEP_PROOF, "LGPD, Art. 6, III"),
    RetentionRule("R15", "backup", _("Backup"), _YES, Anchor.GENERATION,
                  None, None, Period(days=35), End.DESTROY, "LGPD, Art. 46"),
    RetentionRule("R16", "registro_psicologico", _("Psychologist's record"), _YES, Anchor.LAST_CLINICAL_ENTRY,
                  Period(years=5), _LAW, None, End.REVIEW, "Resolução CFP 001/2009"),
    RetentionRule("R17", "agregado_anonimo", _("Anonymous statistics"), _NO, Anchor.NEVER,
                  None, None, None, End.NONE, "LGPD, Art. 12 e 16, IV"),
    RetentionRule("R18", "usuario_interno", _("Staff account"), _NO, Anchor.END_OF_LINK,
                  None, None, Period(years=5), End.ANONYMISE, "LGPD, Art. 6, X"),
    RetentionRule("R19", "log_tecnico", _("Technical log"), _NO, Anchor.EVENT,
                  None, None, Period(days=90), End.DELETE, "LGPD, Art. 6, III"),
)  # fmt: skip

TABLES: Mapping[str, RetentionTable] = MappingProxyType(
    {"1": RetentionTable("1", date(2026, 11, 21), MappingProxyType({rule.code: rule for rule in _FIRST}))}
)
CURRENT_RETENTION = "1"


def retention(code: str, version: str = CURRENT_RETENTION) -> RetentionRule:
    """The rule of a code. Raises KeyError for an unknown code or version."""
    return TABLES[version].rules[code]
