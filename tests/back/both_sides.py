"""A clinic whose two partners call us over real HTTP, and people who change things on both sides by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from bridge.back import flips
from bridge.models import CallBudget, Connection, Effect, FieldStop, KrayinHint, Lane, ObservedContact, SyncedObject
from bridge.models.connections import LONG_AGO
from bridge.sandbox.krayin import ADMIN, BRIDGE
from bridge.sync.lanes import mark_dirty
from consent.models import User
from tests.bridge.connected_clinic import PLENTY, Bridge

CAST = {"name": "Ana Lima", "email": "ana@exemplo.com", "phone_number": "+5511900000021"}


@dataclass
class Calls:
    """Calls the bridge made while it was watched."""

    krayin: int = 0
    chatwoot: int = 0


@dataclass
class BothSides:
    """One contact, in Chatwoot and in Krayin, and the hands of people on either side."""

    bridge: Bridge
    session: requests.Session = field(default_factory=requests.Session)
    contact_id: int = 0  # of the person who wrote first
    puts_before: int = 0

    @property
    def connection(self) -> Connection:
        return Connection.objects.select_related("clinic", "krayin").get(pk=self.bridge.connection.pk)

    def set(self, **values: Any) -> None:
        Connection.objects.filter(pk=self.bridge.connection.pk).update(**values)

    # People -----------------------------------------------------------------------------------------------------------

    def writes(self, **who: Any) -> int:
        """A new person writes; person and opportunity are made. Returns Chatwoot's contact id."""
        made = self.bridge.chatwoot.new_person_writes("Bom dia", **{**CAST, **who})
        self.settle()
        self.contact_id = self.contact_id or int(made.contact_id)
        return int(made.contact_id)

    def edits_contact(self, **values: Any) -> None:
        """An attendant changes the contact in Chatwoot."""
        self.bridge.chatwoot.update_contact(self.contact_id, **values)

    def edits_person(self, **values: Any) -> None:
        """Somebody changes the person in Krayin; what is not given stays."""
        person = self.person
        body = {key: person[key] for key in ("name", "emails", "contact_numbers")} | values
        body["contact_numbers"] = body["contact_numbers"] or [{"value": "", "label": "work"}]
        self._krayin("PUT", f"/contacts/persons/{person['id']}", body)

    def moves(self, stage_id: int) -> None:
        """Somebody drags the opportunity to another stage in Krayin."""
        self._krayin("PUT", f"/leads/attributes/edit/{self.lead['id']}", {"lead_pipeline_stage_id": stage_id})

    def moves_one(self, lead_id: int, stage_id: int) -> None:
        self._krayin("PUT", f"/leads/attributes/edit/{lead_id}", {"lead_pipeline_stage_id": stage_id})

    def edits_lead(self, **values: Any) -> None:
        self._krayin("PUT", f"/leads/attributes/edit/{self.lead['id']}", values)

    def moves_unheard(self, stage_id: int) -> None:
        """A mass change of stages, of which Krayin tells nobody (contract Krayin 13.2)."""
        self._krayin("POST", "/leads/mass-update", {"indices": [self.lead["id"]], "value": stage_id})

    def deletes_lead(self) -> None:
        self._krayin("DELETE", f"/leads/{self.lead['id']}", None)

    def deletes_person(self) -> None:
        self._krayin("DELETE", f"/contacts/persons/{self.person['id']}", None)

    def _krayin(self, method: str, path: str, body: Any) -> Any:
        token = self.session.headers.get("Authorization") or f"Bearer {self.bridge.krayin.issue_token(ADMIN)}"
        self.session.headers.update({"Authorization": str(token), "Accept": "application/json"})
        answer = self.session.request(method, f"{self.bridge.krayin.url}/api/v1{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    # What is there ----------------------------------------------------------------------------------------------------

    @property
    def contact(self) -> Any:
        return self.bridge.chatwoot.store.contacts[self.contact_id]

    @property
    def person(self) -> dict[str, Any]:
        row = SyncedObject.objects.get(kind="person", lane_key=f"c:{self.contact_id}")
        return self._shown("/contacts/persons", row.foreign_id)

    @property
    def lead(self) -> dict[str, Any]:
        row = SyncedObject.objects.filter(kind="lead", lane_key=f"c:{self.contact_id}").latest("pk")
        return self._shown("/leads", row.foreign_id)

    def _shown(self, path: str, number: int) -> dict[str, Any]:
        """One record as somebody sees it who opens it in Krayin."""
        found: dict[str, Any] = self._krayin("GET", f"{path}?id={number}", None)["data"][0]
        return found

    @property
    def attributes(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.contact.custom_attributes
        return shown

    @property
    def contacts_of_the_bridge(self) -> list[Any]:
        known = ObservedContact.objects.order_by("chatwoot_contact_id").values_list("chatwoot_contact_id", flat=True)
        return [self.bridge.chatwoot.store.contacts[number] for number in known]

    def steps(self, **filters: Any) -> list[str]:
        return list(Effect.objects.filter(**filters).order_by("created_at").values_list("kind", flat=True))

    # The bridge -------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let every webhook arrive, and work until nothing is due."""
        for _ in range(3):
            self.bridge.chatwoot.wait_idle()
            self.bridge.work()

    def settle_quickly(self) -> None:
        """As `settle`, until the echoes of the last writes have come, too."""
        self.bridge.chatwoot.wait_idle()
        self.bridge.work()
        self.bridge.chatwoot.wait_idle()
        self.bridge.work()

    def hints_become_due(self) -> None:
        KrayinHint.objects.update(not_before=LONG_AGO)
        Lane.objects.filter(run_at__isnull=False).update(run_at=LONG_AGO)

    def unconfirm(self, effect: Effect) -> None:
        """As if the worker had died between the answer and its confirmation."""
        self.puts_before = self.bridge.chatwoot.api.calls["PUT /contacts/{id}"]
        Effect.objects.filter(pk=effect.pk).update(state="sent", sent_at=LONG_AGO, confirmed_at=None)
        held = SyncedObject.objects.get(ref=effect.object_ref)
        SyncedObject.objects.filter(pk=held.pk).update(seq=effect.seq, base={})

    def resume(self, stop: FieldStop) -> None:
        flips.resume(stop, User.objects.get(email="dpo@clinica.exemplo"))

    def look_again(self) -> None:
        mark_dirty(self.bridge.connection.pk, f"c:{self.contact_id}")
        self.bridge.work()

    @contextmanager
    def counted(self) -> Iterator[Calls]:
        calls, before = Calls(), self._calls()
        yield calls
        after = self._calls()
        calls.krayin, calls.chatwoot = after[0] - before[0], after[1] - before[1]

    def _calls(self) -> tuple[int, int]:
        by_user = self.bridge.krayin.state()["calls"]["by_user"]
        mine = sum(count for user, count in by_user.items() if BRIDGE.email in str(user))
        return mine, self.bridge.chatwoot.api.calls.total()


def hints() -> int:
    return KrayinHint.objects.count()


def lift_budgets() -> None:
    CallBudget.objects.update(**PLENTY)
