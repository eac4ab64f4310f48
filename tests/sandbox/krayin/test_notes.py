"""Notes and other activities: links, participants, what a PUT keeps and who gets mail."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.krayin import SandboxKrayin

from .wire import Api, Clock


@pytest.fixture
def linked(bridged: Api) -> Api:
    """Two leads and a person, so that notes can hang on them."""
    for title in ("one", "two"):
        bridged.create("/leads", {"title": title, "lead_pipeline_stage_id": 1})
    bridged.create(
        "/contacts/persons", {"name": "Ana", "emails": [], "contact_numbers": [{"value": "+551199", "label": "work"}]}
    )
    return bridged


def note_of(crm: SandboxKrayin) -> dict[str, Any]:
    (note,) = crm.state()["notes"]
    return dict(note)


def test_the_lead_wins_over_the_person_and_a_put_adds_links(linked: Api, crm: SandboxKrayin) -> None:
    row = linked.create("/activities", {"type": "note", "comment": "x", "lead_id": 1, "person_id": 1})
    assert (note_of(crm)["lead_ids"], note_of(crm)["person_ids"]) == ([1], [])
    linked.ok("PUT", f"/activities/{row['id']}", {"person_id": 1})
    linked.ok("PUT", f"/activities/{row['id']}", {"lead_id": 2, "person_id": 999})
    assert (note_of(crm)["lead_ids"], note_of(crm)["person_ids"]) == ([1, 2], [1])


def test_a_note_for_an_unknown_lead_stays_unlinked(linked: Api, crm: SandboxKrayin) -> None:
    answer = linked.call("POST", "/activities", {"type": "note", "comment": "x", "title": "t", "lead_id": 999})
    assert (answer.status, answer.limited) == (500, True)
    assert (note_of(crm)["title"], note_of(crm)["lead_ids"]) == ("t", [])


def test_a_put_keeps_what_it_does_not_name(linked: Api, crm: SandboxKrayin, clock: Clock) -> None:
    sent = {"type": "note", "title": "t", "comment": "x", "additional": '{"a": 1}', "lead_id": 1}
    row = linked.create("/activities", sent)
    clock.forward(5)
    changed = linked.ok("PUT", f"/activities/{row['id']}", {"comment": "y"})["data"]
    assert {**row, "comment": "y", "updated_at": changed["updated_at"]} == changed
    assert changed["updated_at"] > row["updated_at"]
    clock.forward(5)
    again = linked.ok("PUT", f"/activities/{row['id']}", {"comment": "y"})["data"]
    assert again["updated_at"] == changed["updated_at"]
    assert linked.ok("PUT", f"/activities/{row['id']}", {"comment": None})["data"]["comment"] is None


def test_texts_are_trimmed_at_their_ends_only(api: Api) -> None:
    row = api.create("/activities", {"type": "note", "title": " t ", "comment": "\ufeff \n a\r\n\tb \n"})
    assert (row["title"], row["comment"]) == ("t", "a\r\n\tb")
    assert api.call("POST", "/activities", {"type": "note", "comment": " \n "}).status == 422


def test_a_put_answers_uncut_what_it_stored_cut(api: Api) -> None:
    row = api.create("/activities", {"type": "note", "comment": "x"})
    long = "é" * 40_000
    assert api.ok("PUT", f"/activities/{row['id']}", {"comment": long})["data"]["comment"] == long
    kept = api.ok("GET", f"/activities/{row['id']}")["data"]["comment"]
    assert (len(kept.encode()), set(kept)) == (65534, {"é"})


def test_a_note_disappears_from_all_when_one_of_its_records_goes(linked: Api, crm: SandboxKrayin) -> None:
    row = linked.create("/activities", {"type": "note", "comment": "x", "lead_id": 1})
    linked.ok("PUT", f"/activities/{row['id']}", {"lead_id": 2})
    linked.ok("DELETE", "/leads/2")
    assert crm.state()["notes"] == []
    assert linked.call("GET", f"/activities/{row['id']}").status == 404


def test_times_are_local_and_offsets_are_dropped(api: Api) -> None:
    sent = {"type": "call", "schedule_from": "2026-11-25T10:00:00Z", "schedule_to": "2026-11-25 10:30:00+09:00"}
    row = api.create("/activities", sent)
    assert row["schedule_from"] == "2026-11-25T13:00:00.000000Z"
    assert row["schedule_to"] == "2026-11-25T13:30:00.000000Z"
    assert api.call("POST", "/activities", {**sent, "schedule_to": "amanhã"}).status == 500


def test_owner_and_done_cannot_be_chosen_on_create(api: Api) -> None:
    row = api.create("/activities", {"type": "note", "comment": "x", "user_id": 1, "is_done": 0})
    assert (row["user"]["id"], row["is_done"]) == (2, 1)
    assert api.ok("PUT", f"/activities/{row['id']}", {"user_id": 1, "is_done": 0})["data"]["user"]["id"] == 1


def test_participants_of_calls_get_mail_at_every_write_and_those_of_notes_none(linked: Api, crm: SandboxKrayin) -> None:
    times = {"schedule_from": "2026-11-25 10:00:00", "schedule_to": "2026-11-25 10:30:00"}
    people = {"users": [1], "persons": [1]}
    call = linked.create("/activities", {"type": "call", **times, "participants": people})
    assert len(crm.state()["mails"]) == 2
    linked.ok("PUT", f"/activities/{call['id']}", {})
    linked.ok("POST", "/activities/mass-update", {"indices": [call["id"]], "value": 1})
    assert len(crm.state()["mails"]) == 6
    note = linked.create("/activities", {"type": "note", "comment": "x", "participants": people})
    linked.ok("PUT", f"/activities/{note['id']}", {"comment": "y"})
    assert len(crm.state()["mails"]) == 6


def test_an_empty_additional_object_is_refused_but_json_text_is_decoded(api: Api) -> None:
    assert api.call("POST", "/activities", {"type": "note", "comment": "x", "additional": {}}).status == 500
    row = api.create("/activities", {"type": "note", "comment": "x", "additional": '{"ref": "cw"}'})
    assert row["additional"] == {"ref": "cw"}


def test_activities_of_an_unknown_record_are_an_empty_list(api: Api) -> None:
    assert api.ok("GET", "/leads/999/activities")["data"] == []
    assert api.ok("GET", "/contacts/persons/999/activities")["data"] == []
