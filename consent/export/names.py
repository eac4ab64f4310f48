"""File names of attachments: what people called them, made harmless on every system (lgpd section 9)."""

import re
import unicodedata
from collections.abc import MutableMapping

LONGEST = 120
UNNAMED = "arquivo"
# Path parts of all systems, characters Windows refuses, and control, format and private characters.
FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def sanitised(name: str) -> str:
    """One path part without tricks: no directory, control or direction-changing character, at most LONGEST bytes."""
    text = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
    text = FORBIDDEN.sub("_", text).strip(" .")
    if RESERVED.match(text):
        text = f"_{text}"
    return shortened(text) or UNNAMED


def shortened(text: str) -> str:
    stem, dot, ending = text.rpartition(".")
    if not dot or not stem or len(ending.encode()) > 16:
        stem, ending = text, ""
    room = LONGEST - len(ending.encode()) - (1 if ending else 0)
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    return f"{stem}.{ending}" if ending and stem else stem


def unique(folder: str, name: str, taken: MutableMapping[str, int]) -> str:
    """`folder/name`, numbered when it is taken; compared without case, as some systems do."""
    safe = sanitised(name)
    stem, dot, ending = safe.rpartition(".")
    if not dot:
        stem, ending = safe, ""
    candidate, number = safe, 1
    while f"{folder}/{candidate}".casefold() in taken:
        number += 1
        candidate = f"{stem} ({number}){dot}{ending}"
    taken[f"{folder}/{candidate}".casefold()] = number
    return f"{folder}/{candidate}"
