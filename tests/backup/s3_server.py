"""A store that speaks S3 over real HTTP: whole objects, uploads in parts, lists, signatures, and refusals on demand."""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY, SECRET_KEY, REGION, BUCKET = "PONTE", "secret-canary", "us-east-1", "clinic"
PAGE = 3  # objects a list answers at once


@dataclass
class Refusal:
    """Answer calls of this method with an error, from the n-th on."""

    method: str
    status: int
    code: str
    after: int = 0


@dataclass
class Contents:
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    refusal: Refusal | None = None
    calls: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Handler(BaseHTTPRequestHandler):
    contents: Contents
    protocol_version = "HTTP/1.1"

    def handle_one_call(self) -> None:
        parts = urlsplit(self.path)
        self.key = unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/")
        self.query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.contents.calls.append(self.command)
        if not self.is_signed(parts.path, parts.query):
            return self.refuse(403, "SignatureDoesNotMatch")
        refusal = self.contents.refusal
        if refusal and refusal.method == self.command:
            refusal.after -= 1
            if refusal.after < 0:
                return self.refuse(refusal.status, refusal.code)
        return getattr(self, f"on_{self.command.lower()}")()

    do_GET = do_PUT = do_POST = do_DELETE = handle_one_call

    def is_signed(self, path: str, query: str) -> bool:
        """AWS Signature Version 4, computed anew from what arrived."""
        given = dict(part.strip().split("=", 1) for part in self.headers["Authorization"].split(" ", 1)[1].split(","))
        scope = given["Credential"].split("/", 1)[1]
        names = given["SignedHeaders"].split(";")
        pairs = sorted(tuple(one.partition("=")[::2]) for one in query.split("&") if one)
        canonical = "\n".join([
            self.command, quote(unquote(path), safe="/~-_."), "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{self.headers[name].strip()}" for name in names), "", ";".join(names),
            self.headers["X-Amz-Content-SHA256"],
        ])  # fmt: skip
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["X-Amz-Date"], scope, digest])
        key = b"AWS4" + SECRET_KEY.encode()
        for word in (*scope.split("/"), text):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return hmac.compare_digest(key.hex(), given["Signature"])

    def on_get(self) -> None:
        if "uploads" in self.query:
            return self.answer(uploads_page(self.contents))
        if not self.key:
            return self.answer(objects_page(self.contents, self.query))
        if self.key not in self.contents.objects:
            return self.refuse(404, "NoSuchKey")
        return self.answer(self.contents.objects[self.key])

    def on_put(self) -> None:
        if "uploadId" in self.query:
            self.contents.uploads[self.query["uploadId"]][int(self.query["partNumber"])] = self.body
        else:
            self.contents.objects[self.key] = self.body
        self.answer(b"")

    def on_post(self) -> None:
        if "uploads" in self.query:
            self.contents.uploads[self.key] = {}
            return self.answer(document("InitiateMultipartUploadResult", f"<UploadId>{escape(self.key)}</UploadId>"))
        parts = self.contents.uploads.pop(self.query["uploadId"])
        self.contents.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
        return self.answer(document("CompleteMultipartUploadResult", f"<Key>{escape(self.key)}</Key>"))

    def on_delete(self) -> None:
        if "uploadId" in self.query:
            self.contents.uploads.pop(self.query["uploadId"], None)
        else:
            self.contents.objects.pop(self.key, None)
        self.answer(b"", 204)

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(self.body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.answer(document("Error", f"<Code>{code}</Code><Message>no</Message>"), status)

    def log_message(self, format: str, *args: object) -> None:
        return None


def objects_page(contents: Contents, query: dict[str, str]) -> bytes:
    names = sorted(name for name in contents.objects if name.startswith(query.get("prefix", "")))
    begin = int(query.get("continuation-token", 0))
    rows = "".join(f"<Contents><Key>{escape(name)}</Key></Contents>" for name in names[begin : begin + PAGE])
    is_cut = begin + PAGE < len(names)
    more = f"<NextContinuationToken>{begin + PAGE}</NextContinuationToken>" if is_cut else ""
    return document("ListBucketResult", f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{rows}{more}")


def uploads_page(contents: Contents) -> bytes:
    begun = datetime.now(UTC).isoformat()
    rows = "".join(
        f"<Upload><Key>{escape(name)}</Key><UploadId>{escape(name)}</UploadId><Initiated>{begun}</Initiated></Upload>"
        for name in contents.uploads
    )
    return document("ListMultipartUploadsResult", f"<IsTruncated>false</IsTruncated>{rows}")


def document(name: str, body: str) -> bytes:
    return f'<?xml version="1.0"?><{name}>{body}</{name}>'.encode()


@contextmanager
def s3_server() -> Iterator[Contents]:
    contents = Contents()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"contents": contents}))
    server.daemon_threads = True
    contents.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield contents
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
