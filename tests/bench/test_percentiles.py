"""Percentiles are values that were measured, by nearest rank."""

from bridge.bench.timing import median, percentile, percentiles_ms


def test_nearest_rank_returns_measured_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, rank) for rank in (50, 95, 99, 99.9)] == [50, 95, 99, 100]


def test_a_single_value_is_every_percentile() -> None:
    assert percentiles_ms([0.25]) == {"count": 1, "p50": 250, "p95": 250, "p99": 250, "p99_9": 250, "max": 250}


def test_nothing_measured_is_told_as_such() -> None:
    assert percentiles_ms([]) == {"count": 0}


def test_the_median_of_rounds_is_one_of_them() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
