"""Receipts (comprovantes): what a person takes home, and checking one without Ponte (lgpd section 4)."""

import base64
import hashlib
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import override

from consent.consents.document import PREFIX
from consent.encryption.proofs import is_signed, receipt_public_key
from consent.models import ConsentEvent

FORMAT = "ponte-consent-receipt"


class ReceiptBroken(ValueError):
    """A receipt that is not what was signed."""


def receipt(event: ConsentEvent) -> dict[str, Any]:
    """The receipt as JSON: `record` is the exact text that was signed. Raises ReceiptBroken for a row that was altered."""
    if not (event.record_hash and event.signature and event.key_version):
        raise ReceiptBroken("not signed")
    made = {
        "format": FORMAT,
        "record": event.document,
        "record_hash": bytes(event.record_hash).hex(),
        "algorithm": "Ed25519",
        "key_id": f"consent-receipt-{event.key_version}",
        "public_key": base64.b64encode(receipt_public_key(event.key_version)).decode(),
        "signature": base64.b64encode(bytes(event.signature)).decode(),
    }
    read_receipt(made, public_key=receipt_public_key(event.key_version))
    return made


def read_receipt(made: dict[str, Any], *, public_key: bytes) -> dict[str, Any]:
    """Check a receipt against the clinic's public key and return its record. Needs neither database nor network.

    Raises ReceiptBroken.
    """
    try:
        text, signature = str(made["record"]), base64.b64decode(made["signature"], validate=True)
        told = bytes.fromhex(made["record_hash"])
        document: dict[str, Any] = json.loads(text)
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptBroken("not a receipt") from error
    data = PREFIX + text.encode()
    if hashlib.sha256(data).digest() != told or not is_signed(data, signature, public_key):
        raise ReceiptBroken("the signature does not fit")
    return document


def is_intact(event: ConsentEvent) -> bool:
    """Whether the stored record is what was signed, and says what the row says."""
    try:
        document = json.loads(str(receipt(event)["record"]))
    except ReceiptBroken:
        return False
    told = (document["record_id"], document["purpose"]["code"], document["event_state"])
    return told == (str(event.pk), event.consent_type, event.state)


def lines(event: ConsentEvent) -> list[tuple[str, str]]:
    """The receipt for people: labels and values, in Portuguese."""
    document = json.loads(event.document)
    zone = ZoneInfo(event.subject.clinic.time_zone)
    with override("pt-br"):
        notice, clinic, dpo = document["privacy_notice"], document["pii_controllers"][0], document["parties"][1]
        rows = [
            (_("Receipt"), document["record_id"]),
            (_("Clinic"), _joined(clinic["name"], clinic["cnpj"] and f"CNPJ {clinic['cnpj']}")),
            (_("Purpose"), document["purpose"]["text"]),
            (_("What you said"), str(event.get_state_display())),
            (_("When"), _clock(event.event_time, zone)),
            (_("Valid until"), _clock(event.valid_until, zone) if event.valid_until else ""),
            (_("How"), str(event.get_channel_display())),
            (_("Text you read"), notice["text"] if notice else ""),
            (_("How to take it back"), document["withdrawal_method"]),
            (_("Data protection officer"), _joined(dpo["name"], dpo["contact"])),
            (_("Fingerprint"), bytes(event.record_hash or b"").hex()),
        ]  # fmt: skip
    return [(label, value) for label, value in rows if value]


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d/%m/%Y %H:%M}"


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
