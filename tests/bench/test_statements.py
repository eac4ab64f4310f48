"""The dearest statements are told without values, also where PostgreSQL does not count them itself."""

import pytest
from django.db import connection

from bridge.bench.pgbench import script
from bridge.bench.statements import Statements


@pytest.mark.django_db
def test_without_the_extension_what_runs_is_sampled_and_values_are_left_out() -> None:
    statements = Statements(is_there=False)
    statements.begin()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s), %s", [0.5, "maria@exemplo.com.br"])
    top = statements.top()
    assert top[0]["query"] == "SELECT pg_sleep(?), ?"
    assert 0.5 < top[0]["share"] <= 1


@pytest.mark.django_db
def test_an_idle_database_has_no_dear_statements() -> None:
    statements = Statements(is_there=False)
    statements.begin()
    assert all("pg_stat_activity" not in found["query"] for found in statements.top())


def test_a_statement_of_ours_becomes_a_script_of_pgbench() -> None:
    sql = "SELECT %(a)s, %(b)s::text, 7 %% 2"
    assert script([sql], sets={"a": "random(1, 9)"}, given={"b": "'x'"}) == (
        "\\set a random(1, 9)\nSELECT :a, 'x'::text, 7 % 2;\n"
    )
