"""The example clinic: its first user, its connection file, and addresses that may change from run to run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction

from config.embedded.processes import write_private

USER = "admin@clinica.exemplo"
USER_NAME = "Administração do exemplo"
ROLES = ("clinic_manager", "technical_admin", "dpo")
CLINIC = "Clínica Vida Plena (exemplo)"
CONNECTION = "Recepção (exemplo)"
STAGES = {"conversation_created": "follow-up", "first_response": "prospect", "conversation_resolved": "negotiation"}
# Short, so that no note is still waiting for a quiet moment when the numbers are taken.
NOTE_QUIET_S = 2

# Without characters that look alike: people type it.
PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105


def first_user() -> str | None:
    """Make the first user if there is none of that address; return the password, which is kept nowhere else."""
    users = get_user_model()
    if users._default_manager.filter(email=USER).exists():
        return None
    password = "-".join("".join(secrets.choice(PASSWORD_LETTERS) for _ in range(4)) for _ in range(4))
    users.objects.create_user(USER, password, name=USER_NAME)  # type: ignore[attr-defined]
    return password


def connection_file(path: Path, partners: Mapping[str, Any]) -> None:
    """Write what `manage.py connect` reads; `partners` holds its parts `chatwoot` and `krayin`."""
    content = {
        "name": CONNECTION,
        "clinic": {"name": CLINIC, "time_zone": "America/Sao_Paulo"},
        **partners,
        "stages": STAGES,
        "send": {"preset": "text", "message_text": "grouped", "note_quiet_s": NOTE_QUIET_S},
        "state": "active",
        "policy_confirmed_by": USER,
    }
    write_private(path, json.dumps(content, ensure_ascii=False, indent=2))


def follow_krayin(url: str) -> None:
    """The simulated Krayin may listen elsewhere than last time: it is the same one, with the same records."""
    apps.get_model("bridge", "Krayin")._default_manager.filter(
        connections__name=CONNECTION, connections__clinic__trade_name=CLINIC, connections__is_example=True
    ).update(base_url=url)


def give_roles() -> None:
    """Let the first user see the example clinic in every role a person at the admin can have."""
    clinic = apps.get_model("consent", "Clinic")._default_manager.get(trade_name=CLINIC)
    user = get_user_model()._default_manager.get(email=USER)
    memberships = apps.get_model("consent", "Membership")._default_manager
    with transaction.atomic():
        for role in ROLES:
            memberships.get_or_create(user=user, clinic=clinic, role=role)
