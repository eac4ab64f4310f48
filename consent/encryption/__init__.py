"""Field encryption (DESIGN section 10, lgpd section 15): seal, find by blind index, reveal through the gate.

The package is the only place that touches keys. What is not exported here is its own business.
"""

from consent.encryption.blind import blind, blind_version, blinds
from consent.encryption.datakeys import destroy_subject_keys, ensure_day_key, ensure_day_keys, ensure_subject_keys
from consent.encryption.fields import SealedField
from consent.encryption.filekeys import FileKey
from consent.encryption.keycheck import refuse_wrong_key
from consent.encryption.reveal import Actor, Opener, open_day, open_for, open_system, reveal
from consent.encryption.sealed import Context, KeyMissing, RevealDenied, Sealed, Undecryptable
from consent.encryption.sealing import seal, seal_day, seal_many, seal_system

__all__ = [
    "Actor",
    "Context",
    "FileKey",
    "KeyMissing",
    "Opener",
    "RevealDenied",
    "Sealed",
    "SealedField",
    "Undecryptable",
    "blind",
    "blind_version",
    "blinds",
    "destroy_subject_keys",
    "ensure_day_key",
    "ensure_day_keys",
    "ensure_subject_keys",
    "open_day",
    "open_for",
    "open_system",
    "refuse_wrong_key",
    "reveal",
    "seal",
    "seal_day",
    "seal_many",
    "seal_system",
]
