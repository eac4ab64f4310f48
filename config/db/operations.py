"""Migration operations for partitioned tables and for SQL kept in files."""

import re
from pathlib import Path
from typing import Any, ClassVar

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import migrations, models, router
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.models import ModelOperation
from django.db.migrations.state import ProjectState

from config.db import catalogue
from config.db.partitions import LOCK, Partitioned, create, execute, plan_creations
from config.db.periods import Step


class CannotPartition(Exception):
    """The model cannot become a partitioned table as it stands; the message says what to change."""


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel whose table is partitioned by range of the field `partition_by`.

    PostgreSQL wants the key in every unique rule, so the table's primary key is (pk, key) while the model's stays its
    one field. No other unique rule without the key, no foreign key to it and no many-to-many is possible.
    """

    def __init__(
        self,
        name: str,
        fields: list[tuple[str, models.Field]],
        options: dict[str, Any] | None = None,
        bases: tuple[type[models.Model] | str, ...] | None = None,
        managers: list[tuple[str, models.Manager]] | None = None,
        *,
        partition_by: str,
    ) -> None:
        self.partition_by = partition_by
        super().__init__(name, fields, options, bases, managers)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        name, args, kwargs = super().deconstruct()
        return name, list(args), {**kwargs, "partition_by": self.partition_by}

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        # CreateModel would fold later operations into a plain CreateModel and lose the partitioning when squashed.
        return ModelOperation.reduce(self, operation, app_label)

    def describe(self) -> str:
        return f"Create partitioned model {self.name}"

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            sql, params = partitioned_table_sql(schema_editor, model, self.partition_by)
            schema_editor.execute(sql, params or None)
            comment_on(schema_editor, model)
            # Last, as in create_model: indexes and foreign keys are made when the migration ends, partitions included.
            schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))  # type: ignore[attr-defined]


def partitioned_table_sql(
    editor: BaseDatabaseSchemaEditor, model: type[models.Model], partition_by: str
) -> tuple[str, list[Any]]:
    """Return Django's CREATE TABLE with (pk, key) as primary key, partitioned by range of the key."""
    try:
        key = model._meta.get_field(partition_by)
    except FieldDoesNotExist as error:
        raise CannotPartition(f"{model._meta.label} has no field {partition_by}.") from error
    if not isinstance(key, models.DateTimeField) or key.null or model._meta.local_many_to_many:
        raise CannotPartition(
            f"{model._meta.label}: partition by a DateTimeField without null, have no ManyToManyField."
        )
    pk_column, key_column = editor.quote_name(str(model._meta.pk.column)), editor.quote_name(str(key.column))
    sql, params = editor.table_sql(model)
    sql, changed = re.subn(rf"({re.escape(pk_column)} [^,]*?) PRIMARY KEY", r"\1", sql, count=1)
    if not changed or not sql.endswith(")"):
        raise CannotPartition(f"{model._meta.label}: Django's CREATE TABLE has an unknown form: {sql}")
    return f"{sql[:-1]}, PRIMARY KEY ({pk_column}, {key_column})) PARTITION BY RANGE ({key_column})", list(params)


def comment_on(editor: BaseDatabaseSchemaEditor, model: type[models.Model]) -> None:
    """Write the table's and the columns' comments as create_model does."""
    if model._meta.db_table_comment:
        editor.alter_db_table_comment(model, "", model._meta.db_table_comment)
    for field in model._meta.local_fields:
        if field.db_comment:
            field_type = field.db_parameters(connection=editor.connection)["type"]
            sql, params = editor._alter_column_comment_sql(  # type: ignore[attr-defined]
                model, field, field_type, field.db_comment
            )
            editor.execute(sql, params)


class CreateModels(Operation):
    """Several new tables as one operation.

    After every operation Django renders all models related to the changed one anew; with more than a hundred related
    models that is most of a first migration's time. Here they are rendered once, when all of them are known.
    """

    reversible = True
    serialization_expand_args: ClassVar[list[str]] = ["operations"]

    def __init__(self, operations: list[migrations.CreateModel]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for operation in reversed(self.operations):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Create {len(self.operations)} models"

    @property
    def migration_name_fragment(self) -> str:
        return "models"


class FirstPartitions(Operation):
    """Create the partitions a new table needs at once: previous, current, next period and 14 days ahead.

    Backwards does nothing: the reverse of the table drops its partitions.
    """

    reversible = True
    reduces_to_sql = False

    def __init__(self, table: str, step: Step) -> None:
        self.table = table
        self.step = step

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        return None

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        connection = schema_editor.connection
        if not router.allow_migrate(connection.alias, app_label):
            return
        execute(connection, f"SELECT pg_advisory_xact_lock({LOCK})")
        partitioned = Partitioned(self.table, catalogue.partition_key(connection, self.table), self.step)
        existing = catalogue.partitions(connection, self.table)
        for action in plan_creations(connection, partitioned, existing, catalogue.database_now(connection)):
            create(connection, action)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        return None

    def describe(self) -> str:
        return f"Create the first partitions of {self.table}"

    @property
    def migration_name_fragment(self) -> str:
        return f"first_partitions_{self.table}"


class SqlFile(Operation):
    """Run `<app>/migrations/sql/<name>`; backwards runs `<stem>.reverse.sql` beside it. Both must exist."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str) -> None:
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        return None

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        forwards, _ = sql_files(app_label, self.name)
        run_file(app_label, schema_editor, forwards)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        _, backwards = sql_files(app_label, self.name)
        run_file(app_label, schema_editor, backwards)

    def describe(self) -> str:
        return f"Run {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return Path(self.name).stem


def sql_files(app_label: str, name: str) -> tuple[Path, Path]:
    """Return the file and its reverse; raises FileNotFoundError naming the missing one."""
    forwards = Path(apps.get_app_config(app_label).path) / "migrations" / "sql" / name
    backwards = forwards.with_suffix(".reverse.sql")
    for path in (forwards, backwards):
        if not path.is_file():
            raise FileNotFoundError(f"{app_label} has no migrations/sql/{path.name}; every SQL file needs its reverse.")
    return forwards, backwards


def run_file(app_label: str, editor: BaseDatabaseSchemaEditor, path: Path) -> None:
    if router.allow_migrate(editor.connection.alias, app_label):
        # Without parameters psycopg sends the text as it is: several statements, percent signs untouched.
        editor.execute(path.read_text(encoding="utf-8"), params=None)
