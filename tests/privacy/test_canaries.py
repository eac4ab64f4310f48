"""Canaries in names, telephones, e-mails, messages, tokens, secrets, health data; every flow runs; every sink is read."""

import html
import logging
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import user
from sinks import Canaries, everything_logged, in_files, in_redis, in_the_database, tasks_written_down

from bridge.api.keys import issue
from bridge.back.setup import prepare
from bridge.jobs import control
from bridge.models import Connection, Effect, KrayinUser, ObservedContact, Scope, WebhookSecret
from bridge.models.connections import secret_context
from bridge.panel import tokens
from bridge.sandbox.chatwoot import ADMIN_TOKEN
from bridge.sandbox.krayin import BRIDGE
from bridge.spool import writer
from bridge.sync.partners import user_context
from config.celery import app
from consent.encryption import Actor, open_system
from consent.roles import Role
from tests.back.both_sides import BothSides
from tests.bridge.connected_clinic import Bridge
from tests.importing.two_clinics_worth import finish, start

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

ADDRESSES = re.compile(r"""(?:href|action|src)="([^"]*)\"""")
LANES = Actor.system("tests")
SENTENCE = "Sinto uma quixabeira no joelho zurumbado"


class Flows:
    """The flows of one clinic, with what they answered."""

    def __init__(self, bridge: Bridge, sign_in: Callable[..., Client]) -> None:
        self.bridge, self.canaries = bridge, Canaries()
        self.clinic = bridge.connection.clinic
        self.admin, self.dpo = sign_in(None), sign_in(Role.DPO, self.clinic)
        self.manager = sign_in(Role.CLINIC_MANAGER, self.clinic)
        self.answers: list[HttpResponse] = []
        self.plant()

    def plant(self) -> None:
        plant = self.canaries.plant
        self.name, self.phone = plant("name", "Zuleidenoca Quixabeira"), plant("phone", "+5511977364158")
        self.email = plant("e-mail", "zuleidenoca@canario.exemplo")
        self.other = plant("other name", "Ozeias Pirambeba"), plant("other e-mail", "pirambeba@canario.exemplo")
        plant("message", SENTENCE)
        plant("chatwoot token", ADMIN_TOKEN)
        plant("krayin password", BRIDGE.password)
        for number, row in enumerate(WebhookSecret.objects.all()):
            place = secret_context(row.connection_id, row.partner)
            plant(
                f"webhook secret {number}",
                open_system(row.secret, context=place, actor=LANES, purpose="system").decode(),
            )

    @property
    def contact(self) -> ObservedContact:
        """The person of the first conversation."""
        return ObservedContact.objects.filter(connection=self.bridge.connection).earliest("chatwoot_contact_id")

    def plant_krayin_token(self) -> None:
        for row in KrayinUser.objects.filter(token__isnull=False):
            text = open_system(row.token, context=user_context(row, "token"), actor=LANES, purpose="system").decode()
            self.canaries.plant("krayin token", text)

    def keep(self, answer: Any) -> Any:
        self.answers.append(answer)
        return answer

    # Conversations --------------------------------------------------------------------------------------------------------

    def conversation(self) -> int:
        """A new person writes, is answered and done; then the same twice and with a signature that is wrong."""
        chat = self.bridge.chatwoot
        with chat.capture() as deliveries:
            made = chat.new_person_writes(SENTENCE, name=self.name, phone_number=self.phone, email=self.email)
            chat.outgoing(made.display_id, f"Bom dia, {self.name}! {SENTENCE}?")
            chat.set_status(made.display_id, "resolved")
        assert set(self.bridge.deliver(deliveries)) == {202}
        assert set(self.bridge.deliver(deliveries)) == {202}
        self.bridge.settle()
        assert self.bridge.crm["counts"]["notes"] == 1
        path = f"/webhooks/chatwoot/{self.bridge.connection.public_id}/"
        for headers in ({}, {"X-Chatwoot-Signature": "sha256=00", "X-Chatwoot-Timestamp": "1"}):
            answer = Client().generic(
                "POST", path, deliveries[0].body, content_type="application/json", headers=headers
            )
            assert self.keep(answer).status_code in (401, 403)
        self.plant_krayin_token()
        return int(made.display_id)

    def refusal(self) -> None:
        """Krayin refuses, and repeats what it was sent; then it fails altogether."""
        name, email = self.other
        errors = {"emails.0.value": [f"{email} of {name} has already been taken."], name: [f"{email} {SENTENCE}"]}
        self.bridge.fault("refuse", method="POST", path="/contacts/persons", status=422, errors=errors, count=1)
        told = {"lead_type_id": [f"{email} {SENTENCE}"], name: [email]}
        self.bridge.fault("refuse", method="POST", path="/leads", status=422, errors=told)
        with self.bridge.chatwoot.capture() as deliveries:
            self.bridge.chatwoot.new_person_writes(SENTENCE, name=name, email=email)
        self.bridge.deliver(deliveries)
        self.bridge.settle()
        assert Effect.objects.filter(state="rejected").exists()
        self.bridge.krayin.faults.clear()
        self.bridge.fault("refuse", status=500, errors=errors, limiter_headers=True, count=2)
        self.bridge.settle()
        self.bridge.krayin.faults.clear()
        self.bridge.settle()

    def the_way_back(self) -> None:
        """Somebody changes the person in Krayin; Ponte carries it to Chatwoot, and polls both."""
        Connection.objects.filter(pk=self.bridge.connection.pk).update(krayin_to_chatwoot=True)
        prepare(Connection.objects.get(pk=self.bridge.connection.pk))
        sides = BothSides(self.bridge, contact_id=self.contact.chatwoot_contact_id)
        sides.edits_person(name=self.canaries.plant("new name", "Zuleidenoca Sucupirense"))
        sides.look_again()
        self.bridge.settle()
        assert sides.contact.name == "Zuleidenoca Sucupirense"

    def jobs(self) -> None:
        """History is imported and everything is checked, as jobs."""
        for kind, asked in (("import_history", {"days": 30}), ("full_check", {})):
            finish(self.bridge, start(self.bridge, kind, **asked))
        control.plan_job(self.bridge.connection, "replay", {"what": "stopped"}, actor=LANES)

    def spool(self, folder: Path) -> None:
        """PostgreSQL refuses the intake for a moment: deliveries wait on the disk."""
        with self.bridge.chatwoot.capture() as deliveries:
            self.bridge.chatwoot.new_person_writes(SENTENCE, name=self.name, phone_number="+5511977364159")
        with without_table("webhook_events"):
            assert set(self.bridge.deliver(deliveries)) == {202}
        spooled = list(folder.rglob("*.spool"))
        assert spooled
        assert in_files(self.canaries, [folder]) == {}
        writer.close()

    # People of the staff --------------------------------------------------------------------------------------------------

    def panel(self, number: int) -> None:
        token = tokens.issue(user(Role.CLINIC_MANAGER, self.clinic), self.bridge.connection, timezone.now())
        self.canaries.plant("panel token", token)
        path = f"/panel/{self.bridge.connection.public_id}/api/conversas/{number}/"
        bearer = {"Authorization": f"Bearer {token}"}
        shown = Client().get(path, headers=bearer)
        assert self.canaries.in_text(shown.content.decode()) == {"new name"}
        for action, body in (("nota", {"texto": SENTENCE}), ("sincronizar", {})):
            Client().post(f"{path}{action}/", body, content_type="application/json", headers=bearer)
        self.keep(Client().get(path, headers={"Authorization": f"Bearer {token}x"}))

    def api(self) -> None:
        now = timezone.now()
        made = issue(
            clinic=self.clinic, client="Painel", scopes=list(Scope), expires_at=now + timedelta(days=1), now=now,
            by=user(Role.CLINIC_MANAGER, self.clinic),
        )  # fmt: skip
        self.canaries.plant("api key", made.token)
        one = f"/api/v1/connections/{self.bridge.connection.pk}"
        for path in ("/api/v1/connections", f"{one}/contact-links", f"{one}/leads", f"{one}/events", f"{one}/nowhere"):
            for token in (made.token, made.token[:-4] + "aaaa"):
                self.keep(Client().get(path, headers={"Authorization": f"Bearer {token}"}))

    def screens(self) -> None:
        """Every page of the person, the searches for them, what is stopped, their trail."""
        contact = self.contact
        for text in (self.phone, self.email, self.name):
            for address, name in (("admin:bridge_trace", "q"), ("admin:audit_auditlog_person", "q")):
                self.admin.post(reverse(address), {name: text})
        for row in ObservedContact.objects.all():
            self.keep(self.admin.get(reverse("admin:bridge_observedcontact_change", args=[row.pk])))
        self.keep(self.admin.post(reverse("admin:bridge_observedcontact_compare", args=[contact.pk])))
        for name in ("failedwebhook", "webhookevent", "contactmapping", "stagechangelog", "syncjob", "connection",
                     "leadhealthprofile"):  # fmt: skip
            self.keep(self.admin.get(reverse(f"admin:bridge_{name}_changelist"), follow=True))
        self.keep(self.admin.get(reverse("admin:index")))
        self.keep(self.admin.get(reverse("admin:bridge_connection_change", args=[self.bridge.connection.pk])))
        self.keep(self.dpo.get(reverse("admin:audit_auditlog_changelist")))
        exported = self.dpo.post(reverse("admin:audit_auditlog_export"), {"reason": "incident"})
        assert self.canaries.in_text(b"".join(exported.streaming_content).decode()) == set()

    def health(self) -> None:
        """Health data are written, revealed, refused; then the view itself breaks in the middle."""
        text = self.canaries.plant("health", "Zumbidos desde a quaresma")
        contact = self.contact
        page = {what: reverse(f"admin:bridge_leadhealthprofile_{what}", args=[contact.pk])
                for what in ("write", "note", "reveal", "person")}  # fmt: skip
        self.keep(self.manager.post(page["write"], {"medical_notes": text, "medications": text}))
        self.keep(self.manager.post(page["note"], {"text": text}))
        shown = self.manager.post(page["reveal"], {"purpose": "care"})
        assert text in shown.content.decode()
        self.keep(self.manager.post(page["reveal"], {"purpose": text}))
        self.keep(self.dpo.post(page["reveal"], {"purpose": "dpo"}))
        self.keep(self.manager.get(page["person"]))
        for broken in (without_table("lead_health_profiles"), refusing("lead_health_profiles")):
            with broken:
                answer = self.keep(self.manager.post(page["write"], {"medical_notes": text}))
            assert answer.status_code == 500

    def sign_ins(self) -> None:
        email = self.canaries.plant("wrong login", "quaresmeira@canario.exemplo")
        password = self.canaries.plant("wrong password", "jequitibazeiro-4711")
        for _try in range(7):
            answer = Client().post(reverse("admin:login"), {"username": email, "password": password})
        # The form gives back what was typed as e-mail, to who typed it.
        assert self.canaries.in_text(answer.content.decode()) <= {"wrong login"}
        self.keep(
            Client().post(reverse("panel-sign-in", args=[self.bridge.connection.public_id]), {"password": password})
        )

    def tasks_and_commands(self) -> None:
        app.loader.import_default_modules()
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            app.tasks[entry["task"]]()
        for command in (("doctor",), ("verify_audit",), ("lanes", "--once"), ("spool", "--once"), ("rotate_keys",)):
            try:
                call_command(*command)
            except (SystemExit, Exception) as ended:  # noqa: BLE001 - its words are read like all others
                logging.getLogger("tests").error("%r", ended)


