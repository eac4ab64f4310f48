"""What is signed and hashed never changes its form: golden vectors, and PostgreSQL renders as Python does."""

import string
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import canonical, keys
from audit.models import AuditLog
from audit.services import Entry, record_many

KEY = bytes(range(32))
ROW: dict[str, Any] = {
    "access_ref": None,
    "action": "reveal",
    "actor_ref": "7",
    "actor_type": "staff",
    "clinic_id": 3,
    "created_at": datetime(2026, 11, 20, 22, 40, 5, 120, tzinfo=UTC),
    "fields": ["name", "phone"],
    "id": 41,
    "key_id": "k1",
    "object_id": "9c1d",
    "object_type": "bridge.ObservedContact",
    "outcome": "ok",
    "purpose": "care",
    "reason_code": "",
    "request_id": "r-1",
    "subject": UUID("0f8fad5b-d9cb-469f-a165-70867728950e"),
    "user_id": 7,
    "version": 1,
}
GOLDEN = (
    '{"access_ref":null,"action":"reveal","actor_ref":"7","actor_type":"staff","clinic_id":3,'
    '"created_at":"2026-11-20T22:40:05.000120Z","fields":["name","phone"],"id":41,"key_id":"k1","object_id":"9c1d",'
    '"object_type":"bridge.ObservedContact","outcome":"ok","purpose":"care","reason_code":"","request_id":"r-1",'
    '"subject":"0f8fad5b-d9cb-469f-a165-70867728950e","user_id":7,"version":1}'
)


def test_version_one_gives_the_golden_text_mac_and_hash() -> None:
    text = canonical.rendered(ROW)
    mac = canonical.row_mac(KEY, text)
    assert text == GOLDEN
    assert mac.hex() == "4c2cbc8bcb82396b71bc55e1b738845d4adf7666306f88a85219741e1f834eca"
    assert canonical.entry_hash(text, mac).hex() == "df3678b3ce301fb2bfdcc08dd5de276af4fd46a49b83ff5d70c345adc27c2b32"


@pytest.mark.parametrize(
    ("entries", "root"),
    [
        # Test vectors of RFC 6962's tree over the leaves "", 00, 10 (Certificate Transparency's reference).
        ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ([""], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (["", "00"], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (["", "00", "10"], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ],
)
def test_the_root_is_that_of_rfc_6962(entries: list[str], root: str) -> None:
    assert canonical.merkle_root(bytes.fromhex(entry) for entry in entries).hex() == root


def test_every_stored_column_is_covered() -> None:
    columns = {str(field.column) for field in AuditLog._meta.concrete_fields}
    assert columns - {"row_mac"} == set(canonical.COLUMNS)


codes = st.text(alphabet=string.ascii_lowercase + string.digits + "_.", min_size=1, max_size=30)
ids = st.text(alphabet=string.ascii_letters + string.digits + "_.:-", max_size=30)
entries = st.builds(
    Entry,
    action=codes,
    actor_type=st.sampled_from(["system", "remote", "person"]),
    actor_id=ids,
    clinic_id=st.none() | st.integers(min_value=1, max_value=2**62),
    subject=st.none() | st.uuids(),
    object_type=st.text(alphabet=string.ascii_letters + ".-", max_size=30),
    object_id=ids,
    fields=st.lists(codes, max_size=5),
    purpose=codes,
    outcome=st.sampled_from(["ok", "denied", "failed"]),
    reason_code=codes,
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(entries, min_size=1, max_size=20))
def test_postgresql_renders_every_row_as_it_was_signed(written: list[Entry]) -> None:
    record_many(written, own_connection=False)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT l.row_mac, {canonical.sql('l')} FROM audit_logs l")
        stored = cursor.fetchall()
    key = keys.newest()[1]
    assert len(stored) >= len(written)
    assert all(canonical.row_mac(key, text) == bytes(mac) for mac, text in stored)
