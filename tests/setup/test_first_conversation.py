"""Screen A5: the first message is followed from our own tables; what did not come is explained."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wizard import Wizard, text_of

from bridge.models import CallBudget, Connection, IntakeCounter, Setup
from bridge.reconcile.jobs import poll_due
from bridge.sync.worker import Worker
from tests.bridge.connected_clinic import PLENTY

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def listening(wizard: Wizard) -> Wizard:
    """In shadow, by polling alone: the tests need no web process."""
    wizard.as_far_as("test")
    Connection.objects.update(polling_only=True)
    wizard.send("test", watch="1")
    return wizard


def live(wizard: Wizard) -> str:
    return text_of(wizard.client.get(reverse("admin:bridge_setup_live", args=[wizard.setup.pk])))


def act(wizard: Wizard, **data: str) -> str:
    address = reverse("admin:bridge_setup_first_act", args=[wizard.setup.pk])
    return text_of(wizard.client.post(address, data, follow=True))


def test_it_listens_in_shadow_and_asks_nobody_by_itself(listening: Wizard) -> None:
    assert Connection.objects.get().state == "shadow"
    calls = listening.krayin.state()["calls"]["total"]
    assert "Nada chegou ainda." in live(listening)
    assert listening.krayin.state()["calls"]["total"] == calls


def test_in_shadow_it_shows_what_would_be_written_with_the_person_masked(listening: Wizard) -> None:
    listening.chatwoot.new_person_writes("Oi", name="Ana Lima", phone_number="+5511900000021")
    assert "1 conversas trazidas" in act(listening, poll="1")
    Worker().run_until_idle()
    shown = live(listening)
    assert "O que seria gravado" in shown
    assert "A.L. ·0021 · WhatsApp Recepção · New" in shown
    assert "Ana Lima" not in shown
    assert "90000" not in shown


def test_active_it_goes_on_to_the_note_and_is_read_back(listening: Wizard) -> None:
    listening.client.post(listening.address_of("send"), {"confirm_policy": "1"})
    listening.send("switch", state="active")
    CallBudget.objects.update(**PLENTY)  # preparing has used up the minute's calls; nobody waits for the next one here
    listening.chatwoot.new_person_writes("Oi", name="Ana Lima", phone_number="+5511900000021")
    poll_due()
    Worker().run_until_idle()
    assert "espera a conversa sossegar" in live(listening)
    act(listening, note="1")
    Worker().run_until_idle()
    assert listening.krayin.state()["counts"]["notes"] == 1
    act(listening, read="1")
    shown = live(listening)
    assert "Chegou: o Krayin mostra a pessoa, a oportunidade e a nota." in shown
    part = listening.client.get(reverse("admin:bridge_setup_live", args=[listening.setup.pk])).content.decode()
    assert "hx-trigger" not in part


def test_after_half_a_minute_the_likely_causes_come_with_buttons(listening: Wizard) -> None:
    Connection.objects.update(polling_only=False)
    Setup.objects.update(watch_from=timezone.now() - timedelta(seconds=31))
    shown = live(listening)
    assert "Nada em 30 segundos" in shown
    assert shown.index("A caixa de entrada em que você escreveu") < shown.index("O Chatwoot não alcança")
    assert "Consultar o Chatwoot agora" in shown
    assert "Conta 3: Clínica Vida Plena." in act(listening, check="CHATWOOT_ACCOUNT")


def test_what_the_counters_prove_comes_first(listening: Wizard) -> None:
    Connection.objects.update(polling_only=False)
    Setup.objects.update(watch_from=timezone.now() - timedelta(seconds=31))
    IntakeCounter.objects.create(
        connection=Connection.objects.get(), hour=timezone.now().replace(minute=0, second=0, microsecond=0),
        reason="signature wrong", count=1,
    )  # fmt: skip
    shown = live(listening)
    assert shown.index("Chegou uma entrega com assinatura errada.") < shown.index(
        "A caixa de entrada em que você escreveu"
    )


def test_the_harmless_event_leaves_nothing_behind(listening: Wizard) -> None:
    listening.send("test", harmless="1")
    listening.chatwoot.wait_idle()
    assert listening.chatwoot.state(["contacts"])["contacts"] == []
    assert listening.krayin.state()["counts"]["persons"] == 0
