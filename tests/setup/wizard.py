"""Going through the assistant without a browser, and what its pages say."""

from typing import Any

from django.test import Client
from django.urls import reverse
from screens.pages import text_of

from bridge.models import Setup
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN, WHATSAPP_INBOX_ID, ChatwootSandbox
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin

EMAIL = "admin@clinica.exemplo"


class Wizard:
    """One person at the assistant."""

    def __init__(self, client: Client, chatwoot: ChatwootSandbox, krayin: SandboxKrayin) -> None:
        self.client, self.chatwoot, self.krayin = client, chatwoot, krayin

    @property
    def setup(self) -> Setup:
        return Setup.objects.select_related("connection").latest("created_at")

    def address_of(self, step: str) -> str:
        return reverse("admin:bridge_setup_step", args=[self.setup.pk, step])

    def send(self, step: str, **data: Any) -> str:
        """Send a step's form; return the text of the page that follows."""
        return text_of(self.client.post(self.address_of(step), data, follow=True))

    def page(self, step: str) -> str:
        return text_of(self.client.get(self.address_of(step)))

    # The steps with good answers; each may be overridden.

    def address(self, **data: Any) -> str:
        values = {"clinic": "new", "new_clinic": "Clínica Vida Plena", "time_zone": "America/Sao_Paulo",
                  "name": "Recepção", "arrives": "webhook"}  # fmt: skip
        return text_of(self.client.post(reverse("admin:bridge_setup_new"), values | data, follow=True))

    def to_chatwoot(self, **data: Any) -> str:
        return self.send(
            "chatwoot", **{"address": self.chatwoot.url, "account": ACCOUNT_ID, "token": ADMIN_TOKEN} | data
        )

    def to_krayin(self, **data: Any) -> str:
        values = {"address": self.krayin.url, "email": BRIDGE.email, "password": BRIDGE.password, "keep_password": "on"}
        return self.send("krayin", **{k: v for k, v in (values | data).items() if v is not None})

    def what(self, **data: Any) -> str:
        values = {"preset": "summary", "message_text": "off", "inbox_ids": [WHATSAPP_INBOX_ID],
                  "title_template": "{nome} · {caixa}", "save": "1"}  # fmt: skip
        return self.send("send", **{k: v for k, v in (values | data).items() if v is not None})

    def as_far_as(self, step: str) -> "Wizard":
        """Finish every step before this one."""
        ways: dict[str, Any] = {
            "address": self.address, "chatwoot": self.to_chatwoot, "krayin": self.to_krayin, "send": self.what,
            "prepare-krayin": lambda: self.send("prepare-krayin", make="1", optional="source"),
            "prepare-chatwoot": lambda: self.send("prepare-chatwoot", make="1"),
        }  # fmt: skip
        for name, go in ways.items():
            if name == step:
                return self
            go()
        return self
