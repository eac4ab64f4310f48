"""Signing packages: an Ed25519 key of its own, apart from all others; its public half is published for ever.

The private half is an operator secret in the database. A new key is made when there is none that signs; old public
halves stay, because packages signed with them stay with people.
"""

from datetime import datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from audit.models import ActorType
from audit.services import record
from consent.encryption import Actor, KeyMissing, open_system, seal_system
from consent.models.exports import ExportSigningKey

ALGORITHM = "Ed25519"


@sensitive_variables()
def sign(key: ExportSigningKey, message: bytes) -> bytes:
    """64 bytes. Raises as `open_system`; KeyMissing for a key that was retired meanwhile."""
    if key.private is None:
        raise KeyMissing("this signing key is retired")
    raw = open_system(key.private, context=key.private_context, actor=Actor.system("exports"), purpose="system")
    return Ed25519PrivateKey.from_private_bytes(raw).sign(message)


@sensitive_variables()
def signing_key(*, now: datetime) -> ExportSigningKey:
    """The key that signs now; made when there is none."""
    found = ExportSigningKey.objects.filter(retired_at=None).first()
    if found is not None:
        return found
    made = Ed25519PrivateKey.generate()
    raw = made.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = made.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    row = ExportSigningKey(key_id=f"x{now:%Y%m%d}{public.hex()[:6]}", public_key=public, created_at=now)
    row.private = seal_system(raw, context=row.private_context)
    with transaction.atomic():
        # Whoever loses the race signs with the winner's key.
        ExportSigningKey.objects.bulk_create([row], ignore_conflicts=True)
        record(
            action="export.key",
            actor_type=ActorType.SYSTEM,
            actor_id="exports",
            object_type="consent.ExportSigningKey",
            object_id=row.key_id,
            own_connection=False,
        )
    return ExportSigningKey.objects.get(retired_at=None)


def retire(*, now: datetime) -> None:
    """Let the next package be signed with a new key."""
    ExportSigningKey.objects.filter(retired_at=None).update(retired_at=now, private=None)


def public_url(key: ExportSigningKey) -> str:
    return f"{settings.PUBLIC_URL}{reverse('export-key', args=[key.key_id])}"
