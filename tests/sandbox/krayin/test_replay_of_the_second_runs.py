"""The second recorded sessions: each group rebuilds what the recordings had, then repeats their calls in order.

Calls of those sessions that were not written down are replaced by fillers, so that the ids fit.
"""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import MakeCrm
from .replay import assert_replayed, comparable, repeat
from .wire import Api, Clock, entry, make_optional, sample

CLOSE = "2026-12-15"


def clinic(api: Api) -> None:
    """Pipeline 2 with stages 7 to 11 and source 6, as in the recordings, and the bridge's attributes."""
    api.ok("POST", "/settings/pipelines", sample("settings_pipeline_create")["request"]["body"])
    api.ok("POST", "/settings/sources", {"name": "WhatsApp"})
    make_optional(api)


def person(api: Api, name: str, phone: str, email: str | None = None, **more: Any) -> dict[str, Any]:
    emails = [entry(email)] if email else []
    return api.create("/contacts/persons", {"name": name, "emails": emails, "contact_numbers": [entry(phone)], **more})


def lead(api: Api, title: str, **more: Any) -> dict[str, Any]:
    """A lead as the recordings had them: first stage of pipeline 2, source 6, type 1, owner 1."""
    basics = {"lead_pipeline_stage_id": 7, "lead_source_id": 6, "lead_type_id": 1, "user_id": 1}
    return api.create("/leads", {"title": title, **basics, **more})


@pytest.fixture
def searched(bridged: Api) -> Api:
    """The persons of the search recordings, with their own keys."""
    for name, phone, email, more in (
        ("Maria Aparecida da Silva", "+5511987654321", "maria.silva@example.com.br", {"job_title": "Paciente"}),
        ("Carlos Lima", "+5511955556666", None, {}),
        ("João Pereira", "+5521999998888", "joao.pereira@example.com.br", {}),
        ("Pedro Nunes", "+5531988887777", "pedro+odonto@example.com.br", {}),
        ("Beatriz Rocha", "+55 11 98765-4321", "bia.rocha@example.com.br", {}),
        ("Paula Reis", "+5541977776666", "Paula.Reis@Example.com.br", {}),
        ("Ana Lima", "+5551966665555", "ana_lima@example.com.br", {}),
        ("Ana Xavier", "+5551966664444", "anaxlima@example.com.br", {"job_title": "cw-1-contact-303"}),
    ):
        person(bridged, name, phone, email, **more)
    for person_id, ref in ((1, 302), (2, 301), (3, 303)):
        row = bridged.ok("GET", f"/contacts/persons/{person_id}")["data"]
        bridged.ok("PUT", f"/contacts/persons/{person_id}", {**row, "chatwoot_contact_ref": f"cw-1-contact-{ref}"})
    return bridged


@pytest.mark.parametrize(
    "name",
    [
        "bad_condition", "combined", "combined_colon", "combined_empty_term", "combined_none", "combined_percent",
        "combined_plus", "combined_two_terms", "combined_underscore", "combined_underscore_escaped",
        "phone_digits_wildcards", "quoted_exact", "ref_in_other_text_field", "refs_in", "unknown_field_500",
    ],
)  # fmt: skip
def test_person_searches_find_whom_they_found(searched: Api, name: str) -> None:
    assert_replayed(searched, f"run2_persons_search_{name}")


def test_person_filters_find_whom_they_found(searched: Api) -> None:
    person(searched, "Íris Área", "+5551911110000", "iris/vendas@example.com.br")
    for name in ("filter_ids", "filter_unique_id", "filter_id_gone"):
        assert_replayed(searched, f"run2_persons_{name}")
    assert_replayed(searched, "run2_organizations_filter_id_gone")
    assert_replayed(searched, "run2_500_controller_unknown_person")
    assert_replayed(searched, "run2_500_wrong_path_parameter")


TITLES = (
    "WhatsApp · conversa #4711 · 2026/11/20", "Avaliação ortodôntica", "avaliacao ortodontica", "Orçamento, 2 arcadas",
    "5", "6", "Nota com espaço no fim", "8", "cw-1-conv-4711/d1", "10", "11", "12", "13", "14", "15", "16", "+10",
    "a" * 300, "a" * 255,
)  # fmt: skip


