"""The numbers of one run, for people (a table) and for programs (one JSON object)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.running.comparison import Comparison
from config.running.conversations import Story
from config.running.figures import Counts, Took

# Label, key of the summary, kinds of steps that make the number grow.
ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Pessoas / persons", "persons", ("create_person",)),
    ("Oportunidades / leads", "leads", ("create_lead",)),
    ("Notas / notes", "notes", ("create_note", "set_note")),
    ("Mudanças de etapa / stage changes", "stage_changes", ("set_stage",)),
)


@dataclass(frozen=True)
class Summary:
    """One run: numbers of the JSON object, what each should be, and how long the steps took."""

    numbers: Mapping[str, int | float]
    wanted: Mapping[str, int]
    took: Mapping[str, Took]
    phase_seconds: list[float]
    problems: list[str]

    @property
    def is_exact(self) -> bool:
        return not self.problems

    def as_json(self) -> str:
        return json.dumps({**self.numbers, "exact": self.is_exact})


def summarise(
    story: Story,
    came: Counts,
    found: Comparison,
    took: Mapping[str, Took],
    crm_calls: int,
    deliveries: Mapping[str, Any],
) -> Summary:
    """Put the numbers beside what they should be; every difference is a problem."""
    expected = story.last["figures"]
    wanted = {
        "webhooks_received": story.total("webhooks"),
        "duplicates_ignored": story.total("duplicates"),
        "foreign_ignored": story.total("foreign"),
        "persons": expected["persons"],
        "leads": expected["leads"],
        "notes": expected["notes"],
        "stage_changes": expected["first_responses"] + expected["resolved"],
        "failed": 0,
    }
    numbers: dict[str, int | float] = {
        "webhooks_received": came.received,
        "duplicates_ignored": came.duplicates,
        "foreign_ignored": came.foreign,
        "persons": found.persons,
        "leads": found.leads,
        "notes": found.notes,
        "stage_changes": found.stage_changes,
        "failed": came.failed,
        "crm_calls": crm_calls,
        "seconds": round(sum(story.seconds), 1),
    }
    problems = [
        f"{name}: {numbers[name]} instead of {value}" for name, value in wanted.items() if numbers[name] != value
    ]
    for status in ("failed", "dropped"):
        if deliveries["counts"][status]:
            problems.append(f"the chat reports {deliveries['counts'][status]} {status} webhooks")
    return Summary(numbers, wanted, took, story.seconds, problems + found.problems)


def table(summary: Summary, *, calls_in_window: int) -> Iterator[str]:
    """Lines for people."""
    numbers, wanted = summary.numbers, summary.wanted
    yield f"{'':<38}{'no CRM / is':>12}{'esperado / wanted':>20}{'mediana / median':>18}{'máximo / max':>14}"
    yield _line("Webhooks recebidos / received", numbers["webhooks_received"], wanted["webhooks_received"])
    yield _line("  repetidos / duplicates", numbers["duplicates_ignored"], wanted["duplicates_ignored"])
    yield _line("  de outra caixa / foreign", numbers["foreign_ignored"], wanted["foreign_ignored"])
    for label, name, kinds in ROWS:
        yield _line(label, numbers[name], wanted[name], _times(summary.took, kinds))
    yield _line("Falhas / failed", numbers["failed"], 0)
    phases = " + ".join(f"{seconds:.1f}" for seconds in summary.phase_seconds)
    yield f"Tempo / time: {numbers['seconds']} s ({phases})"
    calls = f"Chamadas ao CRM / CRM calls: {numbers['crm_calls']}"
    yield f"{calls} (máximo por minuto e usuário / most a minute and user: {calls_in_window} de 60)"
    for problem in summary.problems:
        yield f"! {problem}"
    if summary.is_exact:
        yield "O CRM tem exatamente o que deve ter. / The CRM holds exactly what it should."
    else:
        yield "O CRM NÃO tem o que deve ter. / The CRM does NOT hold what it should."


def _line(label: str, number: float, wanted: float, times: str = "") -> str:
    return f"{label:<38}{number:>12}{wanted:>20}{times}"


def _times(took: Mapping[str, Took], kinds: tuple[str, ...]) -> str:
    found = [took[kind] for kind in kinds if kind in took]
    if not found:
        return ""
    return f"{found[0].median_s:>16.1f} s{max(t.longest_s for t in found):>12.1f} s"
