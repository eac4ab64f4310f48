"""Further processes of the check of the trail.

Apart from `audit.verifying`, because a process that starts imports this module before Django knows its models.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import django
from django.conf import settings
from django.db import connection

Work = TypeVar("Work")
Found = TypeVar("Found")


def shared_out(look: Callable[[Work], Found], works: Sequence[Work], *, processes: int) -> list[Found]:
    """Do the works in so many new processes on the same database; return what each gave, in order."""
    name = connection.settings_dict["NAME"]
    # A process that is forked would share this one's connections.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=begin, initargs=(name,)) as pool:
        return list(pool.map(look, works))


def begin(database: str) -> None:
    """A new process: the same project, the same database (tests have their own)."""
    django.setup()
    settings.DATABASES["default"]["NAME"] = database
    connection.settings_dict["NAME"] = database
