"""All checks, in the order in which a person would go through them."""

from collections.abc import Iterable

from bridge.connecting.checks import address, chatwoot, krayin, own
from bridge.connecting.checks.base import Check

ADDRESS: tuple[Check, ...] = (address.Https(), address.Public(), address.Answers())
CHATWOOT: tuple[Check, ...] = (
    chatwoot.Reached(), chatwoot.Header(), chatwoot.Token(), chatwoot.Account(), chatwoot.Administrator(),
    chatwoot.Inboxes(), chatwoot.SharedInboxes(), chatwoot.Signs(), chatwoot.Prepared(), chatwoot.SecretMatched(),
)  # fmt: skip
KRAYIN: tuple[Check, ...] = (
    krayin.Reached(), krayin.Package(), krayin.Login(), krayin.Visibility(), krayin.CallLimit(), krayin.Zone(),
    krayin.Email(), krayin.Fields(), krayin.Targets(), krayin.HintsWired(),
)  # fmt: skip
OWN: tuple[Check, ...] = (own.Policy(),)
ALL: tuple[Check, ...] = (*ADDRESS, *CHATWOOT, *KRAYIN, *OWN)
BY_CODE: dict[str, Check] = {check.code: check for check in ALL}

# What step 2 and 3 of the assistant can tell before there is a connection.
TYPED_CHATWOOT = CHATWOOT[:5]
TYPED_KRAYIN = KRAYIN[:5]


def calls_of(checks: Iterable[Check]) -> int:
    """Calls of partners these checks make together: each list is read once."""
    return len({name for check in checks for name in check.reads})