def test_lead_filters_find_what_they_found(searched: Api) -> None:
    searched.ok("POST", "/settings/pipelines", sample("settings_pipeline_create")["request"]["body"])
    searched.ok("POST", "/settings/sources", {"name": "WhatsApp"})
    for title in TITLES:
        lead(searched, title, lead_value=100, person={"id": 1})
    for name in (
        "filter_id_gone", "filter_id_loose_cast", "filter_ids", "filter_person_id", "filter_title_accent_case",
        "filter_title_comma_never_matches", "filter_title_exact", "filter_title_none",
    ):  # fmt: skip
        assert_replayed(searched, f"run2_leads_{name}")
    assert_replayed(searched, "run2_500_controller_unknown_column")
    assert_replayed(searched, "run2_500_wrong_method")


def test_activity_filters_find_what_they_found(api: Api) -> None:
    ids = {}
    for title in ("WhatsApp · conversa #4711 · 2026/11/20", "Avaliação ortodôntica", "avaliacao ortodontica", "Or, 2"):
        ids[title] = api.create("/activities", {"type": "note", "title": title, "comment": "Teste"})["id"]
    for name in ("title_accent_case", "title_comma_never_matches", "title_exact", "title_none", "id_gone"):
        assert_replayed(api, f"run2_activities_filter_{name}", ids=False)
    assert_replayed(api, "run2_activities_filter_person_id_500")
    recorded = sample("run2_activities_filter_ids")["request"]["path"]
    first, second = ids["WhatsApp · conversa #4711 · 2026/11/20"], ids["Avaliação ortodôntica"]
    path = recorded.replace("63,72", f"{first},{second}")
    assert_replayed(api, "run2_activities_filter_ids", path=path, ids=False)


def test_leads_with_a_nested_person_are_answered_alike(api: Api) -> None:
    api.ok("POST", "/settings/pipelines", sample("settings_pipeline_create")["request"]["body"])
    api.ok("POST", "/settings/sources", {"name": "WhatsApp"})
    assert_replayed(api, "run2_leads_create_person_phone_only_seeded_422")
    make_optional(api)
    _check_all(
        api,
        "person_phone_only", "person_emails_absent_500", "person_same_phone_422", "person_same_ref_422",
        "lead_ref_taken_422", "repeat_422", "person_email_only", "person_numbers_empty_500",
        "person_numbers_null_500", "person_synthetic_email", "person_neither_first", "person_neither_second_500",
    )  # fmt: skip
    lead(api, "filler")
    _check_all(
        api,
        "person_id", "person_id_other_keys_ignored", "person_id_plain_unknown_500", "person_id_unknown_404",
    )  # fmt: skip
    for number in range(5):
        lead(
            api, "filler", person={"name": "F", "emails": [entry(f"f{number}@example.com.br")]} if number < 3 else None
        )
    _check_all(
        api,
        "person_organization_name", "half_written_500", "after_half_written_422", "person_first_number_null_500",
        "ref_case_insensitive_422", "person_label_missing_500",
    )  # fmt: skip
    assert_replayed(api, "run2_leads_search_by_person_ref")
    assert_replayed(api, "run2_leads_search_refs_in")
    assert_replayed(api, "run2_500_controller_fk_source")
    assert_replayed(api, "run2_500_controller_validation_crash")
    assert_replayed(api, "run2_leads_edit_unreadable_date_500")
    assert_replayed(api, "run2_persons_update_add_phone")
    assert_replayed(api, "run2_persons_update_without_numbers_500")
    assert_replayed(api, "run2_persons_update_email_only_empty_phone")


def _check_all(api: Api, *names: str) -> None:
    for name in names:
        assert_replayed(api, f"run2_leads_create_{name}")


