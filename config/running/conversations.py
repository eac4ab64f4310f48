"""Have the simulated chat play its three phases, and wait after each until Ponte has settled everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.running import figures, http
from config.running.processes import Processes
from config.running.telling import CannotRun, say, say_step

PHASES = (
    ("open", "People write", "Pacientes escrevem"),
    ("reply", "The reception answers", "A recepção responde"),
    ("resolve", "The conversations are resolved", "As conversas são resolvidas"),
)
SEED = 1
ASK_EVERY_S = 0.3
TELL_EVERY_S = 5.0
# A new contact costs at most 8 calls (DESIGN section 7) of 50 a minute; the rest is for slow machines.
LIMIT_S = 180.0
LIMIT_EACH_S = 20.0
SPOOL_S = 20.0


@dataclass(frozen=True)
class Partners:
    """Addresses of the two simulators."""

    chatwoot: str
    krayin: str

    def crm(self) -> Any:
        """Everything the simulated CRM holds."""
        return http.get(f"{self.krayin}/__state__")

    def chat(self) -> Any:
        return http.get(f"{self.chatwoot}/__state__?only=contacts,conversations,messages,deliveries&items=0")


@dataclass(frozen=True)
class Story:
    """What was played: per phase what the chat expects, and the seconds until all of it was in the CRM."""

    expectations: list[Mapping[str, Any]]
    seconds: list[float]

    @property
    def last(self) -> Mapping[str, Any]:
        return self.expectations[-1]

    def total(self, name: str) -> int:
        return sum(int(expected[name]) for expected in self.expectations)


def play(
    processes: Processes, partners: Partners, connection_id: int, came: Callable[[], int], *, conversations: int
) -> Story:
    """Play one batch of new people; `came` tells how many webhooks of it have been stored. Raises CannotRun."""
    story = Story([], [])
    for phase, english, portuguese in PHASES:
        say_step(english, portuguese)
        began = time.monotonic()
        body = {"phase": phase, "conversations": conversations, "seed": SEED}
        try:
            story.expectations.append(http.post(f"{partners.chatwoot}/__scenario__", body))
        except http.NoAnswer as error:
            raise CannotRun(
                f"The simulated Chatwoot did not play the phase '{phase}': {error}.",
                f"O Chatwoot simulado não executou a fase '{phase}': {error}.",
            ) from error
        limit_s = LIMIT_S + LIMIT_EACH_S * conversations
        settle(processes, partners, connection_id, limit_s=limit_s)
        if came() < story.total("webhooks"):
            # Accepted into the spool while the database was slow; what never comes is a difference in the summary.
            processes.until(lambda: came() >= story.total("webhooks"), SPOOL_S)
            settle(processes, partners, connection_id, limit_s=limit_s)
        story.seconds.append(time.monotonic() - began)
        say(f"  {story.seconds[-1]:.1f} s")
    return story


def settle(processes: Processes, partners: Partners, connection_id: int, *, limit_s: float) -> None:
    """Wait until the chat has sent everything and no lane has anything to do, now or later. Raises CannotRun."""
    told = time.monotonic()

    def is_settled() -> bool:
        nonlocal told
        sending = http.get(f"{partners.chatwoot}/__state__?only=deliveries&items=0")["deliveries"]["pending"]
        left = figures.waiting(connection_id)
        if time.monotonic() - told > TELL_EVERY_S:
            told = time.monotonic()
            tell(sending, left)
        time.sleep(0 if left.is_nothing else ASK_EVERY_S)
        return not sending and left.is_nothing

    try:
        if processes.until(is_settled, limit_s):
            return
    except http.NoAnswer as error:
        raise CannotRun(
            f"The simulated Chatwoot does not answer: {error}.", f"O Chatwoot simulado não responde: {error}."
        ) from error
    left = figures.waiting(connection_id)
    cause = left.problem or "slow"
    raise CannotRun(
        f"After {limit_s:.0f} s {left.lanes + left.due_later} contacts are still not finished (cause: {cause}). See "
        f"{processes.logs}/lanes.log, then start again: the work goes on where it stopped.",
        f"Após {limit_s:.0f} s ainda há {left.lanes + left.due_later} contatos não concluídos (causa: {cause}). Veja "
        f"{processes.logs}/lanes.log e inicie de novo: o trabalho continua de onde parou.",
    )


def tell(sending: int, left: figures.Waiting) -> None:
    text = f"  … {left.due_later} contacts, {left.steps} steps, {sending} webhooks to go"
    say(f"{text} / {left.due_later} contatos, {left.steps} passos, {sending} webhooks na fila")
    if left.problem:
        say(f"    ! {left.problem}")
