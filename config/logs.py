"""Logs: one JSON object per line, ids only. Whatever writes through `logging` comes by here: Django, Celery, gunicorn, ours.

What identifies people is taken out of every line: addresses, numbers of telephones and documents, secrets, names,
query strings, and the texts of exceptions, which may quote rows. That is a net below, no licence to log such things.
`bound(trace=…, connection=…)` puts ids on every line written inside it, from the webhook to the call of the CRM.
"""

import copy
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from http import HTTPStatus
from traceback import format_exception, walk_tb
from typing import Any
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

__all__ = ["bound", "dict_config", "formatter", "scrub", "trace_of"]

bound = bound_contextvars

REMOVED = "[removed]"
FRAMES = 12
SENSITIVE = re.compile(
    r"name|phone|email|mail|cpf|cnpj|document|content|text|body|token|secret|password|authori[sz]ation|cookie|api_?key",
    re.IGNORECASE,
)
# Words of ours that only look like it.
PLAIN = frozenset({"logger_name", "hostname", "task_name", "filename", "funcName", "body_length"})

MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
LOGIN = re.compile(r"(?<=://)[^\s/@]+@")
QUERY = re.compile(r"\?[^\s\"'<>]+")
BEARER = re.compile(r"\b(bearer|basic|token)\s+[^\s\"',]+", re.IGNORECASE)
GIVEN = re.compile(
    r"\b((?:access_|api_|refresh_|id_)?(?:token|password|passwd|secret|key|signature|authorization))"
    r"(\"?'?\s*[=:]\s*\"?'?)[^\s\"',&;)}\]]+",
    re.IGNORECASE,
)
# Ten digits and more, however they are grouped; not what is part of a word, an id or a time.
NUMBER = re.compile(r"(?<![\w.:-])\+?\(?\d[\d\s().\-/]{7,}\d(?![\w:-])")
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LONG_WORD = re.compile(r"[A-Za-z0-9_\-+=]{24,}")
# Two words with capitals after each other, where a value was given: "Maria da Silva".
PERSON = re.compile(r"\b[A-ZÀ-Ý][a-zà-ÿ]+(?:\s+(?:d[aeo]s?\s+|e\s+)?[A-ZÀ-Ý][a-zà-ÿ']+)+")
PHRASES = frozenset(status.phrase for status in HTTPStatus)


def trace_of(delivery_key: str) -> str:
    """What logs call a delivery: the partner's id, or the beginning of the digest that stands for it."""
    return delivery_key if len(delivery_key) <= 36 else delivery_key[:20]


def scrub(text: str) -> str:
    """The text without addresses, long numbers, secrets and query strings."""
    text = LOGIN.sub(f"{REMOVED}@", text)
    text = QUERY.sub("?…", text)
    text = BEARER.sub(rf"\1 {REMOVED}", text)
    text = GIVEN.sub(rf"\1\2{REMOVED}", text)
    text = MAIL.sub(REMOVED, text)
    text = LONG_WORD.sub(_unless_plain, text)
    return NUMBER.sub(_unless_short, text)


def _unless_plain(found: re.Match[str]) -> str:
    """Long words are secrets when they mix digits and letters; UUIDs are ids, and words of a program have no digits."""
    word = found[0]
    is_mixed = any(one.isdigit() for one in word) and any(one.isalpha() for one in word)
    return REMOVED if is_mixed and not ID.fullmatch(word) else word


def _unless_short(found: re.Match[str]) -> str:
    return REMOVED if sum(one.isdigit() for one in found[0]) >= 10 else found[0]


def value(given: object) -> object:
    """A value that may stand in a line: numbers and ids as they are, texts scrubbed, of anything else its text."""
    if given is None or isinstance(given, bool | int | float | UUID):
        return given
    if isinstance(given, BaseException):
        return type(given).__name__
    if isinstance(given, Mapping):
        return {str(name): of_name(str(name), one) for name, one in given.items()}
    if isinstance(given, list | tuple | set | frozenset):
        return [value(one) for one in given]
    text = str(given)
    return text if text in PHRASES else PERSON.sub(REMOVED, scrub(text))


def of_name(name: str, given: object) -> object:
    """As `value`, but nothing at all of what is called a name, a token, a body."""
    if isinstance(given, str) and SENSITIVE.search(name) and name not in PLAIN:
        return REMOVED
    return value(given)


class SafeFormatter(structlog.stdlib.ProcessorFormatter):
    """Scrubs message and arguments apart: what is written in the program is plain, what was put in may not be."""

    def format(self, record: logging.LogRecord) -> str:
        if not isinstance(record.msg, dict):  # those of structlog are scrubbed by `scrub_own`
            record = copy.copy(record)
            record.msg, record.args = _message(record), None
        return super().format(record)


def _message(record: logging.LogRecord) -> str:
    template, args = str(record.msg), record.args
    if not args:
        return str(value(template)) if not isinstance(record.msg, str) else scrub(template)
    try:
        if isinstance(args, Mapping):
            return scrub(template) % {name: value(one) for name, one in args.items()}
        return scrub(template) % tuple(value(one) for one in args)
    except (TypeError, ValueError, KeyError):
        return f"{scrub(template)} {REMOVED}"


# Processors ---------------------------------------------------------------------------------------------------------------

Event = MutableMapping[str, Any]


def redact(logger: object, method: str, event: Event) -> Event:
    """Every value of the line; the message itself was scrubbed when it was put together."""
    own = ("event", "level", "logger", "timestamp", "exception")
    for name in [name for name in event if name not in own]:
        event[name] = of_name(name, event[name])
    return event


def exception_without_text(logger: object, method: str, event: Event) -> Event:
    """Type and places of an exception and of what caused it: its text may quote a row or an address."""
    if error := _error(event):
        event["exception"] = _told(error)
    return event


def _error(event: Event) -> BaseException | None:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    return error if isinstance(error, BaseException) else None


def _told(error: BaseException) -> list[dict[str, Any]]:
    told, seen = [], set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        places = [
            f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
            for frame, line in walk_tb(current.__traceback__)
        ]
        told.append({"type": type(current).__name__, "at": places[-FRAMES:]})
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return told


def exception_for_developers(logger: object, method: str, event: Event) -> Event:
    """The whole text: only under PONTE_DEBUG, where no real people's data are."""
    if error := _error(event):
        event["exception"] = "".join(format_exception(error))
    return event


SHARED = (
    merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def formatter(*, human: bool = False) -> logging.Formatter:
    """The formatter of every handler: JSON, or lines for people while developing."""
    last: list[structlog.types.Processor] = (
        [exception_for_developers, redact, structlog.dev.ConsoleRenderer(colors=False)]
        if human
        else [exception_without_text, redact, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    )
    return SafeFormatter(
        foreign_pre_chain=[*SHARED],
        processors=[scrub_own, structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def scrub_own(logger: object, method: str, event: Event) -> Event:
    """What structlog wrote itself was not scrubbed by `SafeFormatter`."""
    if event.get("_from_structlog"):
        event["event"] = scrub(str(event["event"]))
    return event


def dict_config(level: str = "INFO", *, human: bool = False) -> dict[str, Any]:
    """For `logging.config`: everything through one handler to standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "config.logs.formatter", "human": human}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's own handlers would write a second, unscrubbed line.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            "gunicorn.error": {"handlers": [], "level": level, "propagate": True, "qualname": "gunicorn.error"},
            "gunicorn.access": {"handlers": [], "level": level, "propagate": True, "qualname": "gunicorn.access"},
        },
    }


structlog.configure(
    processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
