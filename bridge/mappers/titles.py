"""Title of an opportunity and name of a person, as Krayin shows them."""

import re
import unicodedata

TITLE_LIMIT = 255
NAME_LIMIT = 120


def person_name(name: str, phone: str, contact_id: int) -> str:
    """Name to write: the contact's, else its phone, else its number. Never empty: Krayin demands a name."""
    clean = " ".join(_printable(name).split())
    return clean[:NAME_LIMIT] or phone or f"Contato {contact_id}"


def lead_title(template: str, *, name: str, inbox: str, ref: str) -> str:
    """Fill `{nome}` and `{caixa}`; the reference comes last and is never cut.

    Krayin splits filter values at commas and treats all emoji as equal (contract Krayin 20.2), so neither is written.
    """
    filled = template.replace("{nome}", name).replace("{caixa}", inbox)
    words = re.sub(r"\s*·\s*(?=·|$)", " ", _without_emoji(filled).replace(",", " "))
    text = " ".join(words.split()).strip("· ")
    room = TITLE_LIMIT - len(ref) - 3
    return f"{text[:room].rstrip('· ')} · {ref}" if text else ref


def _printable(text: str) -> str:
    return "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)


def _without_emoji(text: str) -> str:
    return "".join(c for c in _printable(text) if unicodedata.category(c) not in {"So", "Sk", "Cs", "Cf", "Co", "Cn"})
