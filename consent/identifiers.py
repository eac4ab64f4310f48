"""What identifies a person: telephones, e-mail addresses, names; how they are compared and how they are masked.

Pure functions: no database, no logging. Sources: DESIGN section 5, lgpd section 15, WhatsApp contract section 4
(Brazilian mobiles exist with and without the ninth digit; the first of the old eight digits is 6 to 9).
"""

import re
import unicodedata

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MASK = "••••"
BRAZIL = 55
OLD_MOBILE = re.compile(r"\+55(\d\d)([6-9]\d{7})")
NEW_MOBILE = re.compile(r"\+55(\d\d)9([6-9]\d{7})")

PARTICLES = frozenset({"a", "da", "das", "de", "del", "di", "do", "dos", "du", "e", "van", "von"})
TITLES = frozenset({"dr", "dra", "prof", "profa", "sr", "sra", "srta"})
# These words tell parent from child, who often share a telephone.
GENERATIONS = {"junior": "junior", "jr": "junior", "filho": "filho", "filha": "filha", "neto": "neto", "neta": "neta"}
GENERATIONS |= {"sobrinho": "sobrinho", "sobrinha": "sobrinha"}


def phone_e164(text: str | None, region: str = "BR") -> str | None:
    """Return the number as E.164 text, digits unchanged (no ninth digit is added or dropped); None when unusable.

    National writing is read as `region`. Brazilian numbers must be valid (mobiles without their ninth digit count);
    foreign ones, always written with +, only of a possible length, because numbering plans grow faster than tables.
    """
    try:
        number = phonenumbers.parse(text or "", region)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if _is_usable(number, e164, international=(text or "").lstrip().startswith(("+", "＋"))) else None


def _is_usable(number: phonenumbers.PhoneNumber, e164: str, *, international: bool) -> bool:
    if phonenumbers.is_valid_number(number):
        return True
    if number.country_code == BRAZIL:
        return bool(OLD_MOBILE.fullmatch(e164)) and phonenumbers.is_valid_number(
            phonenumbers.parse(phone_forms(e164)[0])
        )
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    return international and bool(possible)


def phone_forms(e164: str) -> tuple[str, ...]:
    """Return every E.164 form under which the same line is written, the canonical one first.

    A Brazilian mobile has two: with the ninth digit (canonical) and without. Landlines and foreign numbers have one.
    """
    mobile = OLD_MOBILE.fullmatch(e164) or NEW_MOBILE.fullmatch(e164)
    if mobile is None:
        return (e164,)
    area, line = mobile.groups()
    return (f"+55{area}9{line}", f"+55{area}{line}")


def email_normalised(text: str | None) -> str | None:
    """Return the address trimmed, NFKC, casefolded; None when it is not an address."""
    # Casefolding can leave forms that NFKC would join, hence twice: normalising again must change nothing.
    address = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text or "").strip().casefold())
    try:
        validate_email(address)
    except ValidationError:
        return None
    return address


def identifier_normalised(text: str | None) -> str | None:
    """Return a partner's own identifier of a person trimmed and NFKC; case is kept because partners compare with it."""
    return unicodedata.normalize("NFKC", text or "").strip() or None


def name_normalised(name: str | None) -> str | None:
    """Return the whole name for exact search: words without case, accents and punctuation, one space between."""
    return " ".join(_words(name)) or None


def name_mask(name: str | None) -> str:
    """Return the initials of the first and last word (`M.S.`); empty for a name without letters."""
    words = [word for word in _words(name) if word not in PARTICLES and word not in TITLES and word[0].isalpha()]
    ends = words if len(words) < 2 else [words[0], words[-1]]
    return "".join(f"{word[0].upper()}." for word in ends)


def phone_mask(phone: str | None) -> str:
    """Return the last four digits (`·4321`); the plain mask when there are too few digits to hide the rest."""
    digits = re.sub(r"\D", "", phone or "")
    if not digits:
        return ""
    return f"·{digits[-4:]}" if len(digits) >= 8 else MASK


def email_mask(email: str | None) -> str:
    """Return the first character of the address (`m•••@•••`); empty without address."""
    return f"{email[0]}•••@•••" if email else ""


def contact_mask(name: str | None, phone: str | None) -> str:
    """Return initials and last four digits (`M.S. ·4321`), whichever exist; the plain mask when neither does."""
    return " ".join(part for part in (name_mask(name), phone_mask(phone)) if part) or MASK


def names_compatible(a: str, b: str) -> bool:
    """Tell whether two written names may be the same person; when in doubt no, because people decide then.

    First names must agree and every word of the shorter name must occur in the longer one; an initial agrees with a
    word it begins. Junior, Filho, Neto must be on both or on neither. A name without letters contradicts nothing.
    """
    first, second = _name_parts(a), _name_parts(b)
    if not first or not second:
        return True
    if _generation(a) != _generation(b):
        return False
    shorter, longer = sorted((first, second), key=len)
    return _agree(first[0], second[0]) and _contained(shorter[1:], longer[1:])


def _words(name: str | None) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name or "").casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return re.findall(r"[^\W_]+", plain)


def _name_parts(name: str) -> list[str]:
    dropped = PARTICLES | TITLES | GENERATIONS.keys()
    return [word for word in _words(name) if word not in dropped and any(map(str.isalpha, word))]


def _generation(name: str) -> str | None:
    return next((GENERATIONS[word] for word in reversed(_words(name)) if word in GENERATIONS), None)


def _agree(a: str, b: str) -> bool:
    return a == b or (min(len(a), len(b)) == 1 and a[0] == b[0])


def _contained(words: list[str], others: list[str]) -> bool:
    """Match the words in order, each with a later one of the others."""
    remaining = iter(others)
    return all(any(_agree(word, other) for other in remaining) for word in words)
