"""Since when somebody attends a conversation, whatever the order in which its bodies come (bridge.sync.observe)."""

from itertools import permutations

import pytest
from django.utils import timezone
from factories import clinic, connection

from bridge.events import ContactFact, ConversationFact, Facts
from bridge.mappers.chatwoot import facts_of
from bridge.models import ObservedConversation
from bridge.sync.observe import observe

pytestmark = pytest.mark.django_db

ANA, BIA = 21, 22


def fact(version: int, assignee: int | None) -> Facts:
    person = ContactFact(
        contact_id=1, name="Rui Sá", email="", phone="+5511900000021", company="", has_identifier=False,
        last_activity_at=None, is_authoritative=False,
    )  # fmt: skip
    talk = ConversationFact(
        conversation_id=9, contact_id=1, inbox_id=7, channel="", status="open", version=version, labels=(),
        assignee_id=assignee, team_id=None, started_at=timezone.now(), first_reply_at=None, last_activity_at=None,
    )  # fmt: skip
    return Facts(contacts=(person,), conversations=(talk,))


@pytest.mark.parametrize(
    ("history", "assignee", "since"),
    [
        ([(1, None), (2, ANA), (3, ANA)], ANA, {2}),
        ([(1, ANA), (2, ANA), (3, BIA)], BIA, {3}),
        ([(1, ANA), (2, ANA), (3, None)], None, {None}),
        # Never later than it was; where bodies overtook each other perhaps a little earlier.
        ([(1, ANA), (2, BIA), (3, ANA)], ANA, {2, 3}),
    ],
)
def test_late_bodies_never_make_an_assignment_newer(
    history: list[tuple[int, int | None]], assignee: int | None, since: set[int | None]
) -> None:
    here = clinic()
    found = set()
    for order in permutations(history):
        made = connection(here)
        for version, who in order:
            observe(made, [fact(version, who)], timezone.now())
        row = ObservedConversation.objects.get(connection=made)
        assert row.assignee_id == assignee
        found.add(row.assignee_since)
    assert found <= since


@pytest.mark.parametrize(("kind", "assignee"), [("User", ANA), ("AgentBot", None)])
def test_a_bot_is_nobody_although_its_number_may_be_a_persons(kind: str, assignee: int | None) -> None:
    body = {
        "event": "conversation_updated", "id": 9, "inbox_id": 7, "status": "open", "channel": "Channel::Whatsapp",
        "created_at": 1794880800, "updated_at": 1794880800.5, "labels": [],
        "meta": {"sender": {"id": 1, "name": "Rui Sá"}, "assignee": {"id": ANA, "name": "X"}, "assignee_type": kind},
    }  # fmt: skip
    (found,) = facts_of(body).conversations
    assert found.assignee_id == assignee
