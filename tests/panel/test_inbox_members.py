"""Which inboxes an attendant belongs to comes from Chatwoot, by e-mail, and at sign-in."""

import pytest
from django.test import Client

from bridge.models import AttendedInboxes, PanelToken
from bridge.panel import members
from bridge.sandbox.chatwoot import FINANCE_INBOX_ID, WEB_INBOX_ID, WHATSAPP_INBOX_ID
from consent.models import Membership, User
from consent.roles import Role
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

PASSWORD = "uma senha bem comprida"
STATE = "a" * 32


def attendant(bridge: Bridge, email: str) -> User:
    made = User.objects.create_user(email, PASSWORD)
    Membership.objects.create(user=made, role=Role.ATTENDANT, clinic=bridge.connection.clinic)
    return made


@pytest.fixture
def rafael(bridge: Bridge) -> User:
    return attendant(bridge, "rafael.nogueira@clinicavidaplena.example")


def sign_in(bridge: Bridge, email: str, password: str = PASSWORD, state: str = STATE) -> str:
    path = f"/panel/{bridge.connection.public_id}/entrar/"
    answer = Client().post(path, {"username": email, "password": password, "state": state})
    assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert "unsafe-inline" not in answer["Content-Security-Policy"]
    return answer.content.decode()


def test_an_attendant_gets_the_connections_inboxes_only(bridge: Bridge, rafael: User) -> None:
    camila = attendant(bridge, "camila.freitas@clinicavidaplena.example")
    stranger = attendant(bridge, "ninguem@clinica.exemplo")
    assert members.refresh(bridge.connection) == 2
    held = {row.user_id: row.inbox_ids for row in AttendedInboxes.objects.all()}
    assert held == {rafael.pk: [WHATSAPP_INBOX_ID], camila.pk: [WHATSAPP_INBOX_ID], stranger.pk: []}


def test_every_inbox_of_an_account_that_is_wholly_ours(bridge: Bridge, rafael: User) -> None:
    bridge.connection.all_inboxes = True
    bridge.connection.save()
    members.refresh(bridge.connection)
    inboxes = AttendedInboxes.objects.get().inbox_ids
    assert {WHATSAPP_INBOX_ID, WEB_INBOX_ID} <= set(inboxes)
    assert FINANCE_INBOX_ID not in inboxes


def test_signing_in_asks_chatwoot_and_hands_over_a_token(bridge: Bridge, rafael: User) -> None:
    page = sign_in(bridge, rafael.email)
    assert AttendedInboxes.objects.get(user=rafael).inbox_ids == [WHATSAPP_INBOX_ID]
    assert PanelToken.objects.get().user == rafael
    assert STATE in page


def test_a_chatwoot_that_is_away_keeps_what_is_known(bridge: Bridge, rafael: User) -> None:
    bridge.chatwoot.stop()
    assert "token" in sign_in(bridge, rafael.email)
    assert not AttendedInboxes.objects.exists()
    assert members.refresh_all() == {"connections": 0, "failed": 1}


@pytest.mark.parametrize("wrong", ["password", "role", "state"])
def test_no_token_for_who_should_have_none(bridge: Bridge, rafael: User, wrong: str) -> None:
    if wrong == "role":
        Membership.objects.all().delete()
    page = sign_in(
        bridge, rafael.email, password="errada" if wrong == "password" else PASSWORD,
        state="" if wrong == "state" else STATE,
    )  # fmt: skip
    assert "handover" not in page
    assert not PanelToken.objects.exists()
