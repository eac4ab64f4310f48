"""One report in three forms: for people, as JSON, as rows of the README's table."""

import json

from bridge.bench.report import Report, at_least, at_most, markdown


def report(**more: object) -> Report:
    machine = {"cores": 2, "memory_mb": 8192, "fsync_ms": 0.9, "load_before": 0.1}
    versions = {"python": "3.11.7", "postgresql": "15.18 (Debian)", "broker": "redis 7.0.15", "django": "5.2.19"}
    return Report("lanes", "", machine, versions, **more)  # type: ignore[arg-type]


def test_json_is_one_line_and_read_back_the_same() -> None:
    ours = report(targets=[at_least("lanes a second", 1520.5, 1000)], baseline={"plain_lanes_per_s": 1600.0})
    ours.compare(1520.5, 1600.0, "ours / plain")
    assert "\n" not in ours.as_json()
    assert json.loads(ours.as_json())["ratio"] == 0.95
    assert Report.from_json(ours.as_json()) == ours


def test_the_table_tells_target_number_and_baseline() -> None:
    ours = report(targets=[at_least("lanes a second", 1520.5, 1000), at_most("p95 (ms)", 20.4, 20)])
    ours.baseline = {"plain_lanes_per_s": 1600.0, "cpu_ms_per_lane_web": 1.0}
    ours.compare(1520.5, 1600.0, "ours / plain")
    table = markdown([ours])
    assert table[2:6] == [
        "| `bench lanes` | lanes a second | ≥ 1,000 | 1,520 | yes |",
        "| `bench lanes` | p95 (ms) | ≤ 20 | 20.4 | **no** |",
        "| `bench lanes` | baseline: plain lanes per s |  | 1,600 |  |",
        "| `bench lanes` | ours / plain |  | 0.95 |  |",
    ]
    assert table[-1].startswith("Measured with 2 cores, 8 GB, 0.9 ms a synced page, load 0.1 before; Python 3.11.7")


def test_a_smaller_run_is_told_as_such_in_every_form() -> None:
    ours = Report("lanes", "--small", {}, {}, targets=[at_least("lanes a second", 1, 1000)])
    assert ours.rows() == ["| `bench lanes --small` | lanes a second | ≥ 1,000 | 1 | **no** |"]
    assert ours.lines()[0] == "bench lanes --small: less than the whole measurement"
    assert json.loads(ours.as_json())["size"] == "--small"


def test_a_number_exactly_on_its_limit_is_met() -> None:
    assert at_least("a", 1000, 1000).met
    assert at_most("a", 20, 20).met
    assert not at_least("a", 999.9, 1000).met
    assert not at_most("a", 20.1, 20).met


def test_missing_one_number_is_missing_the_design() -> None:
    assert report(targets=[at_least("a", 2, 1)]).meets_all
    assert not report(targets=[at_least("a", 2, 1), at_most("b", 2, 1)]).meets_all


def test_memory_is_told_of_the_largest_process_of_a_kind_and_only_of_limited_kinds() -> None:
    ours = report()
    ours.tell_memory({"web": 106.0, "lanes-1": 96.0, "lanes-2": 260.0, "partners": 500.0})
    assert ours.figures == {"memory_lanes_mb": 260.0, "memory_web_mb": 106.0}
    assert [(t.what, t.met) for t in ours.targets] == [
        ("memory of a lanes process (MB)", False),
        ("memory of a web process (MB)", True),
    ]
