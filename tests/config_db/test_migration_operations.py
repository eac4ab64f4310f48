"""Migrations that create partitioned tables and run SQL files, forwards and backwards."""

import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import AppConfig, apps
from django.db import IntegrityError, connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import OperationWriter

from config.db import catalogue
from config.db.operations import CannotPartition, CreatePartitionedModel, FirstPartitions, SqlFile
from config.db.periods import Step

# Autocommit; limited to one app without tables, so that no flush of the whole schema follows every test.
pytestmark = pytest.mark.django_db(transaction=True, available_apps=["config"])
APP = "config"
TABLE = "scratch_facts"
NOW = datetime.now(UTC)


def create_model(pk: models.Field, pk_name: str = "id", key: models.Field | None = None) -> CreatePartitionedModel:
    return CreatePartitionedModel(
        "Fact",
        [
            ("kind", models.CharField(max_length=20, db_comment="what it is about")),
            (pk_name, pk),
            ("received_at", key or models.DateTimeField()),
        ],
        {
            "db_table": TABLE,
            "db_table_comment": "Facts of the tests",
            "indexes": [models.Index("kind", "received_at", name="scratch_facts_kind")],
            "constraints": [models.CheckConstraint(condition=models.Q(kind__in=["a", "b"]), name="scratch_kind")],
        },
        partition_by="received_at",
    )


def migrate(operations: list[Operation]) -> ProjectState:
    """Run the operations as one migration would."""
    state = ProjectState()
    with connection.schema_editor() as editor:
        for operation in operations:
            before, state = state, state.clone()
            operation.state_forwards(APP, state)
            operation.database_forwards(APP, editor, before, state)
    return state


def model(state: ProjectState) -> type[models.Model]:
    return state.apps.get_model(APP, "Fact")


@pytest.mark.parametrize(
    ("pk", "pk_name", "value"),
    [
        (models.BigAutoField(primary_key=True), "id", None),
        (models.UUIDField(primary_key=True, default=uuid.uuid4), "id", uuid.UUID(int=7)),
        (models.BigIntegerField(primary_key=True), "event_id", 4711),
    ],
)
def test_a_partitioned_model_is_used_like_any_other(
    query: Callable, pk: models.Field, pk_name: str, value: Any
) -> None:
    fact = model(migrate([create_model(pk, pk_name), FirstPartitions(TABLE, Step.WEEK)]))
    row = fact.objects.create(kind="a", received_at=NOW, **({pk_name: value} if value else {}))
    row.kind = "b"
    row.save()
    assert fact.objects.get(pk=row.pk).kind == "b"
    assert fact.objects.filter(pk=row.pk).delete()[0] == 1


def test_the_primary_key_of_the_table_is_the_id_and_the_key(query: Callable) -> None:
    migrate([create_model(models.BigAutoField(primary_key=True))])
    assert query(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'", TABLE
    ) == [("PRIMARY KEY (id, received_at)",)]
    assert catalogue.partition_key(connection, TABLE) == "received_at"


def test_comments_checks_and_indexes_reach_every_partition(query: Callable) -> None:
    fact = model(migrate([create_model(models.BigAutoField(primary_key=True)), FirstPartitions(TABLE, Step.MONTH)]))
    partitions = [partition.name for partition in catalogue.partitions(connection, TABLE)]
    assert query("SELECT obj_description(%s::regclass, 'pg_class')", TABLE) == [("Facts of the tests",)]
    assert query("SELECT count(*) FROM pg_indexes WHERE tablename = ANY(%s)", partitions) == [(2 * len(partitions),)]
    for name in (TABLE, *partitions):
        assert query("SELECT col_description(%s::regclass, 1)", name) == [("what it is about",)]
    with pytest.raises(IntegrityError):
        fact.objects.create(kind="c", received_at=NOW)


@pytest.mark.parametrize("step", list(Step))
def test_the_first_partitions_take_the_previous_the_current_and_the_coming_period(query: Callable, step: Step) -> None:
    fact = model(migrate([create_model(models.BigAutoField(primary_key=True)), FirstPartitions(TABLE, step)]))
    for moment in (step.previous(NOW), NOW, step.following(NOW), NOW + timedelta(days=14)):
        fact.objects.create(kind="a", received_at=moment)
    assert fact.objects.count() == 4


def test_first_partitions_may_run_again(query: Callable) -> None:
    migrate([create_model(models.BigAutoField(primary_key=True)), FirstPartitions(TABLE, Step.DAY)])
    before = catalogue.partitions(connection, TABLE)
    migrate([FirstPartitions(TABLE, Step.DAY)])
    assert catalogue.partitions(connection, TABLE) == before


