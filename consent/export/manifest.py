"""manifest.json, LEIA-ME.txt: what the package says about itself (lgpd section 9)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from consent.designations import officer_of
from consent.export import signing
from consent.export.words import ARTICLES, RIGHTS_ARTICLES, what_word
from consent.models.exports import ExportPackage, ExportSigningKey

FORMAT, FORMAT_VERSION = "bridge-lgpd-export", "1"
LINK_DAYS, FILE_DAYS = 7, 15  # R11


@dataclass(frozen=True)
class FileEntry:
    """One file, as the manifest lists it."""

    path: str
    media_type: str
    bytes: int
    sha256: str
    records: int | None
    schema: str | None
    description_pt: str
    origin: str
    categories: Sequence[str]
    csv_dialect: str | None


def exclusions(package: ExportPackage) -> list[dict[str, Any]]:
    """What was left out or masked, in words."""
    return [
        {
            "what": what,
            "count": count,
            "reason_code": why,
            "article": ARTICLES.get(why, ""),
            "text_pt": what_word(what),
        }
        for what, why, count in package.exclusions
    ]


def manifest(
    package: ExportPackage,
    files: Sequence[FileEntry],
    totals: Mapping[str, int],
    *,
    display_name: str,
    key: ExportSigningKey,
    now: datetime,
) -> bytes:
    zone = ZoneInfo(package.clinic.time_zone)
    officer = officer_of(package.clinic, now)
    told = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "package_id": str(package.pk),
        "protocol": package.protocol,
        "request_types": list(package.rights),
        "articles": [RIGHTS_ARTICLES[right] for right in package.rights if right in RIGHTS_ARTICLES],
        "generated_at": _time(now, zone),
        "timezone": package.clinic.time_zone,
        "language": "pt-BR",
        "controller": controller(package),
        "dpo": {"name": officer.name, "contact": officer.contact},
        "subject": {"pseudonym": str(package.subject.pseudonym or ""), "display_name": display_name},
        "identity_check": {
            "method": package.identity_method,
            "date": _time(package.identity_at, zone) if package.identity_at else None,
        },
        "scope": {
            "from": None,
            "to": _time(now, zone),
            "status": "complete" if package.is_complete else "incomplete",
            "systems": package.systems,
        },
        "files": [asdict(one) for one in files],
        "totals": dict(sorted(totals.items())),
        "exclusions": exclusions(package),
        "retention": {"link_days": LINK_DAYS, "file_days": FILE_DAYS, "code": "R11"},
        "signature": {
            "algorithm": signing.ALGORITHM,
            "key_id": key.key_id,
            "public_key_url": signing.public_url(key),
        },
        "verify": f"python3 verify_export.py {package.file_name} --key {bytes(key.public_key).hex()}",
    }
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()


def controller(package: ExportPackage) -> dict[str, str]:
    clinic = package.clinic
    return {
        "name": clinic.legal_name,
        "cnpj": clinic.cnpj or "",
        "address": clinic.address,
        "contact": clinic.contact_email or clinic.contact_phone,
    }


def read_me(package: ExportPackage, key: ExportSigningKey, *, now: datetime) -> bytes:
    context = {
        "clinic": package.clinic,
        "officer": officer_of(package.clinic, now),
        "file_name": package.file_name,
        "key_id": key.key_id,
        "public_key": bytes(key.public_key).hex(),
        "public_key_url": signing.public_url(key),
    }
    return render_to_string("export/read_me.html", context).replace("\n", "\r\n").encode()


def expiry(now: datetime) -> datetime:
    return now + timedelta(days=FILE_DAYS)


def _time(when: datetime, zone: ZoneInfo) -> str:
    return when.astimezone(zone).isoformat(timespec="seconds")
