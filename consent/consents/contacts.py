"""Confirming that a record is of who shows up with a telephone or an address."""

from collections.abc import Iterable
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from consent.contacts import canonical
from consent.encryption.proofs import contact_proof


@sensitive_variables()
def belongs_to(record_id: UUID, proofs: Iterable[bytes | memoryview], kind: str, normalised: str) -> bool:
    """Tell whether a record is of who shows up with this telephone or address, also after an erasure."""
    return contact_proof(kind, canonical(kind, normalised), record_id) in {bytes(proof) for proof in proofs}
