"""What the clinic keeps by hand beside the operations, and what is missing or past its review."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from consent.datamap import Processing
from consent.designations import Officer, officer_of, today_of
from consent.models import Assessment, Clinic, InternationalTransfer, OperationVersion, Processor
from consent.models.registers import HOME

LEGITIMATE_INTEREST = "A7-IX"
# Health data of patients by chat have an impact report from the start (lgpd section 10).
NEED_IMPACT_REPORT = (Processing.CARE_CONTACT, Processing.MESSAGE_TEXT, Processing.HEALTH_NOTES)


class Gap(Enum):
    """What is missing."""

    TRANSFER = "transfer"  # a processor abroad, or a country of a provider, without a transfer in force
    TRANSFER_REVIEW = "transfer_review"
    ASSESSMENT_REVIEW = "assessment_review"
    BALANCING = "balancing"
    IMPACT = "impact"


@dataclass(frozen=True)
class Missing:
    gap: Gap
    about: str  # name of the paper, processor or country; code of the operation
    since: date | None = None


@dataclass(frozen=True)
class Papers:
    """The lists of one clinic, in force on a day."""

    today: date
    officer: Officer
    processors: list[Processor]
    transfers: list[InternationalTransfer]
    assessments: list[Assessment]

    def assessed(self, operation: str, kind: Assessment.Kind) -> list[Assessment]:
        return [one for one in self.assessments if one.operation == operation and one.kind == kind]


def papers(clinic: Clinic, now: datetime) -> Papers:
    today = today_of(clinic, now)

    def runs(row: Processor | InternationalTransfer) -> bool:
        return row.started_on <= today and (row.ended_on is None or today <= row.ended_on)

    return Papers(
        today=today,
        officer=officer_of(clinic, now),
        processors=[row for row in Processor.objects.filter(clinic=clinic) if runs(row)],
        transfers=[row for row in InternationalTransfer.objects.filter(clinic=clinic) if runs(row)],
        assessments=list(Assessment.objects.filter(clinic=clinic)),
    )


def missing(held: Papers, approved: Mapping[Processing, OperationVersion]) -> list[Missing]:
    """Everything that is missing or late, in the order a DPO would take it up."""
    in_use = [row for row in approved.values() if row.is_in_use]
    return [*_untransferred(held, in_use), *_late(held), *_unassessed(held, in_use)]


def _untransferred(held: Papers, in_use: list[OperationVersion]) -> Iterator[Missing]:
    covered = {row.processor_id for row in held.transfers}
    for processor in held.processors:
        if processor.country != HOME and processor.pk not in covered:
            yield Missing(Gap.TRANSFER, f"{processor.name} ({processor.country})")
    known = {HOME} | {row.country for row in held.transfers}
    abroad = {country for row in in_use for country in row.content.get("countries", ())}
    for country in sorted(abroad - known):
        yield Missing(Gap.TRANSFER, country)


def _late(held: Papers) -> Iterator[Missing]:
    for transfer in held.transfers:
        if transfer.review_on < held.today:
            yield Missing(Gap.TRANSFER_REVIEW, str(transfer), transfer.review_on)
    for assessment in held.assessments:
        if assessment.review_on < held.today:
            yield Missing(Gap.ASSESSMENT_REVIEW, assessment.title, assessment.review_on)


def _unassessed(held: Papers, in_use: list[OperationVersion]) -> Iterator[Missing]:
    for row in in_use:
        balanced = [
            one
            for one in held.assessed(row.operation, Assessment.Kind.BALANCING)
            if one.decision == Assessment.Decision.APPROVED
        ]
        if LEGITIMATE_INTEREST in row.content.get("bases", ()) and not balanced:
            yield Missing(Gap.BALANCING, row.operation)
        if row.operation in NEED_IMPACT_REPORT and not held.assessed(row.operation, Assessment.Kind.IMPACT):
            yield Missing(Gap.IMPACT, row.operation)