@contextmanager
def without_table(table: str) -> Iterator[None]:
    """A table that is not there for a moment: what asks for it fails as with any error of the database."""
    away = f"away_{uuid.uuid4().hex[:6]}"
    run(f"ALTER TABLE {table} RENAME TO {away}")
    try:
        yield
    finally:
        run(f"ALTER TABLE {away} RENAME TO {table}")


@contextmanager
def refusing(table: str) -> Iterator[None]:
    """A table that takes nothing; PostgreSQL's message repeats the whole row."""
    run(f"ALTER TABLE {table} ADD CONSTRAINT refusing CHECK (id IS NULL) NOT VALID")
    try:
        yield
    finally:
        run(f"ALTER TABLE {table} DROP CONSTRAINT refusing")


def run(statement: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(statement)


def test_no_canary_turns_up_anywhere(
    bridge: Bridge, sign_in: Callable[..., Client], own_spool: Path, capfd: Any, tmp_path: Path
) -> None:
    flows = Flows(bridge, sign_in)
    with everything_logged() as logged, tasks_written_down() as tasks:
        number = flows.conversation()
        flows.refusal()
        flows.the_way_back()
        flows.jobs()
        flows.panel(number)
        flows.api()
        flows.screens()
        flows.health()
        flows.sign_ins()
        flows.tasks_and_commands()
        flows.spool(own_spool)
    found = flows.canaries
    printed = capfd.readouterr()
    assert len(found.texts) >= 12
    assert found.in_text(logged.said.getvalue()) == set(), leaking(found, logged.said.getvalue())
    assert found.in_text(printed.out + printed.err) == set(), leaking(found, printed.out + printed.err)
    assert tasks
    assert found.in_text("\n".join(tasks)) == set()
    assert in_the_database(found) == {}
    assert in_redis(found) == {}
    assert in_files(found, [own_spool, Path(settings.VAR_DIR), tmp_path]) == {}
    for answer in flows.answers:
        asked = answer.wsgi_request.get_full_path()
        led = [answer.get("Location", ""), *map(html.unescape, ADDRESSES.findall(answer.content.decode()))]
        assert found.in_text(asked + " ".join(led)) == set(), asked
        assert found.in_text(answer.content.decode()) == set(), asked


def leaking(found: Canaries, text: str) -> list[str]:
    """The lines with a canary, for who has to find where they come from."""
    return [line[:600] for line in text.splitlines() if found.in_text(line)][:20]


def test_the_nets_catch_what_they_are_for(tmp_path: Path, transactional_db: None) -> None:
    """A canary that is let out is found in every sink, in every spelling."""
    canaries = Canaries()
    canaries.plant("phone", "+5511977364158")
    canaries.plant("name", "Zuleidenoca Quixabeira")
    for text in ("tel:5511977364158", "(11) 97736-4158", "11 97736-4158"[3:], "nome=Zuleidenoca%20Quixabeira",
                 "zuleidenoca+quixabeira", "\\x" + b"Zuleidenoca Quixabeira".hex(), "ZULEIDENOCA QUIXABEIRA"):  # fmt: skip
        assert canaries.in_text(text), text
    assert canaries.in_text("Z.Q. ·4158") == set()
    user(Role.SUPERVISOR, name="Zuleidenoca Quixabeira")
    assert list(in_the_database(canaries).values()) == [{"name"}]
    (tmp_path / "x").write_text("a 977364158 b")
    assert in_files(canaries, [tmp_path]) == {"x": {"phone"}}
    with everything_logged() as logged:
        logging.getLogger("anything.at.all").debug("%s", "97736-4158")
    assert canaries.in_text(logged.said.getvalue()) == {"phone"}
