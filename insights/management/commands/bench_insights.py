"""`python manage.py bench_insights`: measure the numbers of many opportunities, in a database that is made for it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from insights import bench


class Command(BaseCommand):
    help = (
        "Measures how long the numbers of many opportunities take (100,000 in 60 s are asked for). Creates a database "
        "of its own beside the configured one and drops it afterwards. It is no part of `bench`, which belongs to the "
        "bridge and may not know the insights."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--leads", type=int, default=100_000)

    def handle(self, *args: Any, **options: Any) -> None:
        name = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            bench.fill(options["leads"], self.stdout.write)
            for took in bench.measure():
                database = "?" if took.database_cpu_s is None else f"{took.database_cpu_s:.1f}"
                self.stdout.write(
                    f"{took.what}: {took.rows} rows, {took.seconds:.1f} s; processor: PostgreSQL {database} s, "
                    f"Ponte {took.own_cpu_s:.1f} s"
                )
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)
