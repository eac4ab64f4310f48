"""What Krayin shows of the fields that can be mapped back: canonical texts and their digests. Pure."""

from collections.abc import Mapping

from bridge.clients.shapes import Lead, Person
from bridge.fields.convert import amount_text
from consent.encryption import blind


def texts_of(record: Person | Lead) -> dict[str, str]:
    """Canonical text by code (`bridge.fields.mapping.READABLE`); empty ones are left out."""
    if isinstance(record, Person):
        found = {"job_title": record.job_title or ""}
    else:
        found = {
            "lead_value": "" if record.value is None else amount_text(record.value),
            "expected_close_date": record.expected_close_date.isoformat() if record.expected_close_date else "",
            "description": record.description or "",
        }
    return {code: text.strip() for code, text in found.items() if text.strip()}


def digests_of(record: Person | Lead) -> dict[str, str]:
    return {code: digest_of(code, text) for code, text in texts_of(record).items()}


def digest_of(code: str, text: str) -> str:
    """Keyed digest of one canonical text, hexadecimal."""
    return blind("content", f"krayin.{code}\x1f{text}").hex()


def marked(digests: Mapping[str, str]) -> dict[str, str]:
    """As they stand beside those of name, e-mail and phone in `SyncedObject.there`."""
    return {f"~{code}": digest for code, digest in digests.items()}
