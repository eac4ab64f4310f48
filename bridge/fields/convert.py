"""The closed list of conversions between what Chatwoot holds and what Krayin stores. Pure.

Chatwoot's values come as text (bridge.mappers.attributes: numbers with a decimal comma, yes/no as true and false).
Krayin's form is canonical: equal values are equal texts, so that digests of them compare.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from bridge.fields.mapping import Row
from bridge.models import FieldRow
from consent.identifiers import email_normalised, phone_e164, phone_forms

Conversion = FieldRow.Conversion
KrayinValue = str | int | list[int]
ChatValue = str | int | float | bool

TEXT_LENGTH = 255  # Krayin cuts longer ones in silence (contract Krayin 14)
DECIMALS = Decimal("0.0001")  # as many as Krayin keeps of an amount (contract Krayin 8.3)
LARGEST = Decimal(10**8)
# What a field of Krayin takes, by its type (contract Krayin 11); other types are not mapped.
FITTING: Mapping[str, tuple[Conversion, ...]] = {
    "text": (
        Conversion.TEXT, Conversion.DIGITS, Conversion.PHONE, Conversion.EMAIL, Conversion.DATE, Conversion.NUMBER,
    ),
    "textarea": (Conversion.TEXT,),
    "price": (Conversion.NUMBER,),
    "boolean": (Conversion.YES_NO,),
    "date": (Conversion.DATE,),
    "select": (Conversion.OPTION,),
    "multiselect": (Conversion.LIST,),
    "checkbox": (Conversion.LIST,),
}  # fmt: skip
YES, NO = (
    frozenset({"sim", "s", "yes", "true", "verdadeiro", "1"}),
    frozenset({"nao", "n", "no", "false", "falso", "0"}),
)
BRAZILIAN = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?")
PLAIN = re.compile(r"-?\d+\.\d+")


class Unconvertible(ValueError):
    """The value is not what the conversion expects; a person corrects it. Never holds the value."""


def to_krayin(row: Row, text: str) -> KrayinValue:
    """What Krayin stores for a value of Chatwoot. Raises Unconvertible."""
    match row.conversion:
        case Conversion.DIGITS:
            return _fitting(row, re.sub(r"\D", "", text))
        case Conversion.PHONE:
            e164 = phone_e164(text)
            return _fitting(row, phone_forms(e164)[0] if e164 else "")
        case Conversion.EMAIL:
            return _fitting(row, email_normalised(text) or "")
        case Conversion.DATE:
            return _day(text).isoformat()
        case Conversion.NUMBER:
            return _amount(text, may_be_negative=row.type != "price")
        case Conversion.YES_NO:
            return int(_yes(text))
        case Conversion.OPTION:
            return _option(row.options, text)
        case Conversion.LIST:
            return _several(row.options, text)
        case _:
            return _fitting(row, text.strip())


def to_chatwoot(row: Row, stored: str) -> ChatValue:
    """What Chatwoot shows for Krayin's canonical text. Raises Unconvertible."""
    match row.conversion:
        case Conversion.DATE:
            day = _day(stored)
            return day.isoformat() if row.chat_type == "date" else f"{day:%d/%m/%Y}"
        case Conversion.NUMBER:
            return _shown_number(stored, is_number=row.chat_type in {"number", "currency", "percent"})
        case Conversion.YES_NO:
            is_yes = _yes(stored)
            return is_yes if row.chat_type == "checkbox" else ("Sim" if is_yes else "Não")
        case Conversion.OPTION | Conversion.LIST:
            labels = [row.options.get(number, "") for number in stored.split(",")]
            if not all(labels):
                raise Unconvertible
            return "; ".join(labels)
        case _:
            return stored


def canonical(value: KrayinValue) -> str:
    """The text whose digest stands for a value of Krayin."""
    return ",".join(str(number) for number in value) if isinstance(value, list) else str(value)


def amount_text(value: Decimal) -> str:
    """Digits and a dot, without needless zeros: `2500.0000` and `2500` are one value."""
    return f"{value.quantize(DECIMALS).normalize():f}"


def _fitting(row: Row, text: str) -> str:
    if not text or (row.type != "textarea" and len(text) > TEXT_LENGTH):
        raise Unconvertible
    return text


def _day(text: str) -> date:
    """31/12/2026, or ISO with or without a time."""
    written = text.strip()
    try:
        if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", written):
            return datetime.strptime(written, "%d/%m/%Y").date()
        if re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", written):
            return date.fromisoformat(written[:10])
    except ValueError:
        pass
    raise Unconvertible


def _amount(text: str, *, may_be_negative: bool) -> str:
    """1.234,56 or 1234.56; a lone dot before three digits separates thousands, as everywhere in Brazil."""
    written = re.sub(r"^R\$|\s", "", text.strip())
    if BRAZILIAN.fullmatch(written):
        written = written.replace(".", "").replace(",", ".")
    elif not PLAIN.fullmatch(written):
        raise Unconvertible
    try:
        value = Decimal(written)
        is_exact = value == value.quantize(DECIMALS)
    except InvalidOperation:
        raise Unconvertible from None
    if not is_exact or abs(value) >= LARGEST or (value < 0 and not may_be_negative):
        raise Unconvertible
    return amount_text(abs(value) if value == 0 else value)


def _shown_number(stored: str, *, is_number: bool) -> str | int | float:
    try:
        value = Decimal(stored)
    except InvalidOperation:
        raise Unconvertible from None
    if not is_number:
        return amount_text(value).replace(".", ",")
    return int(value) if value == value.to_integral_value() else float(value)


def _yes(text: str) -> bool:
    word = folded(text)
    if word not in YES | NO:
        raise Unconvertible
    return word in YES


def _option(options: Mapping[str, str], text: str) -> int:
    found = [number for number, label in options.items() if folded(label) == folded(text)]
    if len(found) != 1:
        raise Unconvertible
    return int(found[0])


def _several(options: Mapping[str, str], text: str) -> list[int]:
    """Names apart by a semicolon, bar or line; by a comma, too, where it is not part of a name."""
    known = {folded(label) for label in options.values()}
    parts = [
        part
        for whole in re.split(r"[;|\n]", text)
        for part in ([whole] if folded(whole) in known else whole.split(","))
    ]
    named = [part for part in parts if part.strip()]
    if not named:
        raise Unconvertible
    return sorted({_option(options, part) for part in named})


def folded(text: str) -> str:
    """Without case, accents and outer blanks."""
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
