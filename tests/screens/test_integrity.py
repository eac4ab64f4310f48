"""D3: is the trail whole? One sentence, what the last check found, and a check on demand."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from factories import signed_in

from audit.models import AuditLog, Segment, Verification
from audit.sealing import seal_all
from audit.verifying import Finding, Kind, check
from bridge.models import Connection
from config.celery import app
from consent.queries.integrity import KINDS, finding_words
from consent.roles import Role
from screens.pages import main_of, text_of
from tests.audit.trail import guards_down, row_at, sealed_trail, sql, write

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

INTEGRITY, NOW = reverse("admin:audit_verification_changelist"), reverse("admin:audit_verification_now")


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "one"), str(tmp_path / "two")]


@pytest.fixture
def dpo(sol: Connection) -> Client:
    return signed_in(Role.DPO, sol.clinic)


def icon(client: Client) -> str:
    value: str = client.get(INTEGRITY).context["word"]["value"]
    return value


def test_a_whole_trail_is_told_in_one_sentence(dpo: Client) -> None:
    sealed_trail(5, 3)
    check(full=True)
    text = main_of(dpo.get(INTEGRITY))
    assert "A trilha está íntegra: último selo há" in text
    assert "tudo" in text
    assert icon(dpo) == "done"


def test_who_never_checked_is_told_so(dpo: Client) -> None:
    sealed_trail(5)
    assert "ninguém a conferiu por inteiro ainda" in main_of(dpo.get(INTEGRITY))
    assert icon(dpo) == "unknown"


def test_check_now_checks_what_is_new_and_is_recorded(dpo: Client) -> None:
    sealed_trail(5)
    answer = dpo.post(NOW, follow=True)
    assert Verification.objects.count() == 1
    assert "tudo está íntegro" in text_of(answer)
    (row,) = AuditLog.objects.using("audit").filter(action="audit.verify")
    assert (row.actor_type, row.outcome) == ("staff", "ok")


def test_looking_does_not_check(dpo: Client) -> None:
    sealed_trail(5)
    dpo.get(INTEGRITY)
    dpo.get(NOW)
    assert Verification.objects.count() == 0


def test_a_changed_and_a_removed_line_are_named_in_red(dpo: Client) -> None:
    sealed_trail(5, 3)
    guards_down()
    changed, gone = row_at(2), row_at(4)
    sql("UPDATE audit_logs SET purpose = 'care' WHERE id = %s", [changed])
    sql("DELETE FROM audit_logs WHERE id = %s", [gone])
    check(full=False)
    answer = dpo.get(INTEGRITY)
    text = main_of(answer)
    assert answer.context["word"]["value"] == "failed"
    assert f"alterada depois de selada linha {changed}, posição 2" in text
    assert f"sumiu linha {gone}, posição 4" in text
    assert "A última conferência encontrou 2 problemas" in text
    assert "incidente" in text


def test_a_sealer_that_stands_still_is_red(dpo: Client) -> None:
    write(2)
    guards_down()
    sql("UPDATE audit_unsealed SET created_at = created_at - interval '2 minutes'")
    assert icon(dpo) == "failed"
    assert "esperam o selo há 2 min" in main_of(dpo.get(INTEGRITY))


@pytest.mark.parametrize(("hours", "wanted"), [(24, "done"), (26, "failed")])
def test_a_place_outside_that_stands_still_for_a_day_is_red(dpo: Client, hours: int, wanted: str) -> None:
    sealed_trail(3)
    write(2)
    seal_all()
    check(full=True)
    guards_down()
    sql(f"UPDATE audit_segments SET sealed_at = sealed_at - interval '{hours} hours' WHERE number = 2")
    sql(f"UPDATE audit_checkpoints SET written_at = written_at - interval '{hours} hours'")
    assert icon(dpo) == wanted


def test_a_quiet_weekend_is_no_alarm(dpo: Client) -> None:
    sealed_trail(3)
    check(full=True)
    guards_down()
    sql("UPDATE audit_segments SET sealed_at = sealed_at - interval '60 hours'")
    sql("UPDATE audit_checkpoints SET written_at = written_at - interval '60 hours'")
    assert icon(dpo) == "done"


def test_one_place_outside_is_too_few(dpo: Client, settings: Any) -> None:
    sealed_trail(3)
    settings.AUDIT_CHECKPOINTS = settings.AUDIT_CHECKPOINTS[:1]
    assert icon(dpo) == "failed"


@pytest.fixture
def long_trail() -> None:
    sealed_trail(2)
    last = Segment.objects.latest("number")
    last.number, last.last_position = last.number + 1, 60_000
    last.save(force_insert=True)


def use_broker(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(app.conf, "broker_write_url", address)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)


def test_a_long_trail_is_checked_in_the_background(
    dpo: Client, long_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_broker(monkeypatch, "memory://")
    assert "A conferência de tudo começou" in text_of(dpo.post(NOW, follow=True))
    assert Verification.objects.count() == 0
    with app.connection_for_write() as broker:
        message = broker.default_channel.basic_get("jobs")
    assert message is not None
    assert message.headers["task"] == "audit.tasks.verify_full"


def test_without_broker_a_long_check_is_refused_in_words(
    dpo: Client, long_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_broker(monkeypatch, "redis://127.0.0.1:9/0")
    assert "a fila não responde" in text_of(dpo.post(NOW, follow=True))


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_finding_has_words(kind: Kind) -> None:
    what, _where = finding_words(Finding(kind, "row 7").as_json())
    assert what == str(KINDS[kind])
    assert kind.value not in what.split()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("row 7 at position 9", "linha 7, posição 9"),
        ("row 7, not sealed yet", "linha 7, ainda sem selo"),
        ("segments 2 to 3 are gone", "os segmentos 2 a 3 sumiram"),
        ("segment 2: all 7 rows are gone", "segmento 2: as 7 linhas sumiram"),
        ("segment 2: no seal at 3, 7 to 9", "segmento 2: sem selo em 3, 7–9"),
        ("checkpoint place 1 knows segments 2 to 3", "o local 1 conhece os segmentos 2 a 3, o banco não"),
    ],
)
def test_places_of_findings_are_told_in_portuguese(where: str, words: str) -> None:
    assert finding_words({"kind": "cut", "where": where})[1] == words
