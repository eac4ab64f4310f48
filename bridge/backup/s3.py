"""A store that speaks S3: Amazon's, MinIO, Ceph, R2, Backblaze and others.

Parts of one size, one after the other: some stores refuse parts of differing sizes, and memory stays at one part. The
upload is completed only after the stream has ended well; until then nobody sees the object.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from django.conf import settings
from django.utils.translation import gettext as _
from urllib3.exceptions import HTTPError

from bridge.backup.errors import NoBackup, StoreUnusable

# S3 takes 10,000 parts: 320 GB.
PART = 32 * 1024 * 1024
CHUNK = 1024 * 1024
# Some stores do not tell what is unfinished; they forget it by themselves.
UNKNOWN = ("NotImplemented", "MethodNotAllowed")
MISSING = ("NoSuchKey", "404", "NotFound")


class S3:
    """One bucket, below one prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str, *, part_bytes: int = PART) -> None:
        self._client, self._bucket, self._prefix, self._part_bytes = client, bucket, prefix, part_bytes

    @classmethod
    def of_settings(cls) -> Self:
        """Without keys in the settings the library looks where it always does: its own variables, files, the machine.

        AWS_MAX_ATTEMPTS says how often it tries.
        """
        # Host names per bucket and checksums in headers are Amazon's own; other stores refuse them.
        elsewhere: dict[str, Any] = {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
        config = Config(
            signature_version="s3v4",
            connect_timeout=10,
            read_timeout=60,
            **(elsewhere if settings.BACKUP_S3_ENDPOINT else {}),
        )
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.BACKUP_S3_ENDPOINT or None,
            region_name=settings.BACKUP_S3_REGION,
            aws_access_key_id=settings.BACKUP_S3_ACCESS_KEY or None,
            aws_secret_access_key=settings.BACKUP_S3_SECRET_KEY or None,
            config=config,
        )
        parts = urlsplit(settings.BACKUP_TO)
        prefix = parts.path.strip("/")
        return cls(client, parts.netloc, f"{prefix}/" if prefix else "")

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        where = {"Bucket": self._bucket, "Key": self._prefix + name}
        pieces = in_parts(chunks, self._part_bytes)
        first = next(pieces, b"")
        second = next(pieces, None)
        if second is None:
            with speaking():
                self._client.put_object(**where, Body=first)
            return
        with speaking():
            upload = {**where, "UploadId": self._client.create_multipart_upload(**where)["UploadId"]}
        try:
            done = []
            for number, piece in enumerate(joined(first, second, pieces), 1):
                with speaking():
                    answer = self._client.upload_part(**upload, PartNumber=number, Body=piece)
                done.append({"PartNumber": number, "ETag": answer["ETag"]})
            with speaking():
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
        except BaseException:
            with suppress(BotoCoreError, ClientError):
                self._client.abort_multipart_upload(**upload)
            raise

    def get(self, name: str) -> Iterator[bytes]:
        with speaking():
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"]
            yield from body.iter_chunks(CHUNK)

    def names(self) -> list[str]:
        with speaking():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            return sorted(row["Key"].removeprefix(self._prefix) for page in pages for row in page.get("Contents", []))

    def remove(self, name: str) -> None:
        with speaking():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def forget_unfinished(self, before: datetime) -> int:
        with speaking():
            try:
                answer = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._prefix)
            except ClientError as error:
                if code_of(error) in UNKNOWN:
                    return 0
                raise
            old = [row for row in answer.get("Uploads", []) if row["Initiated"] < before]
            for row in old:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=row["Key"], UploadId=row["UploadId"])
        return len(old)


@contextmanager
def speaking() -> Iterator[None]:
    """Name what the store refused by its own code, and a store that is away; never an address with keys."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if code in MISSING:
            raise NoBackup(_("The object is not in the store.")) from error
        raise StoreUnusable(_("The store refused: %(code)s.") % {"code": code or "?"}) from error
    except (BotoCoreError, HTTPClientError, HTTPError) as error:
        raise StoreUnusable(_("The store does not answer: %(kind)s.") % {"kind": type(error).__name__}) from error


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def in_parts(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size; only the last may be shorter."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) > size:
            yield bytes(waiting[:size])
            del waiting[:size]
    yield bytes(waiting)


def joined(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest
