"""People who are in both systems under different spellings, and a job run to its end beside a worker."""

import unicodedata
from dataclasses import dataclass

from bridge.clients.krayin import KrayinClient
from bridge.clients.shapes import Labelled, PersonDraft
from bridge.jobs import control, runner
from bridge.models import SyncJob
from bridge.models.connections import LONG_AGO
from bridge.sync.partners import krayin_client
from consent.encryption import Actor
from tests.bridge.connected_clinic import Bridge

SYSTEM = Actor.system("test")
FIRST = ("José", "Conceição", "Antônio", "Márcia", "Fábio", "Cláudia", "João", "Inês", "Sérgio", "Lúcia")
LAST = ("Araújo", "Simões", "Galvão", "Brandão", "Corrêa", "Assunção", "Falcão", "Leão", "Guimarães", "Magalhães")


@dataclass(frozen=True)
class Someone:
    """A person of the example: how Chatwoot spells them, and how the CRM does."""

    number: int

    @property
    def name(self) -> str:
        return f"{FIRST[self.number % 10]} {LAST[self.number // 10 % 10]}"

    @property
    def plain_name(self) -> str:
        return unaccented(self.name).upper()

    @property
    def line(self) -> str:
        """Eight digits, of which the first is that of a mobile."""
        return f"9{self.number:07d}"[:8] if self.number < 10_000_000 else str(self.number)

    @property
    def phone(self) -> str:
        return f"+55119{self.line}"

    @property
    def email(self) -> str:
        return f"pessoa.{self.number}@exemplo.com.br"

    @property
    def has_email(self) -> bool:
        return self.number % 5 == 3

    def crm_phone(self) -> str:
        four, more = self.line[:4], self.line[4:]
        return (
            f"(11) 9{four}-{more}",
            f"+55 11 9{four}-{more}",
            f"11 {four}-{more}",  # before the ninth digit came
            "",
            f"0119{self.line}",
        )[self.number % 5]

    def draft(self) -> PersonDraft:
        emails = (Labelled(self.email.upper()),) if self.has_email else ()
        phone = self.crm_phone()
        return PersonDraft(
            self.plain_name if self.number % 2 else self.name,
            emails=emails,
            phones=(Labelled(phone),) if phone else (),
        )


def unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def crm_of(bridge: Bridge) -> KrayinClient:
    return krayin_client(bridge.connection)[0]


def put_in_crm(bridge: Bridge, *drafts: PersonDraft) -> list[int]:
    client = crm_of(bridge)
    return [client.person_create(draft).id for draft in drafts]


def write_to_clinic(bridge: Bridge, people: list[Someone]) -> list[int]:
    """Each writes once, and no webhook tells of it; return the numbers of the conversations."""
    with bridge.chatwoot.capture():
        return [_writes(bridge, one) for one in people]


def _writes(bridge: Bridge, one: Someone) -> int:
    who = {"email": one.email} if one.has_email else {"phone_number": one.phone}
    return bridge.chatwoot.new_person_writes("Bom dia, quero marcar", name=one.name, **who).display_id


def start(bridge: Bridge, kind: str, **filter: object) -> SyncJob:
    job = control.plan_job(bridge.connection, kind, filter, actor=SYSTEM)
    control.confirm(job, actor=SYSTEM)
    return job


def step(job: SyncJob) -> SyncJob:
    """One step of the job, now."""
    SyncJob.objects.filter(pk=job.pk).update(not_before=LONG_AGO)
    runner.run_once()
    job.refresh_from_db()
    return job


def finish(bridge: Bridge, job: SyncJob, *, steps: int = 400) -> SyncJob:
    """Steps of the job and work of the lanes in turn, to the end of both."""
    for _ in range(steps):
        if step(job).is_over:
            break
        bridge.work()
    assert job.state == "done", (job.state, job.cursor, job.causes, job.result)
    for _ in range(2):
        bridge.make_due()
        bridge.work()
    return job
