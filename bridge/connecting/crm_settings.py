"""What Krayin offers (pipelines, stages, sources, types), the defaults of seed 003, and what a person chose instead."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from django.utils.translation import gettext as _

from bridge.clients.shapes import Attribute, NamedItem, Pipeline, Stage
from bridge.connecting.problems import CannotConnect
from bridge.models import Connection, Setup

Item = TypeVar("Item", NamedItem, Pipeline, Stage)
PREFERRED_SOURCES = ("website", "web")  # seed 003
STAGE_KEYS = ("conversation_created", "first_response", "conversation_resolved")


@dataclass(frozen=True)
class Chosen:
    """By id, code or name; None takes the default."""

    pipeline: str | int | None = None
    first_stage: str | int | None = None
    source: str | int | None = None
    type: str | int | None = None


class UnknownChoice(ValueError):
    """Something chosen is not in Krayin; the message names it."""


def as_stored(pipeline: Pipeline) -> dict[str, object]:
    """A pipeline as the connection keeps it; array order is stage order (contract Krayin 11)."""
    return {"id": pipeline.id, "name": pipeline.name, "stages": [asdict(stage) for stage in pipeline.stages]}


def keep_settings(
    connection: Connection,
    *,
    pipelines: Sequence[Pipeline],
    sources: Sequence[NamedItem],
    types: Sequence[NamedItem],
    chosen: Chosen,
) -> None:
    """Keep what Krayin offers and the defaults. Raises CannotConnect, UnknownChoice."""
    usable = [pipeline for pipeline in pipelines if pipeline.stages]
    if not usable:
        raise CannotConnect(_("Krayin has no pipeline with stages. In Krayin: Settings → Pipelines → create one."))
    default = next((p for p in usable if p.is_default), usable[0])
    pipeline = pick(usable, chosen.pipeline, "krayin.pipeline") or default
    stage = pick(pipeline.stages, chosen.first_stage, "krayin.first_stage") or pipeline.stages[0]
    source = pick(sources, chosen.source, "krayin.source") or preferred(sources, PREFERRED_SOURCES)
    kind = pick(types, chosen.type, "krayin.type") or (min(types, key=lambda t: t.id) if types else None)
    values: Mapping[str, object] = {
        "pipelines": [as_stored(p) for p in usable],
        "default_pipeline_id": pipeline.id,
        "default_pipeline_name": pipeline.name,
        "default_stage_id": stage.id,
        "default_stage_name": stage.name,
        "default_source_id": source.id if source else None,
        "default_source_name": source.name if source else "",
        "default_lead_type_id": kind.id if kind else None,
        "default_lead_type_name": kind.name if kind else "",
    }
    _save(connection, values)


def keep_lists(setup: Setup, sources: Sequence[NamedItem], types: Sequence[NamedItem]) -> None:
    """What a person may choose from later, without asking Krayin again."""
    setup.crm_lists = {"sources": [asdict(item) for item in sources], "types": [asdict(item) for item in types]}
    setup.save(update_fields=["crm_lists", "updated_at"])


def keep_stage_rules(connection: Connection, stages: Mapping[str, str | int]) -> None:
    """Stages for conversation created, first response, resolved, by id, code or name. Raises UnknownChoice."""
    known = [Stage(stage["id"], stage.get("code") or "", stage.get("name") or "") for stage in connection.stages]
    values: dict[str, object] = {"stage_progression_enabled": bool(stages)}
    for key, wanted in stages.items():
        target = pick(known, wanted, f"stages.{key}")
        values[f"stage_on_{key}"] = target.id if target else None
    _save(connection, values)


def keep_attributes(connection: Connection, attributes: Iterable[Attribute]) -> None:
    """What planning needs to know about fields: booleans that partial edits reset, and whether e-mail is optional."""
    held = list(attributes)
    emails = next((a for a in held if (a.entity_type, a.code) == ("persons", "emails")), None)
    booleans = [a.code for a in held if a.entity_type == "leads" and a.type == "boolean"]
    _save(connection, {"email_optional": emails is None or not emails.is_required, "lead_booleans": booleans})


def pick(items: Sequence[Item], wanted: str | int | None, key: str) -> Item | None:
    """The item with this id, code or name; None when nothing is wanted. Raises UnknownChoice."""
    if wanted is None:
        return None
    for item in items:
        names = {str(getattr(item, "name", "")).casefold(), str(getattr(item, "code", "")).casefold()}
        if item.id == wanted or str(wanted).casefold() in names:
            return item
    raise UnknownChoice(
        _("%(key)s: “%(wanted)s” does not exist in Krayin. Use a name or number shown there under Settings.")
        % {"key": key, "wanted": wanted}
    )


def preferred(items: Sequence[NamedItem], names: Iterable[str]) -> NamedItem | None:
    by_name = {item.name.casefold(): item for item in items}
    return next((by_name[name] for name in names if name in by_name), items[0] if items else None)


def _save(connection: Connection, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(connection, name, value)
    connection.save(update_fields=[*values, "updated_at"])
