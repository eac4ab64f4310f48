"""H4: who is signed in to the panel is seen and ended by those who change people's accounts."""

from collections.abc import Callable

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from factories import clinic, signed_in

from audit.models import AuditLog
from bridge.models import PanelToken
from consent.roles import Role
from tests.panel.signed_in import Panel, account_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "audit"])

LIST = "admin:bridge_paneltoken_changelist"


def end(client: Client) -> int:
    row = PanelToken.objects.get()
    return client.post(reverse(LIST), {"action": "end", ACTION_CHECKBOX_NAME: [str(row.pk)]}).status_code


def test_the_management_ends_a_sign_in_at_once(attendant: Panel) -> None:
    client = signed_in(Role.CLINIC_MANAGER, attendant.connection.clinic)
    email = account_of(attendant).email
    assert email in client.get(reverse(LIST)).content.decode()
    assert end(client) == 302
    assert attendant.get().status_code == 401
    assert email not in client.get(reverse(LIST)).content.decode()
    assert email in client.get(reverse(LIST) + "?state=ended").content.decode()
    assert AuditLog.objects.using("audit").filter(action="panel.sign_out").count() == 1


def test_another_clinics_management_sees_and_ends_none(attendant: Panel) -> None:
    client = signed_in(Role.CLINIC_MANAGER, clinic("Clínica Lua"))
    assert account_of(attendant).email not in client.get(reverse(LIST)).content.decode()
    end(client)
    assert attendant.get().status_code == 200


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDITOR, Role.DPO])
def test_others_have_no_such_list(attendant: Panel, role: Role) -> None:
    assert signed_in(role, attendant.connection.clinic).get(reverse(LIST)).status_code == 403


def test_the_list_opens_nothing(attendant: Panel, as_role: Callable[..., Panel]) -> None:
    signed_in(Role.CLINIC_MANAGER, attendant.connection.clinic).get(reverse(LIST))
    assert not AuditLog.objects.using("audit").filter(action="reveal").exists()
