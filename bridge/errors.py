"""What went wrong at a partner, named for what the caller must do next.

Every class says whether the call took effect, because that decides between doing it again and looking first
(Krayin contract sections 2 and 20.3, Chatwoot contract section 9; DESIGN section 6):

| class | took effect | the caller |
| --- | --- | --- |
| `PartnerUnavailable` | no (or it only read) | waits (breaker), spends no attempt |
| `RefusedBeforeController` | no | the same; Krayin refused token or pace and a new token did not help |
| `Paced` | no | comes back at `until` |
| `PartnerMisconfigured`, `CredentialsRefused` | no | tells the operator, waits (breaker) |
| `PartnerRejected` | no | tells a person; the same call fails again |
| `PartnerGone` | no | marks the object gone, or the thing it refers to |
| `EffectUnknown` | perhaps | looks before acting; only ever raised for writes |

No message, attribute, cause or context of these errors holds a body, a header, an address with values or personal
data: the endpoint is a template such as `PUT /leads/{id}`, and field names are the names we sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


class PartnerError(Exception):
    """A call to a partner did not do what was asked. `code` is a short fixed word, `status` None without answer."""

    def __init__(self, partner: str, endpoint: str, *, status: int | None = None, code: str = "") -> None:
        self.partner = partner
        self.endpoint = endpoint
        self.status = status
        self.code = code
        super().__init__(partner, endpoint, status, code)

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else f"status {self.status}"
        return f"{self.partner} {self.endpoint}: {answer} ({self.code or type(self).__name__})"


class PartnerUnavailable(PartnerError):
    """Nothing was executed, or the call only read: wait and ask again.

    Connection refused, name not resolved, connect time-out, budget of seconds used up before sending; for reads also
    every unreadable, interrupted or 5xx answer.
    """


class RefusedBeforeController(PartnerUnavailable):
    """Krayin answered 500 as JSON without `X-RateLimit-*`, also with a token just renewed: nothing was executed.

    Too many calls of this user, or an application that answers nobody (Krayin contract sections 2 and 20.3).
    """


class PartnerMisconfigured(PartnerError):
    """The address, certificate, rights or installation is wrong: an operator must act. Nothing was executed.

    Unknown route (Krayin 404 without `X-RateLimit-*`: the REST package is missing or the address is wrong), redirect,
    refused certificate, wrong method, plan or account without API.
    """


class CredentialsRefused(PartnerMisconfigured):
    """Token or password no longer valid, or rights missing (Chatwoot answers 401 for both). Nothing was executed."""


class PartnerRejected(PartnerError):
    """The partner understood the call and refused its content: repeating it changes nothing. Nothing was executed.

    `fields` are the names refused, as the partner spells them (`emails.0.value`, `person.contact_numbers.0.value`).
    `taken_keys` are those among them that a value of another record can cause. Texts are localised and therefore not
    kept (Krayin contract section 2): a taken key may also be a malformed value, so search before linking.
    """

    def __init__(
        self,
        partner: str,
        endpoint: str,
        *,
        status: int | None = None,
        code: str = "rejected",
        fields: Iterable[str] = (),
        taken_keys: Iterable[str] = (),
    ) -> None:
        super().__init__(partner, endpoint, status=status, code=code)
        self.fields = frozenset(fields)
        self.taken_keys = frozenset(taken_keys)

    def __str__(self) -> str:
        return f"{super().__str__()} {', '.join(sorted(self.fields))}".rstrip()


class PartnerGone(PartnerError):
    """404 of a record: deleted, merged (Chatwoot), or a stage or person a create refers to does not exist."""


class EffectUnknown(PartnerError):
    """A write may have been executed: look before doing it again.

    500 with `X-RateLimit-*`, 502, 503, 504, time-out or reset after sending, an unreadable 200. `finished` is True when
    the partner's code has ended for certain, so that looking at once is enough; otherwise it may still be running and
    a look counts only after the settle time (DESIGN section 6).
    """

    def __init__(
        self, partner: str, endpoint: str, *, status: int | None = None, code: str = "", finished: bool = False
    ) -> None:
        super().__init__(partner, endpoint, status=status, code=code)
        self.finished = finished


class Paced(PartnerError):
    """Not now: the budget of calls is used up until `until` (aware, UTC). Nothing was executed.

    Raised by the pace before a call and by the clients when the partner says so (429, Krayin's fixed window of 60 s:
    contract section 20.10).
    """

    def __init__(
        self,
        until: datetime,
        *,
        partner: str = "",
        endpoint: str = "",
        status: int | None = None,
        code: str = "paced",
    ) -> None:
        super().__init__(partner, endpoint, status=status, code=code)
        self.until = until


class ContractBreach(Exception):
    """Our own code asked for something a partner would spoil in silence. A defect of ours, never retried."""


class TransactionOpen(ContractBreach):
    """A partner call was started inside a database transaction.

    Krayin calls our webhook inside our own call, so a transaction held open there can wait for itself (DESIGN 4).
    """


class WouldBeCut(ContractBreach):
    """A text longer than its column, which Krayin cuts with status 200 (contract sections 9 and 20.6)."""


class UnusableKey(ContractBreach):
    """A title or reference Krayin could store but never find again (contract sections 4, 20.1 and 20.2)."""
