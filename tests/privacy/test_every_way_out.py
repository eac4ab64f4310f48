"""Every way from an encrypted field to somebody's eyes masks it, or leaves exactly one row per person and request."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from factories import user
from screens.test_strangers_see_nothing import ADDRESSES, OPEN, filled, label, row_of
from sealed_rows import Person, canary, fill, two_people

from audit.models import AuditLog
from bridge.api.keys import issue
from bridge.models import Scope
from bridge.panel import tokens
from consent.encryption.places import Owner, places
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

OWN = ("audit", "bridge", "consent", "insights")


@dataclass
class Watch:
    """What came out, and which reveals the trail has of it."""

    people: list[Person]
    looked_at: int = 0
    shown: set[str] = field(default_factory=set)

    @contextmanager
    def one(self, what: str) -> Iterator[list[str]]:
        """Around one request or command: fill the list with everything that came out of it."""
        reveals = AuditLog.objects.using("audit").filter(action="reveal")
        before = set(reveals.values_list("pk", flat=True))
        out: list[str] = []
        yield out
        self.looked_at += 1
        text = "".join(out)
        made = [row.subject for row in reveals.exclude(pk__in=before)]
        for person in self.people:
            seen = {place.label for place in places() if canary(place, person) in text}
            self.shown |= seen
            rows = made.count(self.pseudonym(person))
            assert rows <= 1, (what, "more than one row for one person")
            assert rows == 1 or not seen, (what, "shown without a row", sorted(seen))
            assert not seen - {place.label for place in places(Owner.SUBJECT)}, (what, "a secret of the system")

    def pseudonym(self, person: Person) -> UUID | None:
        return person.contact.subject.pseudonym


@pytest.fixture
def filled_clinics() -> tuple[Watch, dict[str, Any]]:
    rita, sara = two_people()
    rows = fill(rita)
    fill(sara)
    return Watch([rita, sara]), rows


def text_of(answer: HttpResponse) -> str:
    if answer.streaming:
        return b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]
    return answer.content.decode("utf-8", "replace") + str(answer.headers)


def test_every_address_of_the_admin(
    filled_clinics: tuple[Watch, dict[str, Any]], sign_in: Callable[..., Client]
) -> None:
    """As the superuser, who gets the furthest everywhere."""
    watch, rows = filled_clinics
    client = sign_in(None)
    for name, pattern in ADDRESSES.items():
        if name.removeprefix("admin:") in OPEN:
            continue
        address = address_of(name, pattern, rows, watch)
        with watch.one(address) as out:
            answer = client.get(address)
            assert answer.status_code in (200, 302, 403, 404, 405), (address, answer.status_code)
            out.append(text_of(answer))
    assert watch.looked_at > 60
    assert watch.shown == set()


def address_of(name: str, pattern: Any, rows: dict[str, Any], watch: Watch) -> str:
    """With the numbers of the rows that hold encrypted fields, where the address takes one."""
    if "leadhealthprofile_" in name and "contact" in getattr(pattern.pattern, "converters", {}):
        return reverse(name, args=[watch.people[0].contact.pk])
    held = next(
        (row for row in rows.values() if name.startswith(f"admin:{row._meta.label_lower.replace('.', '_')}_")), None
    )
    if held is not None:
        try:
            return reverse(name, args=[held.pk])
        except NoReverseMatch:
            pass
    return filled(name, pattern, watch.people[0].connection)


def test_histories_actions_and_autocompletes(
    filled_clinics: tuple[Watch, dict[str, Any]], sign_in: Callable[..., Client]
) -> None:
    watch, rows = filled_clinics
    client = sign_in(None)
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label not in OWN:
            continue
        chosen = rows.get(model._meta.label) or row_of(model, watch.people[0].connection)
        listed = reverse(f"admin:{label(model)}_changelist")
        request = client.get(listed).wsgi_request
        for action in model_admin.get_actions(request) if chosen else ():
            with watch.one(f"{action} of {listed}") as out:
                posted = {"action": action, ACTION_CHECKBOX_NAME: [chosen.pk], "index": 0}
                out.append(text_of(client.post(listed, posted, follow=True)))
        for relation in (one for one in model._meta.get_fields() if one.is_relation and one.concrete):
            query = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": relation.name,
            }
            with watch.one(f"autocomplete {query}") as out:
                out.append(text_of(client.get(f"{reverse('admin:autocomplete')}?{urlencode({**query, 'term': ''})}")))
    for name in ("q", "search", "term"):
        with watch.one("search") as out:
            out.append(text_of(client.post(reverse("admin:bridge_trace"), {name: "+5511988776601"}, follow=True)))
    assert watch.looked_at > 40
    assert watch.shown == set()


def test_the_reveals_leave_one_row_each(
    filled_clinics: tuple[Watch, dict[str, Any]], sign_in: Callable[..., Client]
) -> None:
    """The page of health data shows five fields of one person: one row names them all."""
    watch, _rows = filled_clinics
    rita = watch.people[0]
    manager = sign_in(Role.CLINIC_MANAGER, rita.connection.clinic)
    with watch.one("health data") as out:
        address = reverse("admin:bridge_leadhealthprofile_reveal", args=[rita.contact.pk])
        out.append(text_of(manager.post(address, {"purpose": "care"})))
    assert watch.shown == {
        "bridge.LeadHealthProfile.health_conditions", "bridge.LeadHealthProfile.medical_notes",
        "bridge.LeadHealthProfile.medications", "bridge.SensitiveNote.sensitive_notes",
    }  # fmt: skip
    with watch.one("panel") as out:
        token = tokens.issue(user(Role.CLINIC_MANAGER, rita.connection.clinic), rita.connection, timezone.now())
        path = f"/panel/{rita.connection.public_id}/api/conversas/9001/"
        out.append(text_of(Client().get(path, headers={"Authorization": f"Bearer {token}"})))
    assert "bridge.ObservedContact.name" in watch.shown


def test_the_api_tells_no_encrypted_value(filled_clinics: tuple[Watch, dict[str, Any]]) -> None:
    watch, _rows = filled_clinics
    rita = watch.people[0]
    made = issue(
        clinic=rita.connection.clinic, client="Painel", scopes=list(Scope), now=timezone.now(),
        expires_at=timezone.now() + timezone.timedelta(days=1), by=user(Role.CLINIC_MANAGER, rita.connection.clinic),
    )  # fmt: skip
    one = f"/api/v1/connections/{rita.connection.pk}"
    asked = ["", "/contact-links", "/conversation-links", "/leads", "/leads/701", "/leads/701/conversations", "/events",
             "/stage-changes", "/jobs"]  # fmt: skip
    for path in ["/api/v1/", "/api/v1/connections", *(one + more for more in asked)]:
        with watch.one(path) as out:
            answer = Client().get(path, headers={"Authorization": f"Bearer {made.token}"})
            assert answer.status_code == 200, path
            out.append(text_of(answer))
    assert watch.shown == set()


def test_commands_and_exports_tell_no_encrypted_value(
    filled_clinics: tuple[Watch, dict[str, Any]], capfd: Any, sign_in: Callable[..., Client], tmp_path: Any
) -> None:
    watch, _rows = filled_clinics
    rita = watch.people[0]
    commands: list[tuple[Any, ...]] = [
        ("dumpdata", "bridge", "consent", "audit", "insights"), ("explain", "9001"), ("spool", "--status"),
        ("jobs", "list"), ("export_audit",), ("rotate_keys", "--dry-run"), ("lanes", "--status"), ("verify_audit",),
    ]  # fmt: skip
    for command in commands:
        with watch.one(str(command)) as out:
            said = StringIO()
            try:
                call_command(*command, stdout=said, stderr=said)
            except (SystemExit, Exception) as ended:  # noqa: BLE001 - its words are part of what came out
                out.append(repr(ended))
            written = capfd.readouterr()
            out += [said.getvalue(), written.out, written.err]
    dpo = sign_in(Role.DPO, rita.connection.clinic)
    with watch.one("export of the trail") as out:
        out.append(text_of(dpo.post(reverse("admin:audit_auditlog_export"), {"reason": "incident"})))
    assert watch.shown == set()
