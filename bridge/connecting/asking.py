"""`connect` without a file: the questions of the assistant in a terminal; the answers are a connection file."""

import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _


class Declined(Exception):
    """There is nobody to ask, or the person stopped."""


def _read(prompt: str, *, is_secret: bool) -> str:
    return getpass.getpass(prompt) if is_secret else input(prompt)


@dataclass
class Answers:
    """Asks one question at a time, again until the answer can be used. `read` is the terminal."""

    say: Callable[[str], Any]
    read: Callable[..., str] = field(default=_read)

    def text(self, question: str, *, default: str = "", is_secret: bool = False) -> str:
        """An answer, or the default when there is one. Raises Declined."""
        hint = f" [{default}]" if default else ""
        while True:
            try:
                answer = self.read(f"{question}{hint}: ", is_secret=is_secret).strip()
            except (EOFError, KeyboardInterrupt) as error:
                raise Declined(_("Stopped; nothing was changed. A file works without questions: --file")) from error
            if answer or default:
                return answer or default
            self.say(_("An answer is needed."))

    def number(self, question: str) -> int:
        while True:
            answer = self.text(question)
            if answer.isascii() and answer.isdecimal():
                return int(answer)
            self.say(_("Digits only, please."))


def ask(answers: Answers) -> dict[str, Any]:
    """A connection file from a person's answers. Raises Declined."""
    if answers.read is _read and not sys.stdin.isatty():
        raise Declined(_("Nobody to ask: give a connection file with --file."))
    return {
        "clinic": {
            "name": answers.text(_("Clinic")),
            "time_zone": answers.text(_("Time zone"), default="America/Sao_Paulo"),
        },
        "name": answers.text(_("Name of the connection"), default=_("Reception")),
        "chatwoot": {
            "url": answers.text(_("Chatwoot address")),
            "account_id": answers.number(_("Chatwoot account number")),
            "token": answers.text(_("Chatwoot access token of an administrator"), is_secret=True),
            "inboxes": _inboxes(answers.text(_("Inbox numbers, separated by commas, or all"), default="all")),
            "polling_only": not _is_yes(answers.text(_("Can Chatwoot reach this server? (yes/no)"), default=_("yes"))),
        },
        "krayin": {
            "url": answers.text(_("Krayin address")),
            "email": answers.text(_("E-mail of Ponte's own Krayin user (its other API tokens end)")),
            "password": answers.text(_("Its password"), is_secret=True),
            "make_source": True,
        },
        "state": "shadow",
    }


def _inboxes(text: str) -> str | list[int]:
    numbers = [part.strip() for part in text.split(",")]
    return [int(part) for part in numbers] if all(part.isdecimal() for part in numbers) else "all"


def _is_yes(text: str) -> bool:
    return text.casefold() in {"yes", "y", "sim", "s", _("yes").casefold()}
