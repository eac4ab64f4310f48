"""After something about the identity changed: what can go on goes on by itself, up to an answer that is ready."""

from datetime import datetime

from consent.encryption import Actor
from consent.models import DataRequest, RequestItem
from consent.requests import answers, execution, identity, sending
from consent.requests.moving import move
from consent.requests.states import State

BY = Actor.system("requests")


def advance(request: DataRequest, *, now: datetime) -> list[RequestItem]:
    """Move on every right whose proof is complete now; return those moved. Safe to call again."""
    reached = identity.proofs(request)
    moved = []
    for item in request.items.filter(state=State.IDENTITY_PENDING):
        item.request = request
        if identity.needed(request, item.right, has_health_content=item.has_health_content) in reached:
            move(item, State.VERIFIED, actor=BY, now=now, reason="proved")
            execution.do_at_once(item, now)
            if answers.rule_of(item).automatic:
                answer_now(item, now=now)
            moved.append(item)
    return moved


def answer_now(item: RequestItem, *, now: datetime) -> None:
    """Grant and carry out what needs nobody's judgement."""
    decision = RequestItem.Decision.GRANT
    move(item, State.TRIAGE, actor=BY, now=now, reason="automatic")
    move(item, State.APPROVED, actor=BY, now=now, reason="automatic", decision=decision, decided_at=now)
    carry_out(item, now=now)
    if item.state == State.READY and item.request.channel == DataRequest.Channel.CHAT:
        sending.send_at_once(item, now=now)


def carry_out(item: RequestItem, *, now: datetime) -> None:
    """Begin what was granted; where no program does it, it waits for a person in state EXECUTING."""
    if item.state != State.EXECUTING:
        move(item, State.EXECUTING, actor=BY, now=now)
    executor = execution.executor_of(item.right)
    if executor is None:
        return
    done = executor(item, now)
    if done.state == State.EXECUTING:
        return  # it goes on by itself, and finishes the right when it is done
    if done.state != State.VERIFYING:
        move(item, done.state, actor=BY, now=now)
        return
    finish(item, done.answer, verified=done.verified, actor=BY, now=now)


def finish(item: RequestItem, text: str, *, verified: str, actor: Actor, now: datetime, reason: str = "") -> None:
    """It was carried out and read back: keep the answer."""
    move(
        item, State.VERIFYING, State.READY, actor=actor, now=now, reason=reason, verified=verified,
        **answers.kept(item, text),
    )  # fmt: skip
