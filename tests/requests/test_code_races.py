"""Many at the same moment: a code is looked at five times and opens once, whoever is first."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from asking import code_in_the_letter, files
from django.db import connections
from django.utils import timezone
from factories import clinic

from consent.models import DataRequest, IdentityCode
from consent.requests import identity
from consent.requests.identity import Verdict

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "audit"])


def at_once(request: DataRequest, codes: list[str]) -> list[Verdict]:
    """Everybody types from an address of their own, in connections of their own."""

    def types(numbered: tuple[int, str]) -> Verdict:
        number, code = numbered
        try:
            fresh = DataRequest.objects.select_related("subject", "holder", "clinic").get(pk=request.pk)
            return identity.verify_code(fresh, code, address=f"198.51.100.{number}", now=timezone.now())
        except identity.TooMany:
            return Verdict.WRONG
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(types, enumerate(codes)))


def filed() -> DataRequest:
    request = files(clinic("Clínica Sol"))
    identity.send_code(request, address="198.51.100.250", now=timezone.now())
    return request


def test_the_right_code_typed_by_eight_at_once_opens_once() -> None:
    request = filed()
    verdicts = at_once(request, [code_in_the_letter()] * 8)
    assert verdicts.count(Verdict.RIGHT) == 1
    assert IdentityCode.objects.get().outcome == "verified"


def test_sixteen_guesses_at_once_are_five_guesses() -> None:
    request = filed()
    assert set(at_once(request, [f"AAAAAAA{sign}" for sign in "23456789ABCDEFGH"])) == {Verdict.WRONG}
    row = IdentityCode.objects.get()
    assert (row.tries, row.outcome) == (5, "exhausted")


def test_codes_asked_for_at_once_leave_one_open() -> None:
    request = files(clinic("Clínica Sol"))

    def asks(number: int) -> None:
        try:
            identity.send_code(
                DataRequest.objects.get(pk=request.pk), address=f"198.51.100.{number}", now=timezone.now()
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(asks, range(4)))
    assert IdentityCode.objects.filter(closed_at=None).count() == 1
    assert IdentityCode.objects.count() == 4
