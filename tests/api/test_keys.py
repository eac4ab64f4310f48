"""A key opens the API as far as its permissions go; what is refused says why and leaves a trace."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from factories import user

from api.conftest import Program
from audit.models import AuditLog
from bridge.api import keys
from bridge.api.keys import LIVE_PER_CLIENT, TooManyKeys, issue, recognised, revoke
from bridge.models import ApiKey, Connection, Scope
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

LIST = "/api/v1/connections"


def denials() -> list[tuple[str, str, list[str]]]:
    rows = AuditLog.objects.using("audit").filter(action="api_key.use", outcome="denied").order_by("timestamp")
    return [(row.actor_ref, row.reason_code, row.fields) for row in rows]


def refusal(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def test_the_key_is_kept_only_as_a_keyed_digest(ours: Program) -> None:
    row = ApiKey.objects.get()
    secret = ours.token.split("_", 2)[2]
    assert len(secret) == 43
    assert ours.token.startswith(f"ponte_{row.prefix}_")
    assert len(bytes(row.digest)) == 32
    stored = " ".join(str(value) for value in ApiKey.objects.values_list().get())
    assert secret not in stored


def test_two_keys_of_the_same_program_are_unlike(sol: Connection, program: Callable[..., Program]) -> None:
    first, second = program(sol.clinic), program(sol.clinic)
    assert first.token != second.token
    assert bytes(first.key.digest) != bytes(second.key.digest)
    assert first.get(LIST).status_code == second.get(LIST).status_code == 200


def test_a_program_has_two_live_keys_at_most(sol: Connection, lua: Connection, program: Callable[..., Program]) -> None:
    old = program(sol.clinic, name="Painel")
    program(sol.clinic, name="PAINEL")
    with pytest.raises(TooManyKeys):
        program(sol.clinic, name="painel")
    assert ApiKey.objects.count() == LIVE_PER_CLIENT
    program(lua.clinic, name="Painel")  # another clinic's program of the same name is another program
    revoke([old.key], by=user(Role.CLINIC_MANAGER, sol.clinic), now=timezone.now())
    assert program(sol.clinic, name="Painel").get(LIST).status_code == 200


def test_an_expired_key_makes_room(sol: Connection, program: Callable[..., Program]) -> None:
    past = timezone.now() - timedelta(days=1)
    for _old in range(3):
        program(sol.clinic, expires_at=past)
    assert program(sol.clinic).get(LIST).status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("Bearer", "key_missing"),
        ("Basic cG9udGU6eA==", "key_missing"),
        ("Bearer a b", "key_missing"),
        ("Bearer ponte_x", "key_malformed"),
        ("Bearer \u00e9\u00e9\u00e9", "key_malformed"),
        (f"Bearer ponte_{'a' * 10}_{'A' * 43}", "key_unknown"),
    ],
)
def test_what_is_no_key_opens_nothing(sol: Connection, header: str | None, code: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = Client().get(LIST, headers=headers)
    assert refusal(response) == (401, code)
    assert response["WWW-Authenticate"] == 'Bearer realm="Ponte"'
    assert denials() == []


def test_a_wrong_secret_is_refused_and_noted(ours: Program) -> None:
    ours.token = ours.token[:-3] + ("abc" if ours.token[-3:] != "abc" else "abd")
    assert refusal(ours.get(LIST)) == (401, "key_unknown")
    assert denials() == [(ours.key.prefix, "key_unknown", [])]


def test_a_swapped_digest_opens_nothing(sol: Connection, program: Callable[..., Program]) -> None:
    few, many = program(sol.clinic, Scope.READ_LINKS, name="Pouco"), program(sol.clinic, name="Muito")
    ApiKey.objects.filter(pk=many.key.pk).update(digest=few.key.digest)
    prefix = many.key.prefix
    mixed = f"ponte_{prefix}_{few.token.split('_', 2)[2]}"
    assert refusal(Client().get(LIST, headers={"Authorization": f"Bearer {mixed}"})) == (401, "key_unknown")


def test_a_revoked_key_opens_nothing_from_the_next_call_on(sol: Connection, ours: Program) -> None:
    assert ours.get(LIST).status_code == 200
    manager = user(Role.CLINIC_MANAGER, sol.clinic)
    assert revoke([ours.key], by=manager, now=timezone.now()) == 1
    assert revoke([ours.key], by=manager, now=timezone.now()) == 0
    assert refusal(ours.get(LIST)) == (401, "key_revoked")
    assert denials() == [(ours.key.prefix, "key_revoked", [])]


def test_an_expired_key_opens_nothing(ours: Program) -> None:
    ApiKey.objects.update(expires_at=timezone.now())
    assert refusal(ours.get(LIST)) == (401, "key_expired")


def test_a_key_does_only_what_it_may(sol: Connection, program: Callable[..., Program]) -> None:
    few = program(sol.clinic, Scope.READ_LINKS)
    inside = f"{LIST}/{sol.pk}"
    assert few.get(f"{inside}/contact-links").status_code == 200
    refused = few.get(f"{inside}/leads")
    assert refusal(refused) == (403, "scope_missing")
    assert refused.json()["scope"] == "read:leads"
    assert refusal(few.post(f"{inside}/leads/71/stage", {"stage_id": 1})) == (403, "scope_missing")
    assert denials() == [
        (few.key.prefix, "scope_missing", ["read.leads"]),
        (few.key.prefix, "scope_missing", ["write.stages"]),
    ]


def test_a_program_that_repeats_itself_does_not_fill_the_trail(
    sol: Connection, program: Callable[..., Program]
) -> None:
    few = program(sol.clinic, Scope.READ_LINKS)
    for _again in range(5):
        few.get(LIST)
    assert 1 <= len(denials()) <= 2  # a new minute may begin meanwhile


def test_making_and_revoking_leave_rows(sol: Connection, ours: Program) -> None:
    manager = user(Role.CLINIC_MANAGER, sol.clinic)
    revoke([ours.key], by=manager, now=timezone.now())
    rows = AuditLog.objects.filter(action__startswith="api_key.").order_by("timestamp")
    made, revoked = rows
    assert (made.action, made.object_id, made.clinic_id) == ("api_key.create", str(ours.key.pk), sol.clinic_id)
    assert "write.stages" in made.fields
    assert (revoked.action, revoked.actor_id) == ("api_key.revoke", manager.pk)


def test_the_last_use_is_written_at_most_once_a_minute(ours: Program) -> None:
    now = timezone.now()
    recognised(ours.token, now=now)
    recognised(ours.token, now=now + timedelta(seconds=59))
    ours.key.refresh_from_db()
    assert ours.key.last_used_at == now
    recognised(ours.token, now=now + timedelta(seconds=60))
    ours.key.refresh_from_db()
    assert ours.key.last_used_at == now + timedelta(seconds=60)


def test_keys_survive_the_change_of_the_blind_key(ours: Program, settings: Any) -> None:
    old = dict(settings.BLIND_KEYS)
    settings.BLIND_KEYS = {"new": b"n" * 32, **old}
    assert ours.get(LIST).status_code == 200  # and moves to the new one
    settings.BLIND_KEYS = {"new": b"n" * 32}
    assert ours.get(LIST).status_code == 200
    settings.BLIND_KEYS = old
    assert refusal(ours.get(LIST)) == (401, "key_unknown")


def test_a_session_of_the_staff_opens_nothing(sol: Connection) -> None:
    client = Client()
    client.force_login(user(Role.CLINIC_MANAGER, sol.clinic))
    assert refusal(client.get(LIST)) == (401, "key_missing")
    assert refusal(client.post(f"{LIST}/{sol.pk}/leads/71/stage", {"stage_id": 1})) == (401, "key_missing")


def test_trying_keys_is_limited_by_address(sol: Connection) -> None:
    codes = [refusal(Client().get(LIST, REMOTE_ADDR="203.0.113.7"))[0] for _try in range(101)]
    assert codes == [401] * 100 + [429]
    assert refusal(Client().get(LIST, REMOTE_ADDR="203.0.113.8")) == (401, "key_missing")


def test_a_key_never_shows_in_a_message(sol: Connection, caplog: pytest.LogCaptureFixture) -> None:
    now = timezone.now()
    made = issue(clinic=sol.clinic, client="x", scopes=["read:links"], expires_at=now, by=user(None), now=now)
    with pytest.raises(keys.Refused) as refused:
        recognised(made.token, now=now)
    assert made.token not in repr(refused.value)
    assert str(refused.value) == "key_expired"
    assert made.token not in caplog.text