@pytest.fixture
def treated(crm: Any, api: Api) -> Api:
    """Leads 22 to 30 with a product row and a true boolean, for the recordings of stage changes."""
    clinic(api)
    product = crm.add_product("Implante", sku="IMP-1", price="150.0000", quantity=10, description="x")
    person(api, "Carlos Lima", "+5511955556666")
    for _ in range(21):
        lead(api, "filler")
    for number in range(22, 31):
        more = {} if number == 26 else {"expected_close_date": CLOSE}
        stage = 1 if number == 25 else 7
        rows = [{"product_id": product, "name": "Implante", "price": 150, "quantity": 2}]
        common = {"description": "Contato iniciado pelo WhatsApp", "lead_value": 2500, "convenio": 1}
        basics = {"person": {"id": 1}, "products": rows, "lead_pipeline_stage_id": stage}
        assert lead(api, "Implante unitário", **common, **basics, **more)["id"] == number
    return api


STAGE_CHANGES = (
    "stage_only_loses_date", "minimal", "repeat", "other_pipeline_mismatch", "null_date", "iso_date", "won",
    "won_again", "won_closed_at", "mass_update",
)  # fmt: skip


def test_stage_changes_are_answered_alike(treated: Api) -> None:
    for name in STAGE_CHANGES:
        assert_replayed(treated, f"run2_leads_stage_change_{name}")
    lost = {"lead_pipeline_stage_id": 11, "expected_close_date": CLOSE, "convenio": 1}
    treated.ok("PUT", "/leads/attributes/edit/27", {**lost, "lost_reason": "Achou caro", "lead_value": 2600})
    assert_replayed(treated, "run2_leads_stage_change_reopen")
    assert_replayed(treated, "run2_leads_mass_update_unknown_stage_500")
    assert_replayed(treated, "run2_leads_close_date_sao_paulo")


def test_a_close_date_sent_back_as_read_moves_east_of_greenwich(make_crm: MakeCrm) -> None:
    crm = make_crm(timezone="Asia/Kolkata")
    api = Api(crm.url, crm.issue_token())
    row = api.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "expected_close_date": "2026-12-14"})
    read = sample("run2_leads_close_date_kolkata")["response"]["body"]["data"]["expected_close_date"]
    moved = sample("run2_leads_stage_change_iso_date_kolkata")
    api.ok("PUT", f"/leads/attributes/edit/{row['id']}", {"expected_close_date": CLOSE})
    assert api.ok("GET", f"/leads/{row['id']}")["data"]["expected_close_date"] == read
    body = {"expected_close_date": moved["request"]["body"]["expected_close_date"]}
    got = api.ok("PUT", f"/leads/attributes/edit/{row['id']}", body)["data"]
    assert got["expected_close_date"] == moved["response"]["body"]["data"]["expected_close_date"]


def test_notes_are_answered_alike(api: Api) -> None:
    for number in range(3):
        api.create("/leads", {"title": f"lead {number}", "lead_pipeline_stage_id": 1})
    api.create(
        "/contacts/persons", {"name": "A", "emails": [entry("a@b.co")], "contact_numbers": [entry("+551199998888")]}
    )
    for name in ("1kb", "emoji", "html", "markdown", "newlines"):
        assert_replayed(api, f"run2_notes_create_{name}", ids=False)
    note = assert_replayed(api, "run2_notes_create_lead_and_person", ids=False).data
    path = f"/activities/{note['id']}"
    for name in ("comment_only", "same_comment", "comment_empty"):
        assert_replayed(api, f"run2_notes_update_{name}", path=path, ids=False)
    for name in ("add_person", "add_second_lead", "unknown_lead_500"):
        assert_replayed(api, f"run2_notes_update_{name}", path=path, ids=False)
    assert api.ok("GET", path)["data"]["comment"] == "Quarta versão"
    assert_replayed(api, "run2_500_controller_note_unknown_lead")
    assert_replayed(api, "run2_500_controller_additional_object")
    api.ok("DELETE", path)
    assert_replayed(api, "run2_notes_update_gone_404", path=path)