def test_later_operations_reach_the_partitions(query: Callable) -> None:
    state = migrate(
        [
            create_model(models.BigAutoField(primary_key=True)),
            FirstPartitions(TABLE, Step.WEEK),
            migrations.AddField("Fact", "size", models.IntegerField(default=3, db_comment="bytes")),
            migrations.AddIndex("Fact", models.Index("size", name="scratch_facts_size")),
            migrations.AlterField("Fact", "kind", models.CharField(max_length=40)),
        ]
    )
    row = model(state).objects.create(kind="a", received_at=NOW)
    assert query("SELECT size FROM scratch_facts WHERE id = %s", row.pk) == [(3,)]
    sizes = query(
        "SELECT count(*) FROM pg_indexes WHERE starts_with(tablename, %s) AND indexdef ~ %s", TABLE, r"\(size\)"
    )
    assert sizes == [(1 + len(catalogue.partitions(connection, TABLE)),)]


def test_the_reverse_leaves_neither_table_nor_partition(query: Callable) -> None:
    operation, first = create_model(models.BigAutoField(primary_key=True)), FirstPartitions(TABLE, Step.WEEK)
    state = migrate([operation, first])
    with connection.schema_editor() as editor:
        first.database_backwards(APP, editor, state, state)
        operation.database_backwards(APP, editor, state, ProjectState())
    assert query("SELECT relname FROM pg_class WHERE starts_with(relname, %s)", TABLE) == []
    migrate([operation, first])
    assert catalogue.partitions(connection, TABLE)


@pytest.mark.parametrize(
    ("key", "reason"),
    [(models.DateTimeField(null=True), "without null"), (models.DateField(), "DateTimeField")],
)
def test_a_key_that_cannot_partition_is_refused_with_the_reason(
    query: Callable, key: models.Field, reason: str
) -> None:
    with pytest.raises(CannotPartition, match=reason):
        migrate([create_model(models.BigAutoField(primary_key=True), key=key)])
    assert query("SELECT to_regclass(%s)", TABLE) == [(None,)]


def test_a_missing_key_is_named(query: Callable) -> None:
    operation = CreatePartitionedModel(
        "Fact", [("id", models.BigAutoField(primary_key=True))], {"db_table": TABLE}, partition_by="received_at"
    )
    with pytest.raises(CannotPartition, match=r"config\.Fact has no field received_at"):
        migrate([operation])


def test_the_operations_are_written_into_migration_files_in_full() -> None:
    written, imports = OperationWriter(create_model(models.BigAutoField(primary_key=True)), indentation=0).serialize()
    assert "partition_by='received_at'" in written
    assert "import config.db.operations" in imports
    written, imports = OperationWriter(FirstPartitions(TABLE, Step.WEEK), indentation=0).serialize()
    assert "config.db.periods.Step['WEEK']" in written


def test_squashing_does_not_fold_a_partitioned_model_into_a_plain_one() -> None:
    operation = create_model(models.BigAutoField(primary_key=True))
    added = migrations.AddField("Fact", "size", models.IntegerField(default=3))
    assert operation.reduce(added, APP) is False


@pytest.fixture
def sql_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed app whose migrations/sql holds what the test writes; returns that folder."""
    folder = tmp_path / "scratch_sql_app" / "migrations" / "sql"
    folder.mkdir(parents=True)
    (tmp_path / "scratch_sql_app" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    # Not by the setting: that makes every app ready anew, and django-unfold would then put an empty admin.site in place.
    monkeypatch.setitem(apps.app_configs, "scratch_sql_app", AppConfig.create("scratch_sql_app"))
    yield folder
    sys.modules.pop("scratch_sql_app", None)


def run_sql_file(name: str, *, backwards: bool = False) -> None:
    operation = SqlFile(name)
    with connection.schema_editor() as editor:
        run = operation.database_backwards if backwards else operation.database_forwards
        run("scratch_sql_app", editor, ProjectState(), ProjectState())


def test_an_sql_file_runs_as_written_and_is_undone_by_its_reverse(query: Callable, sql_app: Path) -> None:
    (sql_app / "0001_notes.sql").write_text(
        "CREATE TABLE scratch_notes (text text);\nINSERT INTO scratch_notes VALUES ('100 %; não'), ('%s');\n", "utf-8"
    )
    (sql_app / "0001_notes.reverse.sql").write_text("DROP TABLE scratch_notes;\n", "utf-8")
    run_sql_file("0001_notes.sql")
    assert query("SELECT text FROM scratch_notes") == [("100 %; não",), ("%s",)]
    run_sql_file("0001_notes.sql", backwards=True)
    assert query("SELECT to_regclass('scratch_notes')") == [(None,)]


def test_an_sql_file_without_reverse_is_refused_before_it_runs(query: Callable, sql_app: Path) -> None:
    (sql_app / "0001_notes.sql").write_text("CREATE TABLE scratch_notes (text text);", "utf-8")
    with pytest.raises(FileNotFoundError, match=r"0001_notes\.reverse\.sql"):
        run_sql_file("0001_notes.sql")
    assert query("SELECT to_regclass('scratch_notes')") == [(None,)]
