"""The archive for support says how the system is, and nothing about whom it serves or how to get in."""

import json
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from factories import clinic, connection, contact, refused_step

from audit.models import AuditLog

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("in_english"),
]


@pytest.fixture
def archive(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> zipfile.ZipFile:
    monkeypatch.setenv("PONTE_MAIL_URL", "smtp://postman-canary:password-canary@mail-canary.example")
    monkeypatch.setenv("PONTE_BACKUP_KEYS", "b1:keycanarykeycanary")
    monkeypatch.setenv("PONTE_LEASE_S", "90")
    settings.VAR_DIR = tmp_path
    of = connection(clinic("Clínica Canário"), name="Recepção Canário")
    refused_step(contact(of, email="maria.canario@exemplo.com.br"))
    said = StringIO()
    call_command("support_bundle", stdout=said)
    (path,) = tmp_path.glob("support-*.zip")
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in said.getvalue()
    return zipfile.ZipFile(path)


def test_it_lists_what_it_holds_and_holds_it(archive: zipfile.ZipFile) -> None:
    listed = archive.read("CONTENTS.txt").decode().splitlines()
    assert ["CONTENTS.txt", *(line.partition(":")[0] for line in listed)] == archive.namelist()
    held = {name: json.loads(archive.read(name)) for name in archive.namelist()[1:]}
    assert [name for name, piece in held.items() if isinstance(piece, dict) and "error" in piece] == []
    assert held["settings.json"]["PONTE_LEASE_S"] == "90"
    assert held["settings.json"]["PONTE_MAIL_URL"] == held["settings.json"]["PONTE_BACKUP_KEYS"] == "set"
    assert [step["state"] for step in held["work.json"]["steps"]] == ["rejected"]
    assert AuditLog.objects.filter(action="support.bundle").count() == 1


def test_no_name_address_or_secret_is_in_it(archive: zipfile.ZipFile) -> None:
    everything = "\n".join(archive.read(name).decode() for name in archive.namelist()).lower()
    assert len(everything) > 5000
    assert [word for word in ("canary", "canário", "canario", "\\u00e1rio") if word in everything] == []


def test_an_archive_that_is_there_already_is_kept(tmp_path: Path) -> None:
    taken = tmp_path / "mine.zip"
    taken.write_text("mine")
    with pytest.raises(CommandError, match="exists"):
        call_command("support_bundle", output=taken)
    assert taken.read_text() == "mine"
