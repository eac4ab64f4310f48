"""The routes of the vendor's REST package, in its order and with its patterns (contract sections 6 to 11).

The key of a route, e.g. `POST /leads`, is also the kind under which its calls are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.sandbox.http import Response, Router
from bridge.sandbox.krayin import accounts, activities, automation, leads, mails, organizations, persons, settings
from bridge.sandbox.krayin.context import Call
from bridge.sandbox.krayin.faults import PREFIX

Controller = Callable[[Call], Response]

_NUMBER = "[0-9]+"


@dataclass(frozen=True, slots=True)
class Route:
    """A controller and the name its calls are counted under."""

    kind: str
    controller: Controller


def router() -> Router[Route]:
    """All routes. A GET by id that only takes digits falls through to other methods for anything else."""
    table: Router[Route] = Router()
    for method, pattern, controller in _routes():
        kind = f"{method} {pattern.replace(f':{_NUMBER}', '')}"
        table.add(method, PREFIX + pattern, Route(kind, controller))
    return table


def _routes() -> list[tuple[str, str, Controller]]:
    digits = f"{{id:{_NUMBER}}}"
    return [
        ("POST", "/login", accounts.login),
        ("DELETE", "/logout", accounts.logout),
        ("GET", "/get", accounts.current),
        *_lead_routes(digits),
        *_contact_routes(digits),
        *_activity_routes(),
        *_setting_routes(digits),
    ]


def _lead_routes(digits: str) -> list[tuple[str, str, Controller]]:
    return [
        ("GET", "/leads", leads.index),
        ("GET", f"/leads/{digits}", leads.show),
        ("POST", "/leads", leads.store),
        ("POST", "/leads/mass-update", leads.mass_update),
        ("POST", "/leads/mass-destroy", leads.mass_destroy),
        ("PUT", "/leads/attributes/edit/{id}", leads.edit_attributes),
        ("PUT", "/leads/stage/edit/{id}", leads.edit_stage),
        ("PUT", "/leads/product/{lead_id}", leads.put_product),
        ("DELETE", "/leads/product/{lead_id}", leads.delete_product),
        ("GET", "/leads/search", leads.find),
        ("GET", "/leads/get", leads.kanban),
        ("GET", "/leads/get/{pipeline_id}", leads.kanban),
        ("PUT", "/leads/{id}", leads.update),
        ("DELETE", "/leads/{id}", leads.destroy),
        ("POST", "/leads/{id}/tags", leads.attach_tag),
        ("DELETE", "/leads/{id}/tags", leads.detach_tag),
        ("GET", "/leads/{id}/activities", activities.of_lead),
    ]


def _contact_routes(digits: str) -> list[tuple[str, str, Controller]]:
    return [
        ("GET", "/contacts/persons", persons.index),
        ("GET", "/contacts/persons/search", persons.find),
        ("GET", f"/contacts/persons/{digits}", persons.show),
        ("POST", "/contacts/persons", persons.store),
        ("POST", "/contacts/persons/mass-destroy", persons.mass_destroy),
        ("PUT", "/contacts/persons/{id}", persons.update),
        ("DELETE", "/contacts/persons/{id}", persons.destroy),
        ("POST", "/contacts/persons/{id}/tags", persons.attach_tag),
        ("DELETE", "/contacts/persons/{id}/tags", persons.detach_tag),
        ("GET", "/contacts/persons/{id}/activities", activities.of_person),
        ("GET", "/contacts/organizations", organizations.index),
        ("GET", "/contacts/organizations/{id}", organizations.show),
        ("POST", "/contacts/organizations", organizations.store),
        ("POST", "/contacts/organizations/mass-destroy", organizations.mass_destroy),
        ("PUT", "/contacts/organizations/{id}", organizations.update),
        ("DELETE", "/contacts/organizations/{id}", organizations.destroy),
    ]


def _activity_routes() -> list[tuple[str, str, Controller]]:
    return [
        ("GET", "/activities", activities.index),
        ("GET", "/activities/{id}", activities.show),
        ("POST", "/activities", activities.store),
        ("POST", "/activities/mass-update", activities.mass_update),
        ("POST", "/activities/mass-destroy", activities.mass_destroy),
        ("PUT", "/activities/{id}", activities.update),
        ("DELETE", "/activities/{id}", activities.destroy),
        ("GET", "/mails", mails.index),
        ("DELETE", "/mails/{id}", mails.destroy),
    ]


def _setting_routes(digits: str) -> list[tuple[str, str, Controller]]:
    routes: list[tuple[str, str, Controller]] = [
        ("GET", "/settings/tags/search", settings.tags.find),
        ("GET", "/settings/users/search", accounts.find),
    ]
    for name, records in (("sources", settings.sources), ("types", settings.types), ("tags", settings.tags)):
        by_id = digits if name == "tags" else "{id}"
        handlers = (records.index, records.show, records.store, records.update, records.destroy)
        routes += _crud(f"/settings/{name}", by_id, *handlers)
    routes += _crud(
        "/settings/users", digits, accounts.index, accounts.show, accounts.store, accounts.update, accounts.destroy
    )
    routes += _crud(
        "/settings/pipelines",
        "{id}",
        settings.pipeline_index,
        settings.pipeline_show,
        settings.pipeline_store,
        settings.pipeline_update,
        settings.pipeline_destroy,
    )
    routes += _crud(
        "/settings/attributes",
        "{id}",
        settings.attribute_index,
        settings.attribute_show,
        settings.attribute_store,
        settings.attribute_update,
        settings.attribute_destroy,
    )
    routes += _crud(
        "/settings/webhooks",
        "{id}",
        automation.webhook_index,
        automation.webhook_show,
        automation.webhook_store,
        automation.webhook_update,
        automation.webhook_destroy,
    )
    return routes + _crud(
        "/settings/workflows",
        "{id}",
        automation.workflow_index,
        automation.workflow_show,
        automation.workflow_store,
        automation.workflow_update,
        automation.workflow_destroy,
    )


def _crud(base: str, by_id: str, *controllers: Controller) -> list[tuple[str, str, Controller]]:
    """Index, show, store, update and destroy of one kind of setting."""
    index, show, store, update, destroy = controllers
    return [
        ("GET", base, index),
        ("POST", base, store),
        ("GET", f"{base}/{by_id}", show),
        ("PUT", f"{base}/{{id}}", update),
        ("DELETE", f"{base}/{{id}}", destroy),
    ]
