"""Chatwoot's free-form attributes → texts by the names mappings use. Pure. Source: contract Chatwoot 5.3 and 5.6.

Only what the contract names is taken of `additional_attributes`: the rest is technical, or an address (`created_at_ip`).
"""

from collections.abc import Iterable, Mapping

CONTACT_EXTRA = ("city", "country", "country_code", "company_name", "description")
CONVERSATION_EXTRA = ("referer", "mail_subject", "source", "browser_language", "conversation_language")
LONGEST_KEY, LONGEST_VALUE = 100, 2000


def of_contact(custom: object, extra: object, identifier: object) -> dict[str, str] | None:
    """None where a body shows neither kind of attributes, which is not the same as having none."""
    if custom is None and extra is None:
        return None
    found = {"contact.identifier": identifier}
    return _texts({**found, **_named("contact", custom, extra, CONTACT_EXTRA)})


def of_conversation(custom: object, extra: object) -> dict[str, str] | None:
    """As `of_contact`."""
    if custom is None and extra is None:
        return None
    return _texts(_named("conversation", custom, extra, CONVERSATION_EXTRA))


def _named(owner: str, custom: object, extra: object, known: Iterable[str]) -> dict[str, object]:
    own = custom if isinstance(custom, Mapping) else {}
    other = extra if isinstance(extra, Mapping) else {}
    named = {f"{owner}.custom.{key}": value for key, value in own.items() if len(str(key)) <= LONGEST_KEY}
    return named | {f"{owner}.extra.{key}": other.get(key) for key in known}


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    texts = {key: text_of(value) for key, value in values.items()}
    return {key: text for key, text in texts.items() if text}


def text_of(value: object) -> str:
    """A value as people would write it here; objects are not values of a field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return (str(int(value)) if value.is_integer() else repr(value)).replace(".", ",")
    if isinstance(value, list):
        return "; ".join(filter(None, (text_of(one) for one in value)))[:LONGEST_VALUE]
    if not isinstance(value, str | int):
        return ""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()[:LONGEST_VALUE]
