"""Logs: one JSON object a line, ids only, and the same trace from the webhook to the call of the CRM."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from config import logs
from tests.bridge.connected_clinic import Bridge, bridge, chatwoot, krayin

__all__ = ["bridge", "chatwoot", "krayin"]

CANARIES = {
    "a telephone": "+5511987654321",
    "a telephone with blanks": "(11) 98765-4321",
    "an e-mail address": "zuleide.canario@exemplo.com.br",
    "a CPF": "529.982.247-25",
    "a CPF without dots": "52998224725",
    "a CNPJ": "11.222.333/0001-81",
    "a name": "Zuleide Quixabeira da Silva",
    "a token": "tok_9f8a7b6c5d4e3f2a1b0c9d8e",
    "a bearer": "Bearer abc.def-123",
}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the handler of every process writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES)
def test_no_canary_gets_into_a_line_by_whatever_way(canary: str, written: io.StringIO) -> None:
    log = logging.getLogger("canary")
    log.warning("found %s in %s", canary, {"value": canary})
    log.warning("found", extra={"patient": canary})
    structlog.get_logger("canary").info("found", given=canary, rows=[canary])
    with logs.bound(of=canary):
        try:
            try:
                raise ValueError(canary)
            except ValueError as error:
                raise RuntimeError(f"row of {canary}") from error
        except RuntimeError as error:
            log.exception("failed: %s", error)
    assert canary not in written.getvalue()
    assert canary.split()[0] not in written.getvalue().replace("Bearer [removed]", "")
    assert len(lines(written)) == 4


def test_what_stands_in_a_field_of_that_name_is_never_written(written: io.StringIO) -> None:
    structlog.get_logger("x").info("found", name="Zé", password="curta", content="oi", n=3, connection=7)
    [line] = lines(written)
    assert (line["name"], line["password"], line["content"]) == (logs.REMOVED,) * 3
    assert (line["n"], line["connection"]) == (3, 7)


def test_addresses_keep_their_path_and_lose_query_token_and_password(written: io.StringIO) -> None:
    log = logging.getLogger("django.request")
    log.warning("%s: %s", "Not Found", "/copia/9f8a7b6c5d4e3f2a1b0c9d8e7f/?q=Maria+Silva")
    log.warning("broker %s", "redis://user:senha@10.0.0.1:6379/0")
    first, second = lines(written)
    assert first["event"] == f"Not Found: /copia/{logs.REMOVED}/?…"
    assert "senha" not in second["event"]


def test_ids_numbers_and_programs_words_stay_as_they_are(written: io.StringIO) -> None:
    text = "lane failed: connection=%s %s bridge.sync.worker 3f0c9d8e-0000-4000-8000-0123456789ab %.1f"
    logging.getLogger("x").error(text, 12, "c:5501", 0.25)
    [line] = lines(written)
    assert line["event"] == text % (12, "c:5501", 0.25)
    assert (line["level"], line["logger"]) == ("error", "x")


def test_an_exception_is_told_by_type_and_place(written: io.StringIO) -> None:
    try:
        raise KeyError("529.982.247-25")
    except KeyError:
        logging.getLogger("x").exception("failed")
    [line] = lines(written)
    assert line["exception"][0]["type"] == "KeyError"
    assert "test_log_lines.py" in line["exception"][0]["at"][0]


def test_people_who_develop_read_lines_instead() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "hello %s", ("you",), None)
    told = logs.formatter(human=True).format(record)
    assert "hello you" in told
    assert not told.startswith("{")


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_one_trace_leads_from_the_webhook_to_every_call_of_the_crm(bridge: Bridge, written: io.StringIO) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Zuleide Quixabeira", phone_number="+5511977364158")
    bridge.deliver(deliveries)
    bridge.work()
    told = lines(written)
    kept = [line for line in told if line["logger"] == "bridge.webhooks.views"]
    calls = [line for line in told if line["logger"] == "bridge.clients.base" and "krayin POST" in line["event"]]
    assert kept
    assert calls
    traces = {line["trace"] for line in kept}
    assert {line["trace"] for line in calls} <= traces
    assert all(
        line["effect"] and line["connection"] == bridge.connection.pk for line in calls if "leads" in line["event"]
    )
    assert "Zuleide" not in written.getvalue()
    assert "77364158" not in written.getvalue()
