"""HTTP to a provider: one question, one answer; bounded in time and size, never repeated, never led elsewhere.

Two dialects: Anthropic's Messages (POST /v1/messages, a forced tool as the schema of the answer) and OpenAI's Chat
Completions (POST /chat/completions, response_format json_schema), which own servers speak too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import requests

from bridge.clients.base import Answer, Call, Deadline, PartnerClient, build_session
from bridge.errors import EffectUnknown, PartnerError
from insights.language.answers import MOST_TOKENS, Prompt
from insights.models.language import LanguageSettings, validate_address

MOST_BYTES = 128 * 1024
TOOL = "responder"
ANTHROPIC_VERSION = "2023-06-01"


class ProviderFailed(Exception):
    """No usable answer. `reason` is a short code; `may_cost` tells whether the provider may have worked for it."""

    def __init__(self, reason: str, *, may_cost: bool) -> None:
        super().__init__(reason)
        self.reason, self.may_cost = reason, may_cost


@dataclass(frozen=True)
class Reply:
    """The value the model gave, not yet looked at, and what it used; None where the provider did not say."""

    value: object = field(repr=False)
    tokens_in: int | None
    tokens_out: int | None


class NoPace:
    """Questions are counted by the clinic's own budget (insights.language.budget), before they get here."""

    def acquire(self, priority: int) -> None: ...

    def spend(self) -> None: ...

    def learn(self, remaining: int | None) -> None: ...

    def opened(self, window_s: float) -> None: ...

    def closed_until(self) -> datetime | None:
        return None

    def moment(self, wait_s: float) -> datetime:
        raise ValueError("a provider keeps no window")


class Provider(PartnerClient):
    """A dialect: where to post, what to send, where in the answer the value is."""

    partner = "language-model"
    endpoint: ClassVar[str]

    def __init__(self, base_url: str, key: str, model: str, *, total_seconds: float, session: requests.Session) -> None:
        validate_address(base_url)
        super().__init__(
            base_url, session=session, pace=NoPace(), on_call=lambda record: None, total_seconds=total_seconds
        )
        self._key, self._model = key, model

    def ask(self, prompt: Prompt) -> Reply:
        """Raises ProviderFailed."""
        call = Call("POST", self.endpoint, body=self.body(prompt), max_bytes=MOST_BYTES, teaches_pace=False)
        try:
            answer = self._exchange(call, headers=self.headers(), deadline=Deadline(self._total_seconds))
        except PartnerError as error:
            failure = ProviderFailed(error.code or "unavailable", may_cost=isinstance(error, EffectUnknown))
        else:
            return self._read(answer)
        # Raised outside the except block on purpose: causes may quote what was sent.
        raise failure

    def _read(self, answer: Answer) -> Reply:
        if answer.status != 200:
            raise ProviderFailed(reason_of(answer.status), may_cost=answer.status >= 500)
        try:
            decoded: Any = answer.decoded()
            return self.reply(decoded)
        except (ValueError, TypeError, LookupError, RecursionError):
            pass
        # Outside the except block for the same reason: the cause quotes the answer.
        raise ProviderFailed("unreadable", may_cost=True)

    def headers(self) -> Mapping[str, str]:
        raise TypeError(f"{type(self).__name__} is no dialect")

    def body(self, prompt: Prompt) -> dict[str, object]:
        raise TypeError(f"{type(self).__name__} is no dialect")

    def reply(self, decoded: Any) -> Reply:
        """Raises ValueError, TypeError or LookupError for whatever is not an answer."""
        raise TypeError(f"{type(self).__name__} is no dialect")


class Anthropic(Provider):
    endpoint = "/v1/messages"

    def headers(self) -> Mapping[str, str]:
        return {"x-api-key": self._key, "anthropic-version": ANTHROPIC_VERSION}

    def body(self, prompt: Prompt) -> dict[str, object]:
        return {
            "model": self._model,
            "max_tokens": MOST_TOKENS,
            "system": prompt.system,
            "messages": [{"role": "user", "content": prompt.content}],
            "tools": [{"name": TOOL, "description": "A resposta.", "input_schema": prompt.schema}],
            "tool_choice": {"type": "tool", "name": TOOL},
        }

    def reply(self, decoded: Any) -> Reply:
        (block,) = [one for one in decoded["content"] if one["type"] == "tool_use"]
        usage = decoded.get("usage") or {}
        return Reply(block["input"], count(usage, "input_tokens"), count(usage, "output_tokens"))


class OpenAI(Provider):
    endpoint = "/chat/completions"
    limit_name: ClassVar[str] = "max_completion_tokens"

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def body(self, prompt: Prompt) -> dict[str, object]:
        schema = {"name": TOOL, "strict": True, "schema": prompt.schema}
        return {
            "model": self._model,
            self.limit_name: MOST_TOKENS,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.content},
            ],
            "response_format": {"type": "json_schema", "json_schema": schema},
        }

    def reply(self, decoded: Any) -> Reply:
        (choice,) = decoded["choices"]
        usage = decoded.get("usage") or {}
        value = json.loads(choice["message"]["content"])
        return Reply(value, count(usage, "prompt_tokens"), count(usage, "completion_tokens"))


class Local(OpenAI):
    """Own servers know the older name of the limit."""

    limit_name = "max_tokens"


DIALECTS: Mapping[str, Callable[..., Provider]] = {
    LanguageSettings.Kind.ANTHROPIC: Anthropic,
    LanguageSettings.Kind.OPENAI: OpenAI,
    LanguageSettings.Kind.LOCAL: Local,
}


def provider_of(row: LanguageSettings, key: str) -> Provider:
    """The clinic's provider. Raises django.core.exceptions.ValidationError for an address without TLS."""
    make = DIALECTS[row.kind]
    return make(row.base_url, key, row.model, total_seconds=float(row.timeout_s), session=build_session())


def reason_of(status: int) -> str:
    if status in (401, 403):
        return "credentials"
    if status == 429:
        return "provider_limit"
    return "unavailable" if status >= 500 else "misconfigured"


def count(usage: Mapping[str, object], name: str) -> int | None:
    number = usage.get(name)
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**8 else None
