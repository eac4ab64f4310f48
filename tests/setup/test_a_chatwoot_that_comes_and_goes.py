"""Preparing Chatwoot while it goes away in the middle, again and again: each run goes on where the last one ended."""

import pytest
from wizard import Wizard

from bridge.back.shown import DEFINITIONS
from bridge.models import SetupObject

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_every_run_goes_on_where_the_last_one_ended(wizard: Wizard) -> None:
    wizard.as_far_as("prepare-chatwoot")
    interrupted = 0
    for _ in range(12):
        wizard.chatwoot.set_faults(rest="down", rest_after=4)
        shown = wizard.send("prepare-chatwoot", make="1")
        if "prepare-chatwoot" in wizard.setup.steps:
            break
        assert "o que foi feito fica, e o resto é feito então" in shown
        interrupted += 1
    wizard.chatwoot.set_faults(rest="ok", rest_after=0)
    assert interrupted >= 2
    assert "prepare-chatwoot" in wizard.setup.steps
    held = wizard.chatwoot.store
    assert (len(held.webhooks), len(held.attribute_definitions), len(held.dashboard_apps)) == (1, len(DEFINITIONS), 1)
    noted = SetupObject.objects.filter(partner="chatwoot", undone_at=None)
    assert sorted(noted.values_list("kind", flat=True)) == sorted(
        ["webhook", "panel", *["attribute"] * len(DEFINITIONS)]
    )
