"""What a Chatwoot contact shows of its opportunity: custom attributes and a label. Pure.

Keys and label titles are ours alone: what people write there is replaced by the next change in Krayin.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from bridge.models import Connection, KrayinLead
from bridge.queries import addresses
from bridge.sync.observe import content_digest

LABEL_PREFIX = "crm-"
LABEL_LENGTH = 60

Attributes = Mapping[str, str | int | float | None]


@dataclass(frozen=True)
class Definition:
    """A custom attribute of contacts as people see it in Chatwoot (contract Chatwoot 8.3)."""

    key: str
    display_name: object  # translated when it is written
    display_type: str


DEFINITIONS = (
    Definition("crm_lead_id", _("Opportunity (CRM)"), "number"),
    Definition("crm_link", _("Open in the CRM"), "link"),
    Definition("crm_stage", _("Stage (CRM)"), "text"),
    Definition("crm_pipeline", _("Pipeline (CRM)"), "text"),
    Definition("crm_value", _("Value (CRM)"), "number"),
    Definition("crm_owner", _("Owner (CRM)"), "text"),
)
NOTHING: Attributes = {definition.key: None for definition in DEFINITIONS}


def attributes_of(connection: Connection, lead: KrayinLead | None) -> Attributes:
    """The attributes of a contact whose opportunity this is; all empty without one."""
    if lead is None or lead.gone_at is not None:
        return NOTHING
    pipeline = next((p for p in connection.pipelines if p["id"] == lead.pipeline_id), None)
    return {
        "crm_lead_id": lead.lead_id,
        "crm_link": addresses.krayin_lead(connection, lead.lead_id),
        "crm_stage": stage_name(connection, lead.stage_id),
        "crm_pipeline": str(pipeline["name"]) if pipeline else None,
        "crm_value": float(lead.value) if lead.value is not None else None,
        "crm_owner": lead.owner_name or None,
    }


def stage_name(connection: Connection, stage_id: int | None) -> str | None:
    """Name of a stage in any pipeline; its number when it is not known yet (it was just made in Krayin)."""
    names = {stage["id"]: stage["name"] for p in connection.pipelines for stage in p["stages"]}
    return str(names.get(stage_id) or stage_id) if stage_id else None


def digest_of(attributes: Attributes) -> str:
    return content_digest(json.dumps(dict(attributes), sort_keys=True)).hex()


def label_of(connection: Connection, lead: KrayinLead | None) -> str:
    """`crm-<slug of the stage>`; empty without opportunity and where the pipeline reveals health."""
    if lead is None or lead.gone_at is not None or lead.pipeline_id in connection.health_pipeline_ids:
        return ""
    return stage_label(stage_name(connection, lead.stage_id) or "", lead.stage_id)


def stage_label(name: str, stage_id: int | None) -> str:
    """Chatwoot's labels are lower case letters, digits, `_` and `-` (contract Chatwoot 8.3)."""
    slug = slugify(name)[:LABEL_LENGTH].strip("-_") or str(stage_id or "")
    return f"{LABEL_PREFIX}{slug}" if slug else ""


def labels_of(connection: Connection) -> dict[str, str]:
    """Every label that may be written, with the stage it stands for."""
    found = {}
    for pipeline in connection.pipelines:
        for stage in pipeline["stages"]:
            if pipeline["id"] not in connection.health_pipeline_ids:
                found[stage_label(str(stage["name"]), stage["id"])] = str(stage["name"])
    found.pop("", None)
    return found


def merged_labels(current: tuple[str, ...], ours: set[str], wanted: str) -> tuple[str, ...]:
    """People's labels in their order, without our others, with the wanted one last."""
    kept = tuple(label for label in current if label not in ours or label == wanted)
    return kept if not wanted or wanted in kept else (*kept, wanted)
