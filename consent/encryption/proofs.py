"""Keys of consent: what ties a record to a contact, and what signs receipts (lgpd sections 4 and 15).

Both keys are random, of their own, made at first use and kept wrapped in schema `keys`: apart from data wrapping, blind
index, audit MAC and the signature of exports. Rotation of the master key wraps them anew and changes nothing they made.
"""

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.views.decorators.debug import sensitive_variables

from consent.encryption import datakeys
from consent.encryption.tables import DataKey

PROOF = "consent.proof"
RECEIPT = "consent.receipt"


@dataclass(frozen=True)
class Signature:
    """An Ed25519 signature and the version of the key that made it."""

    key_version: int
    value: bytes


@sensitive_variables()
def contact_proof(kind: str, normalised: str, record_id: UUID) -> bytes:
    """HMAC-SHA-256 over one contact and the id of one record: equal contacts of two records give unrelated proofs."""
    _version, key = _newest(PROOF)
    return hmac.new(key, f"ponte.proof.v1|{kind}|{normalised}|{record_id}".encode(), hashlib.sha256).digest()


@sensitive_variables()
def sign_receipt(data: bytes) -> Signature:
    version, key = _newest(RECEIPT)
    return Signature(version, Ed25519PrivateKey.from_private_bytes(key).sign(data))


@sensitive_variables()
def receipt_public_key(version: int) -> bytes:
    """The 32 bytes with which anybody checks a receipt. Raises KeyMissing for a version that never was."""
    keys = datakeys.keys_of(DataKey.Kind.SYSTEM, [RECEIPT])
    private = Ed25519PrivateKey.from_private_bytes(datakeys.exactly(keys, RECEIPT, version))
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def is_signed(data: bytes, signature: bytes, public_key: bytes) -> bool:
    """Tell whether the signature fits; needs neither database nor secret."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@sensitive_variables()
def _newest(ref: str) -> tuple[int, bytes]:
    datakeys.ensure(DataKey.Kind.SYSTEM, {ref: 1})
    return datakeys.newest(datakeys.keys_of(DataKey.Kind.SYSTEM, [ref]), ref)
