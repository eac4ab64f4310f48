"""Nothing the frame is told is proof: token, connection, inbox and person decide what is shown."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from factories import busy_clinic, conversation, step

from audit.models import AuditLog
from bridge.causes import Cause
from bridge.models import Connection, ObservedContact, ObservedConversation, PanelToken, Wish
from bridge.panel import tokens
from consent.models import DataSubject, Membership
from consent.roles import Role
from tests.panel.signed_in import NAME, Panel, account_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "audit"])


def test_without_a_token_nothing_is_shown(sol: Connection, talk: ObservedConversation) -> None:
    answer = Panel(sol).get()
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")
    assert NAME not in answer.content.decode()
    assert Panel(sol, "geraten").get().status_code == 401


def test_the_attendant_sees_person_opportunity_and_how_it_stands(attendant: Panel) -> None:
    content = attendant.shown()
    assert content["name"] == NAME
    assert (content["lead"]["stage"], content["lead"]["value"], content["lead"]["owner"]) == (
        "Contatado", "R$ 1.250,50", "Renata Dias",
    )  # fmt: skip
    assert content["lead"]["url"].endswith("/admin/leads/view/71")
    assert [stage["name"] for stage in content["lead"]["stages"]] == ["Novo", "Contatado", "Ganho"]
    assert content["sync"]["code"] == "in_step"
    assert "há" in content["lead"]["age"]


def test_the_name_costs_one_audit_row_and_repeated_looks_none(attendant: Panel) -> None:
    attendant.shown()
    row = AuditLog.objects.using("audit").get(action="reveal")
    assert (row.purpose, row.fields, row.outcome) == ("care", ["bridge.ObservedContact.name"], "ok")
    assert row.actor_id == account_of(attendant).pk
    assert "name" not in attendant.get(query="?nome=0").json()
    assert AuditLog.objects.using("audit").filter(action="reveal").count() == 1


def test_a_technical_administrator_sees_the_mask(as_role: Callable[..., Panel], marina: ObservedContact) -> None:
    assert as_role(Role.TECHNICAL_ADMIN).shown()["name"] == marina.mask
    assert not AuditLog.objects.using("audit").filter(action="reveal").exists()


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.CLINIC_MANAGER])
def test_people_who_run_the_clinic_see_every_inbox(as_role: Callable[..., Panel], role: Role) -> None:
    assert as_role(role).shown()["name"] == NAME


def test_another_inbox_than_the_attendants_is_its_own_state(as_role: Callable[..., Panel]) -> None:
    answer = as_role(Role.ATTENDANT, inboxes=(8,)).get()
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_inbox")
    assert NAME not in answer.content.decode()


def test_an_attendant_of_no_inbox_sees_nothing(as_role: Callable[..., Panel]) -> None:
    assert as_role(Role.ATTENDANT, inboxes=()).get().status_code == 403


def test_conversations_of_others_do_not_exist(attendant: Panel, marina: ObservedContact) -> None:
    foreign = busy_clinic("Clínica Lua")
    number = foreign.conversations.latest("chatwoot_conversation_id").chatwoot_conversation_id + 5000
    conversation(foreign.contacts.first(), number)
    conversation(marina, 7777, inbox_id=99)  # an inbox that is not connected
    for asked in (number, 7777, 999_999):
        answer = attendant.get(asked)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown")
        assert attendant.post("nao-enviar", number=asked).status_code == 404
    assert not Wish.objects.exists()


def test_a_token_counts_for_its_connection_only(attendant: Panel) -> None:
    other = busy_clinic("Clínica Lua")
    assert attendant.get(public_id=other.public_id).status_code == 401


@pytest.mark.parametrize("state", ["blocked", "erased"])
def test_of_a_blocked_or_erased_person_nothing_is_shown(attendant: Panel, state: str) -> None:
    DataSubject.objects.update(**{f"{state}_at": timezone.now()})
    content = attendant.shown()
    assert set(content) == {"state", "text"}
    assert content["state"] == state
    assert not AuditLog.objects.using("audit").filter(action="reveal").exists()
    assert attendant.post("sincronizar").status_code == 409


@pytest.mark.parametrize("end", ["time", "hand", "account", "role"])
def test_a_sign_in_ends(attendant: Panel, end: str) -> None:
    account, row = account_of(attendant), PanelToken.objects.get()
    if end == "time":
        PanelToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "hand":
        assert tokens.end(row, account, timezone.now())
        assert not tokens.end(row, account, timezone.now())
    elif end == "account":
        account.is_active = False
        account.save()
    else:
        Membership.objects.all().delete()
    answer = attendant.get()
    assert (answer.status_code, answer.json()["code"]) == (
        (403, "no_permission") if end == "role" else (401, "signed_out")
    )


def test_a_token_lives_twelve_hours_and_is_kept_as_a_digest(attendant: Panel) -> None:
    row = PanelToken.objects.get()
    assert timedelta(hours=11, minutes=59) < row.expires_at - timezone.now() <= timedelta(hours=12)
    assert bytes(row.digest) == tokens.digest_of(attendant.token)
    assert attendant.token.encode() not in bytes(row.digest)
    attendant.shown()
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.expires_at - timezone.now() <= timedelta(hours=12)


def test_signing_out_ends_the_token(attendant: Panel) -> None:
    path = f"/panel/{attendant.connection.public_id}/api/sair/"
    answer = attendant.client.post(path, headers={"Authorization": f"Bearer {attendant.token}"})
    assert answer.status_code == 200
    assert attendant.get().status_code == 401


def test_a_look_needs_few_queries(attendant: Panel) -> None:
    attendant.get(query="?nome=0")  # the last use of a token is noted once in five minutes
    with CaptureQueriesContext(connections["default"]) as own, CaptureQueriesContext(connections["audit"]) as trail:
        attendant.shown()
    # The three of the audit trail are among them; the keys of people seen in the last minute are in memory.
    told = [query["sql"] for query in (*own.captured_queries, *trail.captured_queries)]
    assert len([sql for sql in told if sql.split()[0] in {"SELECT", "INSERT", "UPDATE"}]) <= 10, told


def test_the_frame_is_for_that_chatwoot_only_and_strict(sol: Connection) -> None:
    answer = Panel(sol).client.get(f"/panel/{sol.public_id}/")
    policy = answer["Content-Security-Policy"]
    assert "frame-ancestors https://chat.exemplo.com.br" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "X-Frame-Options" not in answer
    assert Panel(sol).client.get("/panel/unbekannt/").status_code == 404


def test_the_whole_panel_weighs_less_than_sixty_kilobytes(sol: Connection) -> None:
    page = Panel(sol).client.get(f"/panel/{sol.public_id}/").content
    files = re.findall(rb'(?:src|href)="/?static/([^"]+)"', page)
    assert len(files) == 4
    paths = [finders.find(name.decode()) for name in files]
    assert len(page) + sum(Path(path).stat().st_size for path in paths) < 60_000


def test_what_people_ask_for_is_stored_with_where_it_was_asked(attendant: Panel) -> None:
    answer = attendant.post("etapa", {"etapa": 3, "vista": 2})
    assert answer.status_code == 200, answer.content
    assert answer.json()["asked"][0]["kind"] == "stage"
    wish = Wish.objects.get()
    assert (wish.via, wish.stage_id, wish.seen_stage_id, wish.asked_by) == ("panel", 3, 2, account_of(attendant))


def test_what_krayin_refused_says_why(attendant: Panel, marina: ObservedContact) -> None:
    attendant.post("etapa", {"etapa": 3, "vista": 2})
    mark = Wish.objects.get().pk.hex[:12]
    step(marina, "rejected", kind="set_stage", digest=f"3:{mark}", cause="KRAYIN_REJECTED")
    (asked,) = attendant.shown()["asked"]
    assert (asked["state"], asked["text"]) == ("refused", str(Cause.KRAYIN_REJECTED.label))


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("etapa", {"etapa": "3"}, 400), ("etapa", {"etapa": 99}, 422), ("nota", {"texto": ""}, 422),
        ("nota", {"texto": 5}, 422), ("apagar", {}, 404), ("etapa", [], 400),
    ],
)  # fmt: skip
def test_unusable_requests_are_refused_in_words(attendant: Panel, action: str, body: object, status: int) -> None:
    answer = attendant.post(action, body)
    assert answer.status_code == status
    assert len(answer.json()["text"]) > 10
    assert not Wish.objects.exists()
