"""Our references in Krayin: unmistakable, lower case, without the characters its search grammar gives a meaning.

Krayin compares keys without case and accents and searches every text attribute at once (contract Krayin 12.4), so each
starts with `ponte-` and the connection's own code.
"""

import re
from datetime import date, datetime


def person_ref(code: str, contact_id: int) -> str:
    return f"ponte-{code}-c{contact_id}"


def lead_ref(code: str, contact_id: int, number: int) -> str:
    """`number` counts the contact's opportunities: a new conversation after one was won or lost opens the next."""
    return f"ponte-{code}-c{contact_id}-l{number}"


def note_ref(code: str, conversation_id: int, day: date, part: int = 1) -> str:
    suffix = f"-{part}" if part > 1 else ""
    return f"ponte-{code}-v{conversation_id}-{day:%Y%m%d}{suffix}"


def message_note_ref(code: str, message_id: int) -> str:
    return f"ponte-{code}-m{message_id}"


def hand_note_ref(code: str, wish_key: str) -> str:
    """A note that staff wrote by hand; the key is the beginning of the wish's id."""
    return f"ponte-{code}-n{wish_key}"


def saying_ref(code: str, wish_key: str) -> str:
    """A message of ours to the person."""
    return f"ponte-{code}-s{wish_key}"


def correction_ref(code: str, wish_key: str) -> str:
    """A field of the contact that a person asked to have corrected."""
    return f"ponte-{code}-k{wish_key}"


def hand_note_title(ref: str, conversation_id: int) -> str:
    return f"Nota da equipe · Conversa {conversation_id} · {ref}"


def is_hand_note(ref: str) -> bool:
    return re.search(r"-n[0-9a-f]{16}$", ref) is not None


def note_title(ref: str, conversation_id: int, day: date) -> str:
    """Title of a day's note: the look-up key, so no comma and nothing that may change (contract Krayin 20.2)."""
    return f"Conversa {conversation_id} · {day:%d/%m/%Y} · {ref}"


def message_note_title(ref: str, conversation_id: int) -> str:
    return f"Conversa {conversation_id} · mensagem · {ref}"


def lead_number_of(ref: str) -> int:
    """The opportunity number inside a lead reference; 1 for anything else."""
    found = re.search(r"-l(\d+)$", ref)
    return int(found[1]) if found else 1


def note_parts_of(ref: str) -> tuple[date | None, int, int | None]:
    """Day, part and message id inside a note reference."""
    message = re.search(r"-m(\d+)$", ref)
    if message:
        return None, 1, int(message[1])
    found = re.search(r"-v\d+-(\d{8})(?:-(\d+))?$", ref)
    if not found:
        return None, 1, None
    return datetime.strptime(found[1], "%Y%m%d").date(), int(found[2] or 1), None
