"""Ponte does not start with other keys than the data were sealed with."""

from collections.abc import Callable

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from audit.sealing import seal_all
from audit.services import record
from consent.encryption import refuse_wrong_key
from consent.encryption.keycheck import is_installed, problems, remember_keys
from consent.models import DataSubject, KeyCheck

pytestmark = pytest.mark.django_db

WRONG = b"\x07" * 32


def test_a_migrated_database_knows_its_keys_and_accepts_them(settings: Settings) -> None:
    stored = {(row.kind, row.key_id) for row in KeyCheck.objects.all()}
    assert stored >= {
        (kind, next(iter(keys)))
        for kind, keys in (
            ("master", settings.MASTER_KEYS), ("blind", settings.BLIND_KEYS), ("audit", settings.AUDIT_KEYS)
        )
    }  # fmt: skip
    assert problems() == []
    refuse_wrong_key()


@pytest.mark.parametrize("variable", ["MASTER_KEYS", "BLIND_KEYS", "AUDIT_KEYS"])
def test_another_key_under_the_same_name_is_refused(settings: Settings, variable: str) -> None:
    name = next(iter(getattr(settings, variable)))
    setattr(settings, variable, {name: WRONG})
    (problem,) = problems()
    assert f"PONTE_{variable}" in problem
    assert name in problem
    with pytest.raises(ImproperlyConfigured, match=f"PONTE_{variable}"):
        refuse_wrong_key()


@pytest.mark.parametrize("variable", ["MASTER_KEYS", "BLIND_KEYS", "AUDIT_KEYS"])
def test_only_unknown_keys_are_refused(settings: Settings, variable: str) -> None:
    setattr(settings, variable, {"new": WRONG})
    assert any("none of the keys" in problem for problem in problems())
    remember_keys()
    assert not KeyCheck.objects.filter(key_id="new").exists()


def test_a_master_key_that_still_wraps_keys_may_not_leave(
    settings: Settings, make_subject: Callable[..., DataSubject]
) -> None:
    first = next(iter(settings.MASTER_KEYS))
    make_subject()
    settings.MASTER_KEYS = {"new": WRONG, first: settings.MASTER_KEYS[first]}
    remember_keys()
    settings.MASTER_KEYS = {"new": WRONG}
    assert problems() == [f"PONTE_MASTER_KEYS: key {first} is missing and still wraps data keys."]


def test_an_audit_key_that_signed_part_of_the_trail_may_not_leave(settings: Settings) -> None:
    first = next(iter(settings.AUDIT_KEYS))
    record(action="login", actor_type="system", own_connection=False)
    seal_all()
    settings.AUDIT_KEYS = {"new": WRONG, first: settings.AUDIT_KEYS[first]}
    remember_keys()
    settings.AUDIT_KEYS = {"new": WRONG}
    assert problems() == [f"PONTE_AUDIT_KEYS: key {first} is missing and signed part of the audit trail."]


def test_a_new_key_beside_the_known_ones_is_learned(settings: Settings) -> None:
    settings.BLIND_KEYS = {"b9": WRONG, **settings.BLIND_KEYS}
    remember_keys()
    assert problems() == []
    settings.BLIND_KEYS = {**settings.BLIND_KEYS, "b9": b"\x08" * 32}
    assert len(problems()) == 1


@pytest.mark.parametrize("column", ["fingerprint", "known"])
def test_changed_proofs_are_noticed(column: str) -> None:
    row = KeyCheck.objects.filter(kind="master").first()
    proof = bytearray(getattr(row, column))
    proof[-1] ^= 1
    KeyCheck.objects.filter(pk=row.pk).update(**{column: bytes(proof)})
    assert len(problems()) == 1


def test_the_system_check_says_variable_problem_and_fix(settings: Settings) -> None:
    settings.MASTER_KEYS = {"new": WRONG}
    found = [message for message in run_checks(tags=["database"], databases=["default"]) if message.id == "ponte.E010"]
    assert "PONTE_MASTER_KEYS" in found[0].msg
    assert "Restore the keys" in found[0].hint


def test_an_empty_database_has_no_opinion(settings: Settings) -> None:
    settings.MASTER_KEYS = {"new": WRONG}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE keys.key_checks")
    assert not is_installed()
    refuse_wrong_key()


def test_no_secret_is_stored_in_clear(settings: Settings) -> None:
    keys = [*settings.MASTER_KEYS.values(), *settings.BLIND_KEYS.values(), *settings.AUDIT_KEYS.values()]
    for row in KeyCheck.objects.all():
        assert all(key not in bytes(row.fingerprint) + bytes(row.known) for key in keys)
