"""Settings of backups that cannot work stop the start, by name and without their values."""

import pytest

from tests.settings.starting import KEY, MANAGE, run
from tests.settings.test_environment_values import environment, problems


@pytest.mark.parametrize("raw", ["/mnt/backup", "s3://bucket", "s3://bucket/a/prefix/"])
def test_a_folder_or_a_bucket_is_a_place(raw: str) -> None:
    env = environment(P=raw)
    assert (env.place("P"), problems(env)) == (raw.rstrip("/"), [])


@pytest.mark.parametrize(
    "raw",
    ["backups", "../up", "s3://", "s3:///prefix", "s3://key:canary@bucket", "s3://b?x", "https://b", "C:/x", "s3:b"],
)
def test_anything_else_is_a_problem(raw: str) -> None:
    env = environment(P=raw)
    assert (env.place("P"), problems(env)) == ("", ["P"])


def test_what_does_not_go_together_is_told_at_once() -> None:
    ended = run(
        *MANAGE,
        "check",
        PONTE_BACKUP_TO="/mnt/backup",
        PONTE_BACKUP_KEYS=KEY,
        PONTE_BACKUP_DAYS="40",
        PONTE_BACKUP_S3_ACCESS_KEY="canary",
        PONTE_BACKUP_S3_ENDPOINT="canary",
    )
    assert ended.code == 1
    assert "PONTE_BACKUP_KEYS repeats a key that has another purpose." in ended.said
    assert "PONTE_BACKUP_DAYS is over 35 or below PONTE_BACKUP_KEY_DAYS." in ended.said
    assert "PONTE_BACKUP_S3_SECRET_KEY and PONTE_BACKUP_S3_ACCESS_KEY belong together." in ended.said
    assert ended.names("PONTE_BACKUP_S3_ENDPOINT")
    assert "canary" not in ended.said
