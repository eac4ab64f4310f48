"""Every measurement runs from nothing, tells what it promised and leaves nothing behind. How fast is not asked here."""

import pytest
from small_runs import STRICT, Measured

RANKS = ("p50", "p95", "p99", "p99_9", "max")
FIGURES = {
    "intake": {"acks_per_s", "refused_at_full_speed", "refused_at_steady_rates"},
    "endtoend": {"events_per_s", "events", "missing", "refused"},
    "lanes": {"lanes_per_s", "lanes_per_s_under_a_snapshot", "finishes_refused"},
    "backlog": {"events_per_s", "events", "others_p95_rise"},
    "queries": {"contact_mappings", "activity_mappings", "sequential_scans"},
    "pages": {"pages", "slowest_page_p95_ms"},
    "audit": {"rows", "sealed_rows_per_s", "verified_rows", "verified_rows_per_s", "findings"},
    "insights": {"opportunities", "first_s", "again_s"},
}
LATENCIES = {
    "intake": {"full_speed_bare", "full_speed_ponte", "steady_300_ponte", "broker_frozen_50_ponte"},
    "endtoend": {"person_and_lead_visible", "two_calls_of_the_crm_alone"},
    "lanes": {"claim", "finish", "claim_under_a_snapshot", "finish_under_a_snapshot"},
    "backlog": {"contact_in_krayin", "others_before", "others_beside_a_busy_one", "others_after"},
    "queries": {
        "insert_mapping", "conversations_of_a_lead", "messages_of_a_conversation", "update_insights", "complex_join",
    },
    "pages": {"all_pages", "slowest_page"},
    "audit": {"plain_insert", "audit_write", "reveal"},
    "insights": {"one_opportunity"},
}  # fmt: skip


def test_the_last_line_is_one_json_object_with_the_promised_parts(measured: Measured) -> None:
    report = measured.report
    assert (report["bench"], report["size"]) == (measured.name, "--small")
    assert report["machine"].keys() >= {"cores", "memory_mb", "load_before", "fsync_ms"}
    assert report["versions"].keys() >= {"python", "postgresql", "broker", "django"}
    assert report["figures"].keys() >= FIGURES[measured.name]
    assert report["latencies_ms"].keys() >= LATENCIES[measured.name]


def test_a_baseline_of_the_same_run_stands_beside_the_numbers(measured: Measured) -> None:
    report = measured.report
    if measured.name == "queries" and any("no pgbench" in note for note in report["notes"]):
        assert report["baseline"] == {}
        return
    assert report["baseline"]
    assert all(value > 0 for value in report["baseline"].values())
    assert report["ratio"] > 0


def test_percentiles_are_in_order(measured: Measured) -> None:
    for row in measured.report["latencies_ms"].values():
        told = [row[rank] for rank in RANKS]
        assert row["count"] > 0
        assert told == sorted(told)


def test_each_target_of_the_design_is_told_with_what_was_measured(measured: Measured) -> None:
    targets = measured.report["targets"]
    assert targets
    for target in targets:
        assert target.keys() == {"what", "wanted", "measured", "met"}
        limit = float(target["wanted"].split()[1])
        is_met = target["measured"] >= limit if target["wanted"].startswith(">=") else target["measured"] <= limit
        assert target["met"] is is_met


def test_only_a_strict_run_fails_when_a_number_is_missed(measured: Measured) -> None:
    assert measured.run.status == (1 if measured.name in STRICT and not measured.run.meets_all else 0)


def test_the_dearest_statements_are_told_without_values(measured: Measured) -> None:
    statements = measured.report["statements"]
    assert 0 < len(statements) <= 5
    assert sum(statement["share"] for statement in statements) <= 1.001
    assert not any("@" in statement["query"] for statement in statements)
    assert measured.report["statements_from"] in measured.run.output


def test_people_read_the_same_before_the_json(measured: Measured) -> None:
    _before, title, rest = measured.run.output.partition(f"bench {measured.name} --small")
    assert title
    assert "latencies:" in rest.partition("\nbench ")[0]


def test_servers_and_data_are_gone_afterwards(measured: Measured) -> None:
    assert measured.run.left_behind == []


@pytest.mark.parametrize("measured", ["intake"], indirect=True)
def test_every_webhook_is_answered_even_with_a_frozen_broker(measured: Measured) -> None:
    figures = measured.report["figures"]
    assert (figures["refused_at_full_speed"], figures["refused_at_steady_rates"]) == (0, 0)


@pytest.mark.parametrize("measured", ["endtoend"], indirect=True)
def test_every_person_and_lead_reaches_the_crm(measured: Measured) -> None:
    assert measured.report["figures"]["refused"] == 0
    assert measured.measured("missing leads") == 0


@pytest.mark.parametrize("measured", ["endtoend"], indirect=True)
def test_memory_of_web_and_workers_keeps_its_limits(measured: Measured) -> None:
    assert 20 < measured.measured("memory of a web process (MB)") <= 150
    assert 20 < measured.measured("memory of a lanes process (MB)") <= 250
    assert 20 < measured.measured("memory of a celery process (MB)") <= 250


@pytest.mark.parametrize("measured", ["lanes"], indirect=True)
def test_two_processes_never_finish_each_others_lanes(measured: Measured) -> None:
    assert measured.measured("finishes refused by the fence") == 0


@pytest.mark.parametrize("measured", ["backlog"], indirect=True)
def test_a_backlog_ends_with_every_step_confirmed(measured: Measured) -> None:
    assert measured.measured("steps not confirmed") == 0


@pytest.mark.parametrize("measured", ["queries"], indirect=True)
def test_every_question_is_answered_from_an_index(measured: Measured) -> None:
    assert measured.measured("big tables read from end to end") == 0
    assert measured.report["plans"].keys() == LATENCIES["queries"]
    assert all(measured.report["plans"].values())


@pytest.mark.parametrize("measured", ["audit"], indirect=True)
def test_a_trail_written_under_load_is_whole(measured: Measured) -> None:
    assert measured.measured("findings in an untouched trail") == 0
    assert measured.report["figures"]["verified_rows"] > measured.report["figures"]["rows"]