@pytest.mark.parametrize(("name", "sent", "kept"), [
    ("20kb", 20480, 20480), ("60kb", 61440, 61440), ("65535", 65535, 65535), ("65536", 65536, 65532),
    ("70kb", 71680, 65532),
])  # fmt: skip
def test_long_comments_are_kept_or_cut_as_recorded(api: Api, name: str, sent: int, kept: int) -> None:
    recorded = sample(f"run2_notes_create_{name}")
    api.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1})
    # An emoji of four bytes lies across the limit, as in the recording.
    text = ("x" * 65532 + "😀" * 2000 if sent > 65535 else "x" * sent).encode()[:sent].decode()
    got = repeat(api, recorded["request"], body={**recorded["request"]["body"], "comment": text})
    assert len(got.data["comment"].encode()) == kept
    expected = recorded["response"]["body"]
    expected["data"].update(comment=got.data["comment"], id=got.data["id"])
    assert comparable(got.body, api.url) == comparable(expected, "https://nowhere")


def test_a_call_changed_by_its_comment_alone_is_answered_alike(api: Api) -> None:
    clinic(api)
    more = {"organization_name": "Odonto Vida Ltda", "job_title": "Sócia", "user_id": 1}
    person(api, "Juliana Prado", "+5511933331111", "juliana@odontovida.example.com.br", **more)
    recorded = sample("run2_calls_update_comment_sends_mail")["response"]["body"]["data"]
    body = {
        "type": "call",
        "title": recorded["title"],
        "schedule_from": "2026-11-25 10:00:00",
        "schedule_to": "2026-11-25 10:30:00",
        "participants": {"users": [1], "persons": [1]},
        "location": recorded["location"],
    }
    row = api.create("/activities", body)
    assert_replayed(api, "run2_calls_update_comment_sends_mail", path=f"/activities/{row['id']}", ids=False)


def test_deletions_are_answered_alike(bridged: Api) -> None:
    contact = person(bridged, "Renata", "+5511912340001", "renata@example.com.br")
    owned = bridged.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {"id": contact["id"]}})
    lead_path, person_path = f"/leads/{owned['id']}", f"/contacts/persons/{contact['id']}"
    assert_replayed(bridged, "run2_delete_lead", path=lead_path)
    assert_replayed(bridged, "run2_delete_person_after_leads", path=person_path)
    assert_replayed(bridged, "run2_delete_lead_again_404", path=lead_path)
    assert_replayed(bridged, "run2_delete_person_again_500", path=person_path)
    assert_replayed(bridged, "run2_lead_activities_of_deleted_lead", path=f"{lead_path}/activities")


def test_persons_with_little_are_answered_alike(bridged: Api) -> None:
    for name in (
        "create_empty_phone_first", "create_empty_phone_second_500", "create_email_only_empty_phone",
        "create_emails_null_500",
    ):  # fmt: skip
        assert_replayed(bridged, f"run2_persons_{name}", ids=False)


def test_a_refused_person_delete_is_answered_and_repaired_alike(bridged: Api) -> None:
    gone = sample("run2_persons_create_after_refused_delete_500")["request"]["body"]
    contact = bridged.create("/contacts/persons", gone)
    bridged.create("/leads", {"title": "x", "lead_pipeline_stage_id": 1, "person": {"id": contact["id"]}})
    assert bridged.call("DELETE", f"/contacts/persons/{contact['id']}").status == 500
    assert_replayed(bridged, "run2_persons_create_after_refused_delete_500")
    path = f"/contacts/persons/{contact['id']}"
    assert_replayed(bridged, "run2_persons_update_repairs_wiped", path=path, ids=False)
    recorded = sample("run2_persons_mass_destroy_with_lead_500")
    got = repeat(bridged, recorded["request"], body={"indices": [contact["id"], 999]})
    assert (got.status, got.body) == (recorded["response"]["status"], recorded["response"]["body"])


