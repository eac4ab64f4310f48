"""How each kind of variable is read, and what is refused."""

import base64
from typing import Any

import environ
import pytest

from config.env import Environment, Malformed, parse_flag, parse_keys

KEY = base64.b64encode(bytes(32)).decode()
SHORT = base64.b64encode(bytes(31)).decode()


def environment(**variables: str) -> Environment:
    source = environ.Env()
    source.ENVIRON = variables
    return Environment(source)


def problems(env: Environment) -> list[str]:
    return [problem.variable for problem in env.problems]


@pytest.mark.parametrize("raw", ["1", "true", "YES", "On"])
def test_words_for_yes(raw: str) -> None:
    assert parse_flag(raw) is True


@pytest.mark.parametrize("raw", ["0", "false", "NO", "off"])
def test_words_for_no(raw: str) -> None:
    assert parse_flag(raw) is False


@pytest.mark.parametrize("raw", ["2", "sim", "tru", "nope"])
def test_a_word_that_is_neither_is_refused_instead_of_being_no(raw: str) -> None:
    with pytest.raises(Malformed):
        parse_flag(raw)


@pytest.mark.parametrize("raw", ["-1", "1.5", "ten", "²", "1e3", "4"])
def test_a_number_out_of_range_is_a_problem_and_the_default_stands_in(raw: str) -> None:
    env = environment(N=raw)
    assert env.number("N", default=7, at_least=5) == 7
    assert problems(env) == ["N"]


def test_blanks_around_a_value_do_not_matter() -> None:
    env = environment(N=" 12 ", F=" yes ", W=" a , b,, ")
    assert (env.number("N", default=1), env.flag("F", default=False), env.words("W")) == (12, True, ["a", "b"])
    assert problems(env) == []


def test_an_empty_variable_counts_as_missing() -> None:
    env = environment(A="", B="  ")
    assert env.text("A", default="d") == "d"
    assert env.text("B") == ""
    assert problems(env) == ["B"]


def test_keys_are_read_newest_first() -> None:
    assert list(parse_keys(f"k2:{KEY},k1:{KEY}")) == ["k2", "k1"]


@pytest.mark.parametrize(
    "raw",
    [
        ",",
        "k1",
        "k1:",
        KEY,
        f"k1:{SHORT}",
        f"k1:{KEY},k1:{KEY}",
        f"k 1:{KEY}",
        f"{'k' * 17}:{KEY}",
        "k1:%%%",
        f":{KEY}",
    ],
)
def test_a_malformed_short_or_repeated_key_is_refused_without_showing_it(raw: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_keys(raw)
    assert KEY not in f"{refused.value} {refused.value.fix}"


@pytest.mark.parametrize("raw", ["http://x", "postgres", "postgres://", "x"])
def test_an_address_of_another_kind_is_a_problem(raw: str) -> None:
    env = environment(U=raw)
    assert env.url("U", schemes=("postgres",)) == ""
    assert problems(env) == ["U"]


def test_several_problems_are_collected_and_hold_no_value() -> None:
    env = environment(A="canary", B="canary")
    env.flag("A", default=False)
    env.number("B", default=1)
    env.text("C")
    env.refuse("D", "contradicts A", "unset one")
    assert problems(env) == ["A", "B", "C", "D"]
    assert "canary" not in str(env.problems)


@pytest.mark.parametrize("reader", ["text", "url", "keys", "words"])
def test_a_required_variable_that_is_missing_is_a_problem(reader: str) -> None:
    env = environment()
    more: dict[str, Any] = {"schemes": ("redis",)} if reader == "url" else {}
    assert not getattr(env, reader)("X", **more)
    assert problems(env) == ["X"]
    assert "X" in env.problems[0].fix
