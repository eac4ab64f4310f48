"""What the command refuses before anything is started, and how a wish travels to the second half."""

import pytest
from django.core.management import CommandError, call_command

from bridge.bench.asked import Inside, Wishes, told, understood


@pytest.mark.parametrize("length", ["0", "-1", "61", "soon", "nan"])
def test_a_length_without_sense_is_refused(length: str) -> None:
    with pytest.raises(CommandError, match="seconds up to 60"):
        call_command("bench", "lanes", "--seconds", length)


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "all", "nan"])
def test_a_size_without_sense_is_refused(size: str) -> None:
    with pytest.raises(CommandError, match="above 0, at most 1"):
        call_command("bench", "lanes", "--size", size)


def test_an_unknown_measurement_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        CommandError, match="unknown: everything; choose from intake, endtoend, lanes, backlog, queries"
    ):
        call_command("bench", "lanes", "everything")


def test_no_measurement_at_all_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match="choose from intake"):
        call_command("bench")


def test_the_second_half_understands_what_the_first_one_was_asked() -> None:
    wishes, inside = Wishes("lanes", size=0.5, seconds=2.0), Inside("/var", 1, 2, "redis 7", True)
    assert understood(told(wishes, inside)) == (wishes, inside)


@pytest.mark.parametrize(
    ("wishes", "less"),
    [
        (Wishes("lanes"), ""),
        (Wishes("lanes", small=True), "--small"),
        (Wishes("lanes", size=0.25, seconds=2.0), "--size 0.25 --seconds 2"),
    ],
)
def test_a_report_names_the_options_that_made_it_less(wishes: Wishes, less: str) -> None:
    assert wishes.less == less
