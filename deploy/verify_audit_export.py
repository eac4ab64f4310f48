#!/usr/bin/env python3
"""Checks an exported audit trail anywhere: one file, standard library, no database, no Ponte.

    python3 verify_audit_export.py trail.jsonl [--checkpoints audit-checkpoints.jsonl] [--key k1:BASE64 ...]

Without a key it proves that rows, chain and segments fit together (and fit the checkpoints, when given); with the audit
keys also that each row and each segment was signed by this installation. Exit code 1 when something is found.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

ROW, SEGMENT = b"bridge.audit.v1\n", b"bridge.audit.segment.v1\n"


def canonical(held: dict[str, Any]) -> bytes:
    return json.dumps(held, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def merkle_root(entries: list[bytes]) -> bytes:
    level = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0] if level else hashlib.sha256(b"").digest()


def split(told: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """A segment's own facts, its digest, its MAC."""
    facts = {name: value for name, value in told.items() if name not in ("digest", "mac")}
    return facts, told["digest"], told["mac"]


class Verifier:
    def __init__(self, keys: dict[str, bytes], checkpoints: dict[int, str]) -> None:
        self.keys, self.checkpoints = keys, checkpoints
        self.rows = 0
        self.segment: dict[str, Any] | None = None
        self.before: dict[str, Any] | None = None
        self.chain = b""
        self.entries: list[bytes] = []

    def check(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield one sentence for each thing that is wrong."""
        read = (json.loads(line) for line in lines)
        header: dict[str, Any] = next(read, {})
        if header.get("format") != "ponte.audit.export.v1":
            yield "this is not an exported audit trail of a version this program knows"
            return
        self.chain = bytes.fromhex(header["chain"])
        for held in read:
            if "segment" in held:
                yield from self.end_segment()
                yield from self.begin_segment(held["segment"])
            else:
                yield from self.row(held)
        yield from self.end_segment()
        last = self.before["number"] if self.before else 0
        beyond = [number for number in self.checkpoints if number > last]
        if beyond:
            yield f"cut: checkpoints know segments up to {max(beyond)}, the export ends at {last}"

    def begin_segment(self, told: dict[str, Any]) -> Iterator[str]:
        facts, digest, mac = split(told)
        number = facts["number"]
        if hashlib.sha256(SEGMENT + canonical(facts)).hexdigest() != digest:
            yield f"segment {number} was changed"
        if self.keys and not self.is_signed(facts["key_id"], SEGMENT + canonical(facts), mac):
            yield f"segment {number} is not signed by a key that was given"
        if self.before and (facts["number"], facts["first"], facts["previous"]) != (
            self.before["number"] + 1,
            self.before["last"] + 1,
            self.before["digest"],
        ):
            yield f"segment {number} does not continue segment {self.before['number']}"
        if self.checkpoints.get(number, digest) != digest:
            yield f"segment {number}: the checkpoint knows another one"
        self.segment, self.entries = {**facts, "digest": digest}, []

    def row(self, held: dict[str, Any]) -> Iterator[str]:
        if self.segment is None:
            yield f"the row at position {held['position']} belongs to no segment"
            return
        expected = self.segment["first"] + len(self.entries)
        if held["position"] != expected:
            yield f"position {expected} is missing or out of order (found {held['position']})"
        if held["row"] is None:
            yield f"the row at position {held['position']} is gone"
            self.entries.append(b"")
            return
        text, mac = ROW + canonical(held["row"]), bytes.fromhex(held["mac"])
        entry = hashlib.sha256(text + b"\n" + mac).digest()
        self.chain = hashlib.sha256(self.chain + entry).digest()
        self.entries.append(entry)
        self.rows += 1
        if self.keys and held["row"]["version"] and not self.is_signed(held["row"]["key_id"], text, held["mac"]):
            yield f"row {held['row']['id']} at position {held['position']} is forged"

    def end_segment(self) -> Iterator[str]:
        if self.segment is None:
            return
        number = self.segment["number"]
        if len(self.entries) != self.segment["count"]:
            yield f"segment {number} has {len(self.entries)} rows instead of {self.segment['count']}"
        if merkle_root(self.entries).hex() != self.segment["merkle_root"] or self.chain.hex() != self.segment["head"]:
            yield f"segment {number}: its rows were changed, removed, added or reordered"
        # Each segment is judged by itself: one that was tampered with does not condemn all that follow.
        self.chain = bytes.fromhex(self.segment["head"])
        self.before, self.segment = self.segment, None

    def is_signed(self, key_id: str, text: bytes, mac: str) -> bool:
        key = self.keys.get(key_id)
        return key is not None and hmac.compare_digest(hmac.new(key, text, hashlib.sha256).hexdigest(), mac)


def key(text: str) -> tuple[str, bytes]:
    name, _, coded = text.partition(":")
    return name, base64.b64decode(coded, validate=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("export")
    parser.add_argument("--checkpoints")
    parser.add_argument("--key", action="append", default=[], type=key, metavar="ID:BASE64")
    given = parser.parse_args()
    checkpoints: dict[int, str] = {}
    if given.checkpoints:
        with open(given.checkpoints, encoding="utf-8") as file:
            checkpoints = {told["number"]: told["digest"] for told in map(json.loads, file)}
    verifier = Verifier(dict(given.key), checkpoints)
    with open(given.export, encoding="utf-8") as file:
        found = list(verifier.check(file))
    print("\n".join([*found, f"{verifier.rows} rows: {len(found)} findings"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
