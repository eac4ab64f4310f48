"""However much a person wrote, the memory stays (lgpd 9: 100,000 messages below 512 MB; here fewer, in a child)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from bridge.models import ObservedContact

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

# 100,000 with PONTE_EXPORT_MESSAGES=100000: peak 512 MB. Twice the messages must not need twice the memory.
MESSAGES = int(os.environ.get("PONTE_EXPORT_MESSAGES", "3000"))
MOST_MB = 512 if MESSAGES > 50_000 else 200


def test_the_memory_of_an_export_does_not_grow_with_the_messages(person: ObservedContact, export_dir: Path) -> None:
    told = measured(MESSAGES, person, export_dir)
    assert told["state"] == "ready", told
    assert told["bytes"] > MESSAGES * 300
    assert told["megabytes"] < MOST_MB, told


def measured(messages: int, person: ObservedContact, export_dir: Path) -> dict[str, Any]:
    here = Path(__file__).resolve().parent
    address = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {
        **os.environ, "DATABASE_URL": address, "PONTE_EXPORT_DIR": str(export_dir),
        "PYTHONPATH": os.pathsep.join([str(settings.BASE_DIR), str(here)]),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    command = [sys.executable, str(here / "measure.py"), str(messages), str(person.subject_id)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
