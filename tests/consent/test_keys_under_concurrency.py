"""Two workers that meet the same people at the same moment end with the same keys."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from consent.encryption import ensure_subject_keys
from consent.encryption.datakeys import cache, keys_of
from consent.models import DataKey

pytestmark = pytest.mark.django_db(transaction=True)


def run_together(*jobs: Callable[[], None]) -> None:
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], None]) -> None:
        barrier.wait()
        try:
            job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(run, jobs))


def test_workers_that_race_for_the_same_people_agree_on_the_keys() -> None:
    people = [uuid4() for _ in range(30)]
    seen: list[dict[str, dict[int, bytes]]] = []

    def work(order: list[UUID]) -> Callable[[], None]:
        def job() -> None:
            with transaction.atomic():
                ensure_subject_keys(order)
                seen.append(keys_of(DataKey.Kind.SUBJECT, [str(person) for person in order]))

        return job

    run_together(work(people), work(people[::-1]), work(people))
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == len(people)
    cache.clear()
    assert keys_of(DataKey.Kind.SUBJECT, [str(person) for person in people]) == seen[0]
