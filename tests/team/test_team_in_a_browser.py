"""A9 in a real browser, on a desk and on a phone: read the lists, choose the rule, pair, mark an absence."""

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from bridge.models import OwnerLink, OwnerRule
from consent.roles import Role
from tests.browsing import Visitor, account, browser, context, size
from tests.team.conftest import CAMILA, Clinic

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]
__all__ = ["browser", "context", "size"]


def test_a_manager_sets_the_team_up(context: BrowserContext, live_server: LiveServer, clinic: Clinic) -> None:
    OwnerRule.objects.all().delete()
    OwnerLink.objects.all().delete()
    clinic.writes()
    visitor = Visitor(context.new_page(), live_server.url)
    page = visitor.page
    visitor.sign_in(account(Role.CLINIC_MANAGER, clinic.connection))
    visitor.open(reverse("admin:bridge_ownerrule_changelist"))
    assert visitor.sideways == 0
    page.click("button[value=fetch]")
    page.wait_for_load_state()
    assert "2 de 3 pessoas do Chatwoot têm par no Krayin · 1 oportunidade aberta sem responsável." in visitor.text
    camila = clinic.owner(clinic.camila)
    page.check("input[value=assignee]")
    page.select_option("#id_default", str(camila.pk))
    page.click("button[value=rule]")
    page.wait_for_load_state()
    page.check(f"input[name=absent-{camila.pk}]")
    page.click("button[value=people]")
    page.wait_for_load_state()
    rule = OwnerRule.objects.get()
    assert (rule.rule, rule.default_owner) == ("assignee", camila)
    assert OwnerLink.objects.get(key=str(CAMILA)).found_by == "email"
    assert "ausente" in visitor.text
    assert visitor.sideways == 0
    assert visitor.complaints == []
