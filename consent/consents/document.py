"""The record of one act in the fields of ISO/IEC TS 27560 as lgpd section 4 lists them: canonical, hashed, signed.

It holds no internal ids and nothing that names the person, so it is the receipt, too.
"""

import hashlib
import json
import unicodedata
from datetime import UTC, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, override

from consent.consents.state import Asked
from consent.encryption.proofs import sign_receipt
from consent.models import Clinic, ConsentEvent, TextVersion

SCHEMA_VERSION = "ponte-consent-1"
PREFIX = b"ponte.receipt.v1\n"
# Which data a purpose needs, by category of lgpd section 3.2, and where they are kept afterwards.
DATA = {"marketing": ["R04"], "language_model": ["R01", "R02"], "data_processing": ["R03"], "health_data": ["R01"]}
RETENTION = {"marketing": "R04", "language_model": "R02", "data_processing": "R03", "health_data": "R01"}


def canonical(document: dict[str, Any]) -> str:
    """JSON with sorted keys, no spaces, NFC: the same content gives the same bytes."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return unicodedata.normalize("NFC", text)


def moment(at: datetime | None) -> str | None:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if at else None


def sign(event: ConsentEvent, document: dict[str, Any]) -> None:
    """Put the document, its hash and its signature into a row that is not saved yet."""
    event.document = canonical(document)
    data = PREFIX + event.document.encode()
    event.record_hash = hashlib.sha256(data).digest()
    signature = sign_receipt(data)
    event.signature, event.key_version = signature.value, signature.key_version


def document_of(event: ConsentEvent, clinic: Clinic, asked: Asked, text: TextVersion | None) -> dict[str, Any]:
    """The content of a row that is not saved yet; texts for people in Portuguese."""
    with override("pt-br"):
        return {
            "schema_version": SCHEMA_VERSION,
            "record_id": str(event.pk),
            "privacy_notice": _notice(text),
            "language": text.language if text else "pt-br",
            "purpose": {"code": event.consent_type, "text": str(asked.purpose.label), "purpose_type": asked.purpose},
            "lawful_basis": event.base,
            "pii_information": [
                {"category": code, "sensitive": code == "R01", "optional": True} for code in DATA[event.consent_type]
            ],
            "pii_controllers": [{"name": clinic.legal_name, "cnpj": clinic.cnpj or ""}],
            "collection_method": said(event.get_channel_display()),
            "processing_method": gettext("by Ponte, Chatwoot and Krayin for the clinic; no decision by machine alone"),
            "storage_locations": [{"system": "Ponte"}],
            "retention_period": {"code": RETENTION[event.consent_type], "proof": "R05"},
            "jurisdiction": "BR",
            "recipient_third_parties": [],
            "withdrawal_method": gettext("SAIR in the conversation, the link you were given, or the clinic's contact"),
            "privacy_rights": gettext("LGPD Art. 18: access, correction, deletion, withdrawal at any time, complaint"),
            "authority_party": "ANPD",
            "parties": _parties(clinic),
            "event_time": moment(event.event_time),
            "validity_duration": moment(event.valid_until),
            "event_type": event.event_type,
            "event_state": event.state,
            "highlight": text.layout if text else "",
            "consequences_of_refusal": text.consequences if text else "",
            "evidence": {
                "kind": event.evidence_kind,
                "sha256": bytes(event.evidence_sha256).hex() if event.evidence_sha256 else "",
            },
            "guardian": bool(event.guardian_id),
            "notice_served_at": moment(event.served.served_at) if event.served else None,
            "previous_record_id": str(event.previous_id) if event.previous_id else None,
            "reason": event.reason,
        }


def said(text: str | Promise) -> str:
    return str(text)


def _notice(text: TextVersion | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return {"version": text.number, "sha256": text.sha256, "language": text.language, "text": text.shown}


def _parties(clinic: Clinic) -> list[dict[str, str]]:
    contact = " · ".join(part for part in (clinic.contact_email, clinic.contact_phone) if part)
    return [
        {"role": "controller", "name": clinic.legal_name, "address": clinic.address, "contact": contact},
        {"role": "dpo", "name": clinic.dpo_name, "address": clinic.address, "contact": clinic.dpo_contact},
    ]
