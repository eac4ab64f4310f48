"""Every environment variable Ponte knows, read once, with problems collected instead of raised.

A malformed or missing value must stop the start with a message that names the variable, the problem and the fix.
Raising while the settings are imported would hide all problems but the first, so each one becomes a `Problem`;
`config.checks` turns them into system checks and the entry points (`config.wsgi`, `config.celery`) refuse to start.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import environ

from config.sentinel import SCHEME, sentinels

Value = TypeVar("Value")


@dataclass(frozen=True)
class Problem:
    """One unusable variable: what is wrong and how to fix it. Never holds the value, which may be a secret."""

    variable: str
    problem: str
    fix: str


class Malformed(ValueError):
    """A value that cannot be used; the two arguments are the problem and the fix."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem, self.fix = problem, fix


@dataclass
class Environment:
    """Reads variables through django-environ; `problems` lists what could not be used."""

    source: environ.Env = field(default_factory=environ.Env)
    problems: list[Problem] = field(default_factory=list)

    def read(self, variable: str, parse: Callable[[str], Value], *, default: Value | None, placeholder: Value) -> Value:
        """Return the parsed variable; a missing one without default, or a malformed one, is a problem."""
        try:
            raw = self.raw(variable)
            if not raw and default is not None:
                return default
            if not raw:
                raise Malformed("is missing", f"set {variable}; deploy/env.example explains it")
            return parse(raw)
        except Malformed as error:
            self.problems.append(Problem(variable, error.problem, error.fix))
            return placeholder

    def raw(self, variable: str) -> str:
        """The variable, or the content of the file that `<variable>_FILE` names: containers hand over secrets as files.

        Raises Malformed when both are set, or the file cannot be read or is empty.
        """
        value: str = self.source.str(variable, default="").strip()
        path: str = self.source.str(f"{variable}_FILE", default="").strip()
        if not path:
            return value
        if value:
            raise Malformed(f"and {variable}_FILE are both set", "keep one of the two")
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Malformed(f"has a file ({variable}_FILE) that cannot be read", "correct path and owner") from error
        if not content:
            raise Malformed(f"has a file ({variable}_FILE) that is empty", "write the value into it")
        return content

    def text(self, variable: str, *, default: str | None = None, at_least: int = 0) -> str:
        def parse(raw: str) -> str:
            if len(raw) < at_least:
                raise Malformed(f"has {len(raw)} characters", f"use at least {at_least} random characters")
            return raw

        return self.read(variable, parse, default=default, placeholder="")

    def flag(self, variable: str, *, default: bool) -> bool:
        return self.read(variable, parse_flag, default=default, placeholder=default)

    def number(self, variable: str, *, default: int, at_least: int = 0) -> int:
        def parse(raw: str) -> int:
            if not raw.isdecimal() or int(raw) < at_least:
                raise Malformed("is not a whole number in range", f"use digits only, {at_least} or more")
            return int(raw)

        return self.read(variable, parse, default=default, placeholder=default)

    def choice(self, variable: str, *, among: tuple[str, ...], default: str) -> str:
        def parse(raw: str) -> str:
            if raw.upper() not in among:
                raise Malformed("is none of the words Ponte knows", f"use one of {', '.join(among)}")
            return raw.upper()

        return self.read(variable, parse, default=default, placeholder=default)

    def words(self, variable: str, *, default: list[str] | None = None) -> list[str]:
        def parse(raw: str) -> list[str]:
            words = parse_words(raw)
            if not words:
                raise Malformed("holds nothing but separators", "use words separated by commas, or unset it")
            return words

        return self.read(variable, parse, default=default, placeholder=[])

    def url(
        self, variable: str, *, schemes: tuple[str, ...], default: str | None = None, names_database: bool = False
    ) -> str:
        """An address with a host; with `names_database` it ends in a database's name and may leave out the host."""
        fix = f"use {' or '.join(f'{scheme}://…' for scheme in schemes)}"

        def parse(raw: str) -> str:
            parts = parse_url(raw, schemes, fix)
            if names_database and not parts.path.strip("/"):
                raise Malformed("names no database", f"{fix}, ending in /name-of-the-database")
            if not names_database and not parts.hostname:
                raise Malformed("is not an address Ponte can use", fix)
            return raw

        return self.read(variable, parse, default=default, placeholder="")

    def redis(self, variable: str, *, default: str) -> str:
        """Redis or Valkey: one server, or the Sentinels that know which of several is the master."""

        def parse(raw: str) -> str:
            if not raw.startswith(f"{SCHEME}://"):
                return self._parsed_redis(raw)
            try:
                sentinels(raw)
            except ValueError as error:
                fix = f"use {SCHEME}://:password@host:26379,host:26379,host:26379/name-of-the-master/0"
                raise Malformed("is not an address of Sentinels", fix) from error
            return raw

        return self.read(variable, parse, default=default, placeholder="")

    def _parsed_redis(self, raw: str) -> str:
        fix = f"use redis://…, rediss://… or {SCHEME}://…"
        if not parse_url(raw, ("redis", "rediss"), fix).hostname:
            raise Malformed("is not an address Ponte can use", fix)
        return raw

    def brokers(self, variable: str) -> str:
        """One RabbitMQ, or several nodes of one cluster separated by semicolons; empty when unset."""
        fix = "use amqp://user:password@host:5672/vhost, several separated by semicolons"

        def parse(raw: str) -> str:
            nodes = [node.strip() for node in raw.split(";")]
            if not all(parse_url(node, ("amqp", "amqps"), fix).hostname for node in nodes):
                raise Malformed("is not an address Ponte can use", fix)
            return ";".join(nodes)

        return self.read(variable, parse, default="", placeholder="")

    def origin(self, variable: str, *, default: str) -> str:
        """The address of a web site without a path."""
        return self.read(variable, parse_origin, default=default, placeholder=default)

    def keys(self, variable: str, *, is_optional: bool = False) -> dict[str, bytes]:
        """Versioned 32-byte keys, newest first: `id:base64,older:base64`."""
        return self.read(variable, parse_keys, default={} if is_optional else None, placeholder={})

    def place(self, variable: str) -> str:
        """Where files are kept: the whole path of a folder, or s3://bucket/prefix; empty when unset."""
        return self.read(variable, parse_place, default="", placeholder="")

    def refuse(self, variable: str, problem: str, fix: str) -> None:
        """Record a problem found by comparing several variables."""
        self.problems.append(Problem(variable, problem, fix))


