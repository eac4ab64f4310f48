"""Sealing: people's values with their own key, operator secrets with the system key, webhook bodies with the day's."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.views.decorators.debug import sensitive_variables

from consent.encryption import datakeys
from consent.encryption.sealed import Context, Sealed, encrypt
from consent.encryption.tables import DataKey


@sensitive_variables()
def seal(text: str, *, subject: UUID, context: Context) -> Sealed:
    """Seal one text with the person's key. Raises KeyMissing without key (`ensure_subject_keys` makes it)."""
    return seal_many([(text, subject, context)])[0]


@sensitive_variables()
def seal_many(values: Iterable[tuple[str, UUID, Context]]) -> list[Sealed]:
    """Seal texts of many people, in the order given, loading all their keys with one query. Raises KeyMissing."""
    batch = list(values)
    keys = datakeys.keys_of(DataKey.Kind.SUBJECT, {str(subject) for _, subject, _ in batch})
    sealed = []
    for text, subject, context in batch:
        version, key = datakeys.newest(keys, str(subject))
        sealed.append(encrypt(text.encode(), key=key, version=version, owner=subject_owner(subject), context=context))
    return sealed


@sensitive_variables()
def seal_system(data: bytes, *, context: Context) -> Sealed:
    """Seal an operator secret (token, password, webhook secret). The key is made at first use."""
    keys = datakeys.keys_of(DataKey.Kind.SYSTEM, [datakeys.SYSTEM_REF])
    if not keys:
        datakeys.ensure(DataKey.Kind.SYSTEM, {datakeys.SYSTEM_REF: 1})
        keys = datakeys.keys_of(DataKey.Kind.SYSTEM, [datakeys.SYSTEM_REF])
    version, key = datakeys.newest(keys, datakeys.SYSTEM_REF)
    return encrypt(data, key=key, version=version, owner=SYSTEM_OWNER, context=context)


@sensitive_variables()
def seal_day(data: bytes, *, day: date, context: Context, using: str = DEFAULT_DB_ALIAS) -> Sealed:
    """Seal a webhook body with the day's key; no statement while the key is cached, and made here if nobody did."""
    ref = day.isoformat()
    keys = datakeys.keys_of(DataKey.Kind.DAY, [ref], using=using)
    if not keys:
        datakeys.ensure(DataKey.Kind.DAY, {ref: day.toordinal()}, using=using)
        keys = datakeys.keys_of(DataKey.Kind.DAY, [ref], using=using)
    version, key = datakeys.newest(keys, ref)
    return encrypt(data, key=key, version=version, owner=day_owner(ref), context=context)


SYSTEM_OWNER = f"system:{datakeys.SYSTEM_REF}"


def subject_owner(subject: UUID) -> str:
    return f"subject:{subject}"


def day_owner(ref: str) -> str:
    return f"day:{ref}"
