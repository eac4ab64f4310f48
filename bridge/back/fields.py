"""Name, e-mail and phone, which both sides may change: what is there, what changed, which side is written. Pure.

Values appear only as keyed digests. `base` holds both agreements: `<field>` is what Chatwoot held and `<field>_there`
what Krayin returned; a change is a difference from that. `there` is what Krayin showed when it was last read, and
`<field>_same` the Chatwoot value that is equal to it, where one is (a phone has two forms, a person several entries).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.clients.shapes import Person
from bridge.fields.readings import digests_of, marked
from bridge.models import Connection, FieldFlip
from bridge.sync.observe import content_digest
from consent.identifiers import email_normalised, phone_e164, phone_forms

FIELDS = ("name", "email", "phone")
UNROUTABLE = "@sem-email.invalid"  # ours, where Krayin demands an address (bridge.mappers.krayin)

Digests = Mapping[str, str]
Side = FieldFlip.Direction
Source = Connection.Source


@dataclass(frozen=True)
class Rules:
    """Who wins a field when both sides changed it, and the fields no side is written for."""

    sources: Mapping[str, str] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """One value Krayin has for a field: as written to Chatwoot, its digest, and those of every form it may have."""

    value: str = field(repr=False)
    digest: str
    forms: frozenset[str]


def entries(person: Person) -> dict[str, list[Entry]]:
    """Every usable value of a person, by field, in Krayin's order."""
    raw = {"name": [person.name], "email": [e.value for e in person.emails], "phone": [p.value for p in person.phones]}
    return {name: entries_of(name, values) for name, values in raw.items()}


def entries_of(name: str, values: Sequence[str]) -> list[Entry]:
    """The usable ones among Krayin's values of one field."""
    read = {"name": _names, "email": _emails, "phone": _phones}[name]
    return list(read(values))


def _entry(name: str, value: str, forms: Sequence[str] = ()) -> Entry:
    return Entry(value, digest_of(name, value), frozenset(digest_of(name, form) for form in (value, *forms)))


def digest_of(name: str, value: str) -> str:
    return content_digest(name, value).hex()


def _names(values: Sequence[str]) -> Iterator[Entry]:
    for value in values:
        if value.strip():
            yield _entry("name", value.strip())


def _emails(values: Sequence[str]) -> Iterator[Entry]:
    for value in values:
        email = email_normalised(value)
        if email and not email.endswith(UNROUTABLE):
            yield _entry("email", email)


def _phones(values: Sequence[str]) -> Iterator[Entry]:
    for value in values:
        e164 = phone_e164(value)
        if e164:
            forms = phone_forms(e164)
            yield _entry("phone", forms[0], forms)


def chosen(found: Sequence[Entry], chat: str, agreed: str) -> Entry | None:
    """The entry that is the field: the one equal to Chatwoot's value, else the agreed one, else the first."""
    equal = next((entry for entry in found if chat and chat in entry.forms), None)
    return equal or next((entry for entry in found if entry.digest == agreed), None) or next(iter(found), None)


def seen(person: Person, chat: Digests, base: Digests) -> dict[str, str]:
    """What `there` becomes after reading `person`."""
    there: dict[str, str] = marked(digests_of(person))
    for name, found in entries(person).items():
        entry = chosen(found, chat.get(name, ""), base.get(f"{name}_there", ""))
        there[name] = entry.digest if entry else ""
        if entry and chat.get(name, "") in entry.forms:
            there[f"{name}_same"] = chat[name]
    return there


def agreed_there(there: Digests) -> dict[str, str]:
    """The part of `base` that says what Krayin returned."""
    return {f"{name}_there": there.get(name, "") for name in FIELDS}


def are_equal(name: str, chat: Digests, there: Digests) -> bool:
    """Whether both sides hold the same value, as far as the last reading tells."""
    value = chat.get(name, "")
    return value in {there.get(name, ""), there.get(f"{name}_same", there.get(name, ""))}


def changed_here(name: str, chat: Digests, base: Digests) -> bool:
    return chat.get(name, "") != base.get(name, "")


def changed_there(name: str, there: Digests, base: Digests) -> bool:
    """Whether people changed it in Krayin. A value that was emptied there is never emptied in Chatwoot, too."""
    value = there.get(name, "")
    return bool(value) and f"{name}_there" in base and value != base[f"{name}_there"]


@dataclass(frozen=True)
class Versions:
    """When each partner says the fields were last changed; None where it does not tell."""

    chatwoot: datetime | None = None
    krayin: datetime | None = None

    @property
    def newest(self) -> Side:
        """The side to write. Chatwoot's value stays where nobody knows."""
        if self.chatwoot and self.krayin and self.krayin > self.chatwoot:
            return Side.TO_CHATWOOT
        return Side.TO_KRAYIN


def to_write(chat: Digests, there: Digests, base: Digests, rules: Rules, versions: Versions) -> dict[str, Side]:
    """Which fields have to be written, and on which side."""
    sides: dict[str, Side] = {}
    for name in FIELDS:
        if name in rules.stopped or are_equal(name, chat, there):
            continue
        here, over_there = changed_here(name, chat, base), changed_there(name, there, base)
        if here and over_there:
            sides[name] = _winner_writes(rules.sources.get(name, Source.CHATWOOT), versions)
        elif here:
            sides[name] = Side.TO_KRAYIN
        elif over_there:
            sides[name] = Side.TO_CHATWOOT
    return sides


def _winner_writes(source: str, versions: Versions) -> Side:
    if source == Source.NEWEST:
        return versions.newest
    return Side.TO_CHATWOOT if source == Source.KRAYIN else Side.TO_KRAYIN


def settled(chat: Digests, there: Digests, base: Digests) -> dict[str, str]:
    """`base` with an agreement for every field both sides hold the same value of; equal to `base` when it says so."""
    after = dict(base)
    for name in FIELDS:
        if f"{name}_there" in base and are_equal(name, chat, there):
            after = agreed(after, name, chat.get(name, ""), there.get(name, ""))
    return after


def agreed(base: Digests, name: str, chat: str, there: str) -> dict[str, str]:
    """`base` after both sides came to hold one value: the entry in Krayin is the one a later change replaces."""
    after = {**put(base, name, chat), f"{name}_there": there}
    return {**after, f"{name}_written": there} if there else after


def accepted(base: Digests, name: str, chat: Digests, there: Digests) -> dict[str, str]:
    """`base` after people said that one field may differ: from now on only a change on either side counts as one."""
    here, over_there = chat.get(name, ""), there.get(name, "")
    return {**put(base, name, here), f"{name}_there": over_there, f"{name}_accepted": _pair(here, over_there)}


def is_accepted(name: str, chat: Digests, there: Digests, base: Digests) -> bool:
    """Whether people accepted just this difference; any other value on either side ends it."""
    return base.get(f"{name}_accepted") == _pair(chat.get(name, ""), there.get(name, ""))


def acceptances(base: Digests) -> dict[str, str]:
    """The part of `base` that an agreement on other fields leaves as it is."""
    return {key: value for key, value in base.items() if key.endswith("_accepted")}


def _pair(chat: str, there: str) -> str:
    return f"{chat[:32]}:{there[:32]}"


def put(base: Digests, name: str, digest: str) -> dict[str, str]:
    """`base` with Chatwoot's digest of one field; an empty value leaves none (bridge.sync.records)."""
    kept = {key: value for key, value in base.items() if key != name}
    return {**kept, name: digest} if digest else kept
