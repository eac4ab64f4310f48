"""What is shown in Chatwoot, minus what is shown there already, is what to ask for. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.back import fields
from bridge.back.fields import Digests, Rules, Side, Versions
from bridge.models import Effect

Kind = Effect.Kind
BEFORE_THE_FIRST = -1


class Held(Protocol):
    """The part of an agreement that counts here (bridge.sync.plan.SyncedState)."""

    @property
    def foreign_id(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def base(self) -> Mapping[str, Any]: ...


def show_ref(code: str, contact_id: int) -> str:
    """Reference of a contact's attributes in Chatwoot; `contact_id` is the contact's own number there."""
    return f"ponte-{code}-c{contact_id}-show"


def chat_ref(code: str, contact_id: int, name: str) -> str:
    """Reference of a contact's name, e-mail or phone in Chatwoot: one that is refused must not keep the others back."""
    return f"ponte-{code}-c{contact_id}-chat-{name}"


def field_of(ref: str) -> str:
    """The field inside such a reference."""
    return ref.rpartition("-")[2]


def label_ref(code: str, kind: str, number: int) -> str:
    """Reference of our label on a contact (`c`) or a conversation (`v`)."""
    return f"ponte-{code}-{kind}{number}-label"


@dataclass(frozen=True)
class BackState:
    """What Chatwoot should show of one contact's person and opportunity."""

    code: str
    contact_id: int
    rules: Rules = field(default_factory=Rules)
    versions: Versions = field(default_factory=Versions)
    chat: Digests = field(default_factory=dict)
    there: Digests = field(default_factory=dict)
    base: Digests = field(default_factory=dict)
    shares_person: bool = True  # no person, or one of several contacts: name, e-mail and phone stay as they are
    attributes: str = ""  # digest of what the attributes should be
    nothing: str = ""  # digest of no opportunity at all
    label: str = ""
    label_ref: str = ""  # empty: no label is wanted anywhere
    labelled_id: int = 0
    can_write: bool = True  # Chatwoot was found ready for it

    @property
    def sides(self) -> dict[str, Side]:
        """Which of the person's fields are to be written where."""
        if self.shares_person:
            return {}
        return fields.to_write(self.chat, self.there, self.base, self.rules, self.versions)

    def fields_for(self, side: Side) -> tuple[str, ...]:
        return tuple(name for name, wanted in self.sides.items() if wanted == side)


@dataclass(frozen=True)
class Wanted:
    """One change of something in Chatwoot."""

    kind: Kind
    ref: str
    seq: int
    digest: str


def wanted(state: BackState, synced: Mapping[str, Held]) -> Iterator[Wanted]:
    """The changes to ask of Chatwoot, each at most once per agreement."""
    if not state.can_write:
        return
    for name in state.fields_for(Side.TO_CHATWOOT):
        ref = chat_ref(state.code, state.contact_id, name)
        yield Wanted(Kind.SET_CONTACT, ref, _seq(synced.get(ref)), state.there[name])
    ref = show_ref(state.code, state.contact_id)
    if _shows_otherwise(synced.get(ref), "attributes", state.attributes, state.nothing):
        yield Wanted(Kind.SHOW_LEAD, ref, _seq(synced.get(ref)), state.attributes)
    if state.label_ref and _shows_otherwise(synced.get(state.label_ref), "label", state.label, ""):
        yield Wanted(Kind.SET_LABEL, state.label_ref, _seq(synced.get(state.label_ref)), state.label[:64] or "-")


def _seq(held: Held | None) -> int:
    """Changes are numbered by the agreement they follow; 0 would make the first one a create, given up for ever."""
    return held.seq if held else BEFORE_THE_FIRST


def _shows_otherwise(held: Held | None, key: str, wanted: str, empty: str) -> bool:
    return (held.base.get(key, empty) if held else empty) != wanted