def test_searches_through_relations_are_answered_alike(treated: Api) -> None:
    for number in range(31, 35):
        rows = [{"product_id": 1, "name": "Implante", "price": 150, "quantity": 2}]
        lead(
            treated,
            "Implante unitário",
            description="Contato iniciado pelo WhatsApp",
            lead_value=2500,
            expected_close_date=CLOSE,
            person={"id": 1},
            products=rows if number == 34 else [],
        )
    treated.create("/settings/tags", {"name": "whatsapp"})
    treated.ok("POST", "/leads/34/tags", {"tag_id": 1})
    note = {"type": "note", "title": "NOTA9 de outro com participante", "comment": "x", "lead_id": 34}
    treated.create("/activities", note)
    assert_replayed(treated, "run2_leads_search_id_and_tag", ids=False)
    assert_replayed(treated, "run2_leads_search_by_note_title", ids=False)


def test_the_newest_changes_come_first_with_the_recorded_pages(api: Api, clock: Clock) -> None:
    for number in range(28):
        clock.forward(1)
        api.create("/leads", {"title": f"{number}", "lead_pipeline_stage_id": 1})
    clock.forward(1)
    api.ok("PUT", "/leads/attributes/edit/3", {"title": "changed last"})
    for table in ("leads", "activities", "contacts/persons", "contacts/organizations"):
        name = table.rpartition("/")[2]
        recorded = sample(f"run2_{name}_sort_updated_at")
        got = repeat(api, recorded["request"])
        expected = recorded["response"]["body"]
        assert got.body.keys() == expected.keys()
        assert got.body["meta"].keys() == expected["meta"].keys()
        if table == "leads":
            assert [row["id"] for row in got.data] == [3, 28]
            labels = [link["label"] for link in got.body["meta"]["links"]]
            assert labels == [link["label"] for link in expected["meta"]["links"]]
            assert got.body["meta"]["total"] == expected["meta"]["total"]


@pytest.mark.parametrize("name", ["bad_token", "no_token", "revoked_token"])
def test_token_failures_are_answered_alike(crm: Any, name: str) -> None:
    old = crm.issue_token()
    crm.issue_token()
    api = Api(crm.url, {"bad_token": "1|wrong", "no_token": None, "revoked_token": old}[name])
    assert_replayed(api, f"run2_500_auth_{name}")


def test_a_body_that_is_too_large_is_answered_alike(api: Api) -> None:
    recorded = sample("run2_500_body_too_large")
    got = repeat(api, recorded["request"], body={"title": "x" * (8 * 1024 * 1024)})
    assert (got.status, got.body, got.limited) == (500, recorded["response"]["body"], False)


def test_without_accept_failures_are_answered_alike(api: Api, crm: Any) -> None:
    assert_replayed(api, "run2_no_accept_controller_error")
    assert_replayed(Api(crm.url, "9|wrong"), "run2_no_accept_bad_token")


def test_maintenance_and_a_dead_database_are_answered_alike(api: Api, crm: Any) -> None:
    crm.faults.add("down", count=1)
    assert_replayed(api, "run2_503_maintenance")
    crm.faults.add("refuse", count=1)
    assert_replayed(api, "run2_500_database_down")


@pytest.mark.parametrize("name", ["get", "get_debug", "post", "post_debug"])
def test_calls_over_the_limit_are_answered_alike(make_crm: MakeCrm, name: str) -> None:
    crm = make_crm(rate_limit=60, debug=name.endswith("debug"))
    api = Api(crm.url, crm.issue_token())
    for _ in range(60):
        api.ok("GET", "/get")
    assert_replayed(api, f"run2_rate_limit_over_{name}")
    assert crm.state()["counts"]["notes"] == 0


@pytest.mark.parametrize("name", ["101", "101_debug"])
def test_the_101st_person_deletion_is_answered_alike(make_crm: MakeCrm, clock: Clock, name: str) -> None:
    crm = make_crm(rate_limit=60, debug=name.endswith("debug"))
    api = Api(crm.url, crm.issue_token())
    for number in range(100):
        api.call("DELETE", "/contacts/persons/99999")
        if number == 50:
            clock.forward(61)
    clock.forward(61)
    assert_replayed(api, f"run2_rate_limit_person_delete_{name}")
