"""What kinds of long work there are, and what a kind has to do.

A new kind is one file with a class of the shape of `Kind`, and one line in `KINDS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Protocol

from django import forms
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from bridge.causes import Cause
from bridge.models import Connection, SyncJob
from consent.roles import Capability

Filter = Mapping[str, Any]  # JSON: ids, codes and ISO times only, never personal data
Cursor = Mapping[str, Any]  # JSON, in the kind's own terms; empty at the beginning

# Where each kind lives; imported when first asked for, because kinds import this module.
KINDS: dict[str, str] = {
    "replay": "bridge.jobs.replay.Replay",
    "import_history": "bridge.importing.history.ImportHistory",
    "import_people": "bridge.importing.people.ImportPeople",
    "full_check": "bridge.importing.check.FullCheck",
    "resend": "bridge.importing.resend.Resend",
}


class JobFailed(Exception):
    """The job cannot go on at all: a person must look. Raised by a kind; `cause` is shown."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.value)
        self.cause = cause


@dataclass(frozen=True)
class Estimate:
    """What a dry run found. `calls`: calls to partners, made by the job or by the lanes it wakes.

    `counts` are further numbers worth showing before people confirm (opportunities, notes, kept back), by English name
    of `bridge.queries.jobs.COUNT_NAMES`.
    """

    items: int
    people: int = 0
    calls: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, int]:
        return {"items": self.items, "people": self.people, "calls": self.calls, **self.counts}


@dataclass(frozen=True)
class Step:
    """What one step did. `cursor` is where the next begins; `calls` what it cost or gave rise to, for the pace.

    `wait_until`: nothing can be done before (a partner said so). `counts` are added to the job's `result`.
    """

    cursor: Cursor
    done: int = 0
    skipped: int = 0
    failed: Mapping[Cause, int] = field(default_factory=dict)
    calls: float = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    wait_until: datetime | None = None
    finished: bool = False


class FilterForm(forms.Form):
    """The questions of a kind on screen B8. `connection` is the one the job is for."""

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection

    def filter(self) -> dict[str, Any]:
        """The answers as the job's filter: JSON, without personal data. Asked for when the form is valid."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}


class Kind(Protocol):
    """One kind of long work.

    `estimate` is a dry run: it writes nothing, here or at a partner. `step` carries out at most `limit` items after the
    cursor and must be repeatable: after a kill it is asked for again with the same cursor. With `is_atomic` it touches
    only our database and is committed together with the job's progress, so that it happens exactly once; without, it
    runs outside any transaction and may call partners with `Priority.BACKGROUND`. A step should take less than 20 s.
    `step` may raise any `bridge.errors.PartnerError` (the job waits and repeats the step) and JobFailed.
    """

    code: ClassVar[str]
    label: ClassVar[str | Promise]
    explanation: ClassVar[str | Promise]  # what will happen, for people, in one or two sentences
    capability: ClassVar[Capability]  # who may start it
    is_atomic: ClassVar[bool]
    below_live: ClassVar[bool]  # rests while people of the connection wait for their turn
    asks_partner: ClassVar[bool]  # the dry run itself calls a partner; the button says so
    form: ClassVar[type[FilterForm]]

    def estimate(self, connection: Connection, filter: Filter) -> Estimate: ...

    def step(self, job: SyncJob, cursor: Cursor, limit: int) -> Step: ...

    def describe(self, connection: Connection, filter: Filter) -> Sequence[str]:
        """The filter in words, one sentence each."""
        ...


@cache
def kind_of(code: str) -> Kind:
    """The kind of a code. Raises KeyError for one that does not exist."""
    made: Kind = import_string(KINDS[code])()
    return made


def kinds() -> list[Kind]:
    return [kind_of(code) for code in KINDS]
