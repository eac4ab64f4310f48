"""People accept that a field differs: it stays so until either side changes it again (screens B1 and B4)."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from factories import clinic, signed_in
from screens.pages import main_of

from audit.models import AuditLog
from bridge.models import FieldStop, ObservedContact
from consent.roles import Role
from tests.back.both_sides import BothSides

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.usefixtures("in_english")]


def compared(client: Client, who: ObservedContact) -> str:
    return main_of(client.post(reverse("admin:bridge_observedcontact_compare", args=[who.pk])))


def test_an_accepted_difference_stays_until_either_side_changes_again(both: BothSides, settings: Any) -> None:
    settings.FLIPS_PER_WINDOW = 0
    both.edits_person(name="Ana Souza")
    both.settle()
    both.edits_person(name="Ana Sousa")
    both.settle()
    stop, who = FieldStop.objects.get(resumed_at=None), ObservedContact.objects.get()
    assert (both.contact.name, both.person["name"]) == ("Ana Souza", "Ana Sousa")
    manager = signed_in(Role.CLINIC_MANAGER, both.connection.clinic)
    day = stop.stopped_at.astimezone().date().isoformat()
    listed = reverse("admin:bridge_reconcileday_list", args=[both.connection.pk, day, "differ"])
    choose = reverse("admin:bridge_observedcontact_choose", args=[who.pk])
    assert f'action="{choose}"' in manager.get(listed).content.decode()
    manager.post(choose, {"choice": "name:accept"})
    settings.FLIPS_PER_WINDOW = 10
    both.settle()
    assert not FieldStop.objects.filter(resumed_at=None).exists()
    assert (both.contact.name, both.person["name"]) == ("Ana Souza", "Ana Sousa")
    both.edits_contact(email="outra@exemplo.com")
    both.settle()
    assert both.person["emails"][0]["value"] == "outra@exemplo.com"
    text = compared(manager, who)
    assert "Only what was accepted differs." in text
    assert "accepted" in text
    both.edits_person(name="Ana de Sousa")
    both.settle()
    assert both.contact.name == both.person["name"] == "Ana de Sousa"
    assert "Both sides are equal." in compared(manager, who)
    rows = AuditLog.objects.using("audit").filter(action="hand.accept_difference")
    assert [(row.fields, row.clinic_id) for row in rows] == [(["name"], both.connection.clinic_id)]


def test_who_may_only_look_or_is_of_another_clinic_accepts_nothing(both: BothSides) -> None:
    who = ObservedContact.objects.get()
    address = reverse("admin:bridge_observedcontact_choose", args=[who.pk])
    for stranger in (
        signed_in(Role.SUPERVISOR, both.connection.clinic),
        signed_in(Role.CLINIC_MANAGER, clinic("Clínica Lua")),
    ):
        assert stranger.post(address, {"choice": "name:accept"}).status_code == 404
    assert not AuditLog.objects.using("audit").filter(action="hand.accept_difference").exists()
