"""Fields of both partners, rows that join them, and what stands in Krayin afterwards."""

from dataclasses import dataclass
from typing import Any

from bridge.fields import edit, lists
from bridge.fields.edit import Draft
from bridge.models import Connection, Effect, FieldRow, FieldVersion
from bridge.sync.partners import chatwoot_client
from consent.models import User
from tests.back.both_sides import BothSides

PERSON_FIELDS = [
    ("convenio", "Convênio", "text", ()),
    ("carteira", "Carteira", "text", ()),
    ("plano", "Plano", "select", ("Ouro", "Prata")),
    ("interesses", "Interesses", "multiselect", ("Limpeza", "Clareamento")),
    ("fumante", "Fumante", "boolean", ()),
]
LEAD_FIELDS = [("canal", "Canal", "text", ())]
CHAT_FIELDS = [("convenio", "text"), ("valor", "number"), ("cargo", "text"), ("prazo", "text"), ("nota", "text")]


@dataclass
class Mapped:
    """Short words for what people do on the screen and on either side."""

    both: BothSides

    @property
    def connection(self) -> Connection:
        return Connection.objects.select_related("clinic", "krayin", "field_version").get(pk=self.both.connection.pk)

    @property
    def user(self) -> User:
        return User.objects.get(email="dpo@clinica.exemplo")

    def prepare(self) -> None:
        for entity, fields in (("persons", PERSON_FIELDS), ("leads", LEAD_FIELDS)):
            for code, name, kind, options in fields:
                self.makes_field(entity, code, name, kind, options)
        client = chatwoot_client(self.connection)
        for key, kind in CHAT_FIELDS:
            client.attribute_definition_create(key=key, display_name=key.title(), display_type=kind)
        client.attribute_definition_create(key="origem", display_name="Origem", model="conversation_attribute")
        lists.fetch(self.connection)

    def makes_field(self, entity: str, code: str, name: str, kind: str, options: Any = ()) -> None:
        body: dict[str, Any] = {
            "code": code, "name": name, "type": kind, "entity_type": entity, "is_required": 0, "is_unique": 0,
            "options": {f"option_{n}": {"name": option, "sort_order": n} for n, option in enumerate(options, 1)},
        }  # fmt: skip
        self.both._krayin("POST", "/settings/attributes", body)

    def takes_field_away(self, code: str) -> None:
        found = self.both._krayin("GET", f"/settings/attributes?code={code}", None)["data"][0]
        self.both._krayin("DELETE", f"/settings/attributes/{found['id']}", None)

    def makes_unique(self, code: str) -> None:
        found = self.both._krayin("GET", f"/settings/attributes?code={code}", None)["data"][0]
        body = {"code": code, "name": found["name"], "type": "text", "entity_type": "persons", "is_unique": 1}
        self.both._krayin("PUT", f"/settings/attributes/{found['id']}", body)

    def option(self, code: str, name: str) -> int:
        found = self.both._krayin("GET", f"/settings/attributes?code={code}", None)["data"][0]
        return next(int(option["id"]) for option in found["options"] if option["name"] == name)

    def newcomer(self, **attributes: Any) -> None:
        """Somebody new writes whose contact was filled in before; from now on the words are about this contact."""
        chat = self.both.bridge.chatwoot
        contact = chat.create_contact(name="Bia Reis", phone_number="+5511900000033", custom_attributes=attributes)
        chat.start_conversation(contact.id, "Oi")
        self.both.settle()
        self.both.contact_id = int(contact.id)

    def puts(self) -> int:
        """Writes to the contact and to the person so far, ours and people's."""
        state = self.both.bridge.crm
        mine = sum(n for kind, n in state["calls"]["by_kind"].items() if kind.startswith("PUT /contacts/persons"))
        return int(self.both.bridge.chatwoot.api.calls["PUT /contacts/{id}"]) + mine

    def draft(self, chatwoot: str, target: str, conversion: str = "text", **more: str) -> Draft:
        entity, _, code = target.partition(".")
        values = {"direction": "krayin", "winner": "chatwoot", "category": "R03", **more}
        return Draft(chatwoot, entity, code, conversion, **values)

    def row(self, chatwoot: str, target: str, conversion: str = "text", **more: str) -> FieldRow:
        return edit.add(self.connection, self.draft(chatwoot, target, conversion, **more))

    def publish(self, reason: str = "primeira") -> FieldVersion:
        return edit.publish(self.connection, self.user, reason)

    def writes(self, **attributes: Any) -> None:
        """An attendant fills attributes of the contact in Chatwoot."""
        self.both.edits_contact(custom_attributes=attributes)
        self.both.settle()

    @property
    def person(self) -> dict[str, Any]:
        """Own fields of the person as they stand in Krayin's database."""
        return self._own("persons", self.both.person["id"])

    @property
    def lead(self) -> dict[str, Any]:
        return self._own("leads", self.both.lead["id"])

    def _own(self, entity: str, number: int) -> dict[str, Any]:
        row = next(row for row in self.both.bridge.crm[entity] if row["id"] == number)
        values: dict[str, Any] = row["attributes"]
        return values

    def refused(self) -> list[tuple[str, str]]:
        rows = Effect.objects.filter(connection=self.connection, state="rejected").order_by("created_at")
        return [(row.cause, row.detail) for row in rows]