def parse_flag(raw: str) -> bool:
    """Accept the usual words for yes and no; anything else is refused instead of being read as no."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if raw.lower() not in words:
        raise Malformed("is neither yes nor no", "use 1 or 0")
    return words[raw.lower()]


def parse_url(raw: str, schemes: tuple[str, ...], fix: str) -> SplitResult:
    """Split an address. Raises Malformed for another scheme, a port that is no port, brackets or blanks."""
    try:
        parts = urlsplit(raw)
        is_usable = parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise Malformed("is not an address Ponte can use", fix) from error
    if not is_usable or any(character.isspace() for character in raw):
        raise Malformed("is not an address Ponte can use", fix)
    return parts


def parse_origin(raw: str) -> str:
    """Return scheme, host and port of a web site. Raises Malformed for anything more or less."""
    fix = "use https://name.of.the.site, without a path"
    parts = parse_url(raw, ("http", "https"), fix)
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Malformed("is not the address of a web site", fix)
    return raw.rstrip("/")


def parse_place(raw: str) -> str:
    """Accept an absolute path or a bucket with an optional prefix. Raises Malformed."""
    fix = "use the whole path of a folder, or s3://bucket/prefix"
    if not raw.startswith("s3://"):
        if not raw.startswith("/") or "://" in raw:
            raise Malformed("is neither a folder nor a bucket", fix)
        return raw
    parts = parse_url(raw, ("s3",), fix)
    if not parts.hostname or parts.username or parts.port or parts.query or parts.fragment:
        raise Malformed("is not the address of a bucket", f"{fix}; keys have variables of their own")
    return raw.rstrip("/")


def parse_words(raw: str) -> list[str]:
    return [word.strip() for word in raw.split(",") if word.strip()]


def parse_keys(raw: str) -> dict[str, bytes]:
    """Parse `id:base64` pairs; ids are short words, keys exactly 32 bytes, no id twice."""
    fix = (
        "use id:base64 of 32 random bytes, newest first, separated by commas (deploy/env.example shows how to make one)"
    )
    keys: dict[str, bytes] = {}
    for pair in parse_words(raw):
        name, _, encoded = pair.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed("holds a key that is not base64", fix) from error
        if not name.isalnum() or len(name) > 16 or name in keys or len(key) != 32:
            raise Malformed("holds a malformed, repeated or wrongly sized key", fix)
        keys[name] = key
    if not keys:
        raise Malformed("holds no key", fix)
    return keys
