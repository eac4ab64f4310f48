"""Checks of values people type about a clinic."""

import re
import zoneinfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

FIRST_WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
SECOND_WEIGHTS = (6, *FIRST_WEIGHTS)


def cnpj_normalised(text: str) -> str:
    """Return the CNPJ without punctuation, letters in capitals."""
    return re.sub(r"[\s./-]", "", text).upper()


def validate_cnpj(cnpj: str) -> None:
    """Accept 14 characters with right check digits: digits, or since July 2026 letters in the first twelve places.

    Letters count as their character code minus 48, which leaves the rule for digits as it was.
    """
    if not re.fullmatch(r"[0-9A-Z]{12}[0-9]{2}", cnpj) or len(set(cnpj)) == 1:
        raise ValidationError(_("A CNPJ has 12 letters or digits and 2 check digits."), code="cnpj_form")
    if cnpj[12:] != check_digits(cnpj[:12]):
        raise ValidationError(_("The check digits of this CNPJ are wrong."), code="cnpj_digits")


def check_digits(root: str) -> str:
    """Return the two check digits of the first twelve characters (modulus 11)."""
    first = check_digit(root, FIRST_WEIGHTS)
    return first + check_digit(root + first, SECOND_WEIGHTS)


def check_digit(characters: str, weights: tuple[int, ...]) -> str:
    rest = sum((ord(c) - 48) * weight for c, weight in zip(characters, weights, strict=True)) % 11
    return "0" if rest < 2 else str(11 - rest)


def validate_time_zone(name: str) -> None:
    """Accept the names of the IANA time zone database (America/Sao_Paulo)."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("This is not a time zone; use for example America/Sao_Paulo."), code="time_zone")
