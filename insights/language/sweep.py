"""The second look, before and after: it shares no pattern with the masking, so that one mistake is not made twice.

It does not mend anything. One finding and nothing leaves; one finding in an answer and the answer is dropped.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from insights.language.masking import folded, name_words, normalised

HOLE = "¤"
TOP_DOMAINS = {"com", "net", "org", "br", "me", "io", "app", "gov", "edu"}
STREETS = {"rua", "av", "avenida", "alameda", "travessa", "rodovia", "estrada"}
MONTHS = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")
SPELLED = {"zero", "um", "uma", "dois", "duas", "tres", "quatro", "cinco", "seis", "meia", "sete", "oito", "nove"}
LONGEST_NUMBER = 4
LONGEST_WORD = 40

# What an answer must not bring: doses and words of diagnosis, folded.
DOSE = re.compile(
    r"\d\s*(?:mg|mcg|ug|g|ml|ui|gotas?|comprimidos?|capsulas?|cp)\b|\b(?:miligramas?|mililitros?|posologia|dosagem|dose)\b"
)
DIAGNOSIS = re.compile(
    r"\b(?:diagnos|cancer|tumor|neoplas|metast|diabet|hipertens|depress|ansiedade|bipolar|esquizo|autis|hiv|aids|sifilis"
    r"|hepatit|tubercul|infec|inflama|fratura|infart|avc\b|gravid|gestan|abort|demenci|alzheim|parkinson|epilep|asma\b"
    r"|artrit|artros|hernia|trombos|anemia|cid\b)"
)


def findings(texts: Iterable[str], names: Iterable[str]) -> set[str]:
    """What in masked texts still looks like somebody; empty when they may leave."""
    people = [words for name in names if (words := name_words(name))]
    return {code for text in texts for code in _found_in(_without_placeholders(text), people)}


def _without_placeholders(text: str) -> str:
    return folded(normalised(re.sub(r"<[A-Z]+_\d+>", f" {HOLE} ", text)))


def _found_in(text: str, people: Collection[list[str]]) -> Iterable[str]:
    words = ["".join(c for c in word if c.isalnum()) for word in text.split()]
    tokens = "".join(c if c.isalnum() else " " for c in text).split()
    # Whatever stands between digits does not make them fewer.
    squeezed = "".join(c for c in text if c.isalnum() or c == HOLE)
    if longest_number(squeezed) > LONGEST_NUMBER:
        yield "number"
    if "@" in text or "arroba" in tokens:
        yield "email"
    if "://" in text or "www" in tokens or any(p.rpartition(".")[2].strip(",;!?)") in TOP_DOMAINS
                                               for p in text.split() if "." in p.strip(".")):  # fmt: skip
        yield "link"
    if any(len(w) > LONGEST_WORD or (len(w) > 7 and any(map(str.isdigit, w)) and not w.isdigit()) for w in words):
        yield "token"
    if any(word in tokens for person in people for word in person) or _is_hidden_name(tokens, squeezed, people):
        yield "name"
    if any(_is_date(before, after) for before, after in pairwise(tokens)):
        yield "date"
    if any(t in STREETS and any(map(str.isdigit, "".join(tokens[at : at + 9]))) for at, t in enumerate(tokens)):
        yield "address"
    if any(sum(t in SPELLED or t.isdigit() for t in tokens[at : at + 8]) > LONGEST_NUMBER for at in range(len(tokens))):
        yield "number"


def longest_number(text: str) -> int:
    return max(map(len, re.findall(r"\d+", text)), default=0)


def _is_hidden_name(tokens: list[str], squeezed: str, people: Collection[list[str]]) -> bool:
    """Two words of a name written together, or one in single letters."""
    spelled = "".join(token if len(token) == 1 and token.isalpha() else " " for token in tokens)
    pairs = (a + b for person in people for a in person for b in person if a != b and len(a) > 2 and len(b) > 2)
    return any(pair in squeezed for pair in pairs) or any(
        word in spelled for person in people for word in person if len(word) > 2
    )


def _is_date(before: str, after: str) -> bool:
    """A day and a month in words, or a birth and a number."""
    names_month = after.startswith(MONTHS) and (len(after) == 3 or len(after) > 4 or after == "maio")
    return (before.isdigit() and names_month) or (before.startswith("nasc") and after.isdigit())


def findings_back(answer: str, *, sent: Iterable[str], known: Mapping[str, str]) -> set[str]:
    """Why a text of a model may not be shown: placeholders, numbers or links that it was not given; medicine."""
    found = set()
    if not set(re.findall(r"<[^<>]*>", answer)) <= set(known):
        found.add("placeholder")
    bare = _without_placeholders(answer)
    if HOLE in answer or "<" in re.sub(r"<[A-Z]+_\d+>", "", answer):
        found.add("placeholder")
    given = {number for text in sent for number in re.findall(r"\d+", _without_placeholders(text))}
    if not set(re.findall(r"\d+", bare)) <= given or longest_number("".join(bare.split())) > LONGEST_NUMBER:
        found.add("number")
    if "@" in bare or "://" in bare or "www." in bare or re.search(r"\w\.(?:com|net|org|br|io|me|app)\b", bare):
        found.add("link")
    if DOSE.search(bare):
        found.add("dose")
    if DIAGNOSIS.search(bare):
        found.add("diagnosis")
    return found
