"""Refuses to run with other keys than the database was sealed with: they would lock everybody's data away silently."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations import Migration

from audit.models import Segment
from consent.encryption.sealed import NONCE_BYTES
from consent.encryption.tables import DataKey, KeyCheck

KNOWN_TEXT = b"ponte.keycheck.v1"
VARIABLES = {
    KeyCheck.Kind.MASTER: "PONTE_MASTER_KEYS",
    KeyCheck.Kind.BLIND: "PONTE_BLIND_KEYS",
    KeyCheck.Kind.AUDIT: "PONTE_AUDIT_KEYS",
}


def configured_keys() -> dict[KeyCheck.Kind, Mapping[str, bytes]]:
    return {
        KeyCheck.Kind.MASTER: settings.MASTER_KEYS,
        KeyCheck.Kind.BLIND: settings.BLIND_KEYS,
        KeyCheck.Kind.AUDIT: settings.AUDIT_KEYS,
    }


def fingerprint(key: bytes) -> bytes:
    return hmac.new(key, b"ponte.fingerprint.v1", hashlib.sha256).digest()


def known(kind: KeyCheck.Kind, key: bytes) -> bytes:
    if kind != KeyCheck.Kind.MASTER:
        return hmac.new(key, KNOWN_TEXT, hashlib.sha256).digest()
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, KNOWN_TEXT, b"")


def agrees(row: KeyCheck, key: bytes) -> bool:
    """Tell whether the key has the stored fingerprint and opens the stored text."""
    if not hmac.compare_digest(bytes(row.fingerprint), fingerprint(key)):
        return False
    stored = bytes(row.known)
    if row.kind != KeyCheck.Kind.MASTER:
        return hmac.compare_digest(stored, known(KeyCheck.Kind(row.kind), key))
    try:
        return AESGCM(key).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], b"") == KNOWN_TEXT
    except InvalidTag:
        return False


def is_installed(using: str = DEFAULT_DB_ALIAS) -> bool:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('keys.key_checks') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def problems(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Compare the configured keys with the stored proofs; one sentence per problem, none when all agree."""
    found: list[str] = []
    stored = {(row.kind, row.key_id): row for row in KeyCheck.objects.using(using)}
    for kind, keys in configured_keys().items():
        rows = {key_id: row for (row_kind, key_id), row in stored.items() if row_kind == kind}
        wrong = [key_id for key_id, key in keys.items() if key_id in rows and not agrees(rows[key_id], key)]
        found += [
            f"{VARIABLES[kind]}: key {key_id} is not the key this database knows by that name." for key_id in wrong
        ]
        if rows and not rows.keys() & keys.keys():
            found.append(f"{VARIABLES[kind]}: none of the keys this database was sealed with is configured.")
    return found + lost_keys(stored.keys(), using)


def lost_keys(stored: Iterable[tuple[str, str]], using: str) -> list[str]:
    """Name keys that still wrap data keys, or signed part of the audit trail, but are configured no more."""
    known_kinds = configured_keys()
    lost = [(kind, key_id) for kind, key_id in stored if key_id not in known_kinds[KeyCheck.Kind(kind)]]
    wrapping = DataKey.objects.using(using).filter(wrapped__isnull=False)
    found = [
        f"PONTE_MASTER_KEYS: key {key_id} is missing and still wraps data keys."
        for kind, key_id in lost
        if kind == KeyCheck.Kind.MASTER and wrapping.filter(master_key_id=key_id).exists()
    ]
    return found + [
        f"PONTE_AUDIT_KEYS: key {key_id} is missing and signed part of the audit trail."
        for kind, key_id in lost
        if kind == KeyCheck.Kind.AUDIT and Segment.objects.using(using).filter(key_id=key_id).exists()
    ]


def remember_keys(using: str = DEFAULT_DB_ALIAS) -> None:
    """Store the proofs of keys the database does not know yet, unless the known ones disagree."""
    if not is_installed(using) or problems(using):
        return
    rows = [
        KeyCheck(kind=kind, key_id=key_id, fingerprint=fingerprint(key), known=known(kind, key))
        for kind, keys in configured_keys().items()
        for key_id, key in keys.items()
    ]
    KeyCheck.objects.using(using).bulk_create(rows, ignore_conflicts=True)


def refuse_wrong_key() -> None:
    """Stop a process that would run with wrong keys; called by the web and worker entry points.

    Raises ImproperlyConfigured naming every problem, one a line.
    """
    found = problems() if is_installed() else []
    if found:
        raise ImproperlyConfigured("Ponte cannot start:\n" + "\n".join(f"{problem} (ponte.E010)" for problem in found))


@register(Tags.database)
def keys_fit_the_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """ponte.E010: a configured key is not the one the stored data were sealed with."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or not is_installed():
        return []
    hint = "Restore the keys this database was set up with; data sealed with lost keys cannot be read by anybody."
    return [Error(problem, hint=hint, id="ponte.E010") for problem in problems()]


def remember_after_migrate(
    sender: AppConfig, using: str, plan: Sequence[tuple[Migration, bool]] = (), **kwargs: object
) -> None:
    """Receiver of post_migrate: an empty database learns its keys at the first migration, none on the way back."""
    if using == DEFAULT_DB_ALIAS and not any(is_backwards for _migration, is_backwards in plan):
        remember_keys(using)
