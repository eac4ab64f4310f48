"""Placeholders in place of whatever may identify somebody. Pure; the way back lives in memory only.

It masks rather too much than too little: any four digits in a row of numbers, any two capitalised words. Masking is not
anonymisation: the text stays personal data.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from consent.identifiers import PARTICLES, TITLES, name_normalised, phone_e164
from consent.validators import check_digits

PLACEHOLDER = re.compile(r"(<[A-Z]+_\d+>)")
LETTER = r"[^\W\d_]"
WORDS = rf"{LETTER}+(?:\s+{LETTER}+){{0,3}}"
DIGIT_WORD = r"(?:zero|uma?|dois|duas|tres|quatro|cinco|seis|meia|sete|oito|nove)"
MONTH = (
    r"(?:jan(?:eiro)?|fev(?:ereiro)?|mar(?:co)?|abr(?:il)?|maio?|jun(?:ho)?|jul(?:ho)?|ago(?:sto)?|set(?:embro)?"
    r"|out(?:ubro)?|nov(?:embro)?|dez(?:embro)?)"
)
STREET = (
    r"(?:rua|avenida|av|alameda|travessa|praca|rodovia|estrada|quadra|condominio|bairro|endereco(?: e|\s?:)"
    r"|moro (?:na|no|em))"
)
INSIDE = r"(?:apto?|apartamento|bloco|bl|casa|sala|andar|fundos|torre|lote|quadra|qd)"
CAPITALISED = r"[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+"

TIME = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d")
DATE = re.compile(r"\d{1,2}[/.\-]\d{1,2}(?:[/.\-](?:\d{2}|\d{4}))?|\d{4}-\d{1,2}-\d{1,2}")

KindOf = Callable[[str], str]


def normalised(text: str) -> str:
    """One way to write each character: compatibility forms, digits of any script, nothing invisible, no < or >."""
    kept = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(character)))
        elif category in {"Cc", "Zl", "Zp", "Zs"}:
            kept.append("\n" if character == "\n" else " ")
        elif category not in {"Cf", "Cn", "Co", "Cs", "Mn", "Me"}:
            kept.append(character)
    # Placeholders are ours alone: nobody can write one.
    return "".join(kept).replace("<", "‹").replace(">", "›")


def folded(text: str) -> str:
    """The text without case and accents, every character in its place."""
    return "".join(_plain(character) for character in text)


def _plain(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0].casefold()
    return base if len(base) == 1 else character.lower()


def name_words(name: str) -> list[str]:
    """The words of a name by which somebody is recognised, folded; the longest first."""
    words = {*(name_normalised(name) or "").split(), *re.findall(rf"{LETTER}+", folded(normalised(name)))}
    return sorted((w for w in words - PARTICLES - TITLES if len(w) > 1), key=lambda word: (-len(word), word))


# Numbers --------------------------------------------------------------------------------------------------------------


def kind_of_number(written: str) -> str:
    """What a row of digits is by its check digits and form; empty for a time of day, which may stay."""
    digits = re.sub(r"\D", "", written)
    if TIME.fullmatch(written):
        return ""
    if DATE.fullmatch(written):
        return "DATA"
    checks = (("CPF", is_cpf), ("CNPJ", is_cnpj), ("CNS", is_cns), ("CARTAO", is_card))
    for kind, is_right in checks:
        if is_right(digits):
            return kind
    if re.fullmatch(r"\d{2}\.?\d{3}-?\d{3}", written):
        return "CEP"
    return "TELEFONE" if len(digits) >= 8 and phone_e164(written) else "NUMERO"


def is_cpf(digits: str) -> bool:
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    numbers = [int(digit) for digit in digits]
    return all(
        numbers[size] == sum(n * (size + 1 - place) for place, n in enumerate(numbers[:size])) * 10 % 11 % 10
        for size in (9, 10)
    )


def is_cnpj(characters: str) -> bool:
    return len(characters) == 14 and characters[12:] == check_digits(characters[:12])


def is_cns(digits: str) -> bool:
    """National health card: first digit 1, 2, 7, 8 or 9, weighted sum a multiple of 11."""
    if len(digits) != 15 or digits[0] not in "12789":
        return False
    return sum(int(digit) * (15 - place) for place, digit in enumerate(digits)) % 11 == 0


def is_card(digits: str) -> bool:
    """Payment card: 13 to 19 digits and Luhn's check digit."""
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


# Rules ----------------------------------------------------------------------------------------------------------------


def always(kind: str) -> KindOf:
    return lambda written: kind


def _if_spelled(written: str) -> str:
    return "NUMERO" if re.search(LETTER, written) else ""


def _if_digits(written: str) -> str:
    return "CODIGO" if re.search(r"\d", written) else ""


def _if_cnpj(written: str) -> str:
    return "CNPJ" if is_cnpj(re.sub(r"\W", "", written).upper()) else ""


def _rule(pattern: str, kind_of: KindOf) -> tuple[re.Pattern[str], KindOf]:
    return re.compile(pattern), kind_of


# In this order, on folded text; where a pattern has a group, only the group is hidden. Every repetition is bounded or
# between characters that cannot stand for each other, so that no message makes them slow.
RULES: Sequence[tuple[re.Pattern[str], KindOf]] = (
    _rule(
        r"[\w.+%-]{0,64}\s{0,2}@\s{0,2}[\w-]{0,63}(?:\.[\w-]{1,63}|\s{0,2}\.\s{0,2}(?:com|net|org|br|gov|edu)\b){0,6}",
        always("EMAIL"),
    ),
    _rule(
        r"[\w.+-]{1,64}\s{0,2}[(\[]?\b(?:arroba|at(?=[)\]]))[)\]]?\s{0,2}[\w-]{1,63}"
        r"(?:(?:\.|\s{1,2}ponto\s{1,2})[\w-]{1,63}){0,6}",
        always("EMAIL"),
    ),
    _rule(r"\b(?:https?|ftp)\s?:\s?/\s?/\s?\S+|\bwww\s?\.\s?\S+", always("LINK")),
    _rule(
        r"(?<![\w-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}\.(?:com|net|org|br|me|io|app|link|gov|edu|info|bio)\b\S*",
        always("LINK"),
    ),
    _rule(r"\b[0-9a-z]{2}\.?[0-9a-z]{3}\.?[0-9a-z]{3}/?[0-9a-z]{4}-?[0-9]{2}(?!\d)", _if_cnpj),
    _rule(r"\b(?:bearer|token|senha|password|codigo|chave|protocolo)\s*[:=]\s*(\S+)", always("CODIGO")),
    _rule(r"\b(?:bearer|token|senha|password|codigo|chave|protocolo)\s+(?:e\s+)?(\S{4,})", _if_digits),
    _rule(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{8,}", always("CODIGO")),
    _rule(r"[\w+/=-]{24,}", always("CODIGO")),
    _rule(
        rf"\b{STREET}(?!\w)[.:\s]{{0,3}}(?:[^\n\d;?!]{{1,60}}\d{{1,6}}[a-z]?\b"
        rf"(?:[\s,.-]{{1,3}}{INSIDE}\.?\s?\w{{1,5}}\b){{0,4}}|{WORDS})",
        always("ENDERECO"),
    ),
    _rule(rf"\b\d{{1,2}}[oº°]?\s+(?:de\s+)?{MONTH}\b\.?(?:\s+(?:de\s+|do\s+)?\d{{2,4}}\b)?", always("DATA")),
    _rule(rf"\b(?:{DIGIT_WORD}|\d{{1,9}})(?:[\s,.-]{{1,3}}(?:{DIGIT_WORD}|\d{{1,9}})){{3,}}\b", _if_spelled),
    _rule(r"[+(]{0,2}\d(?:[\s().,:/\-–—_*|]{0,4}\d){3,}", kind_of_number),
    _rule(
        rf"\b(?:(?:meu nome|nome completo|nome da mae|nome do pai)\s*(?:e\s|:)?|me chamo|chama[- ]?se|nome\s*:)\s*"
        rf"({LETTER}+(?:\s+(?!(?:e|quero|queria|gostaria|preciso)\b){LETTER}+){{0,3}})",
        always("PESSOA"),
    ),
)  # fmt: skip
# On the text as written: names of people who are not on file.
BY_CAPITALS: Sequence[tuple[re.Pattern[str], KindOf]] = (
    _rule(
        r"(?i:\b(?:sou [oa]|aqui é [oa]|filh[oa]|m[ãa]e|pai|marido|esposa|av[óô]|irmã|irmão|dra?\.?|doutora?|sra?\.?"
        rf"|dona|seu|enfermeir[oa])\s+)({CAPITALISED}(?:\s+(?:d[aeo]s?\s+)?{CAPITALISED}){{0,4}})",
        always("PESSOA"),
    ),
    _rule(rf"\b(?!Bo[ma]\b){CAPITALISED}(?:\s+(?:d[aeo]s?\s+)?{CAPITALISED}){{1,4}}", always("PESSOA")),
)  # fmt: skip


class Masker:
    """Masks the texts of one question: the same value gets the same placeholder in all of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.known: dict[str, str] = {}
        self._given: dict[tuple[str, str], str] = {}
        self._people = [(name, pattern) for name in names if (pattern := _pattern_of(name))]

    def mask(self, text: str) -> str:
        text = normalised(text)
        for pattern, kind_of in RULES[:-1]:
            text = self._hide(text, pattern, kind_of, folded)
        for name, pattern in self._people:
            text = self._hide(text, pattern, always("PESSOA"), folded, as_value=name)
        text = self._hide(text, *RULES[-1], folded)
        for pattern, kind_of in BY_CAPITALS:
            text = self._hide(text, pattern, kind_of, str)
        return text

    def unmask(self, text: str) -> str:
        """Raises KeyError for a placeholder that was never given."""
        return PLACEHOLDER.sub(lambda found: self.known[found[0]], text)

    def _hide(
        self, text: str, pattern: re.Pattern[str], kind_of: KindOf, look_at: Callable[[str], str], as_value: str = ""
    ) -> str:
        # Placeholders are left alone: a person may be called Pessoa.
        parts = PLACEHOLDER.split(text)
        parts[::2] = [self._hide_in(part, pattern, kind_of, look_at(part), as_value) for part in parts[::2]]
        return "".join(parts)

    def _hide_in(self, part: str, pattern: re.Pattern[str], kind_of: KindOf, seen: str, as_value: str) -> str:
        done, end = [], 0
        for found in pattern.finditer(seen):
            start, stop = found.span(pattern.groups)
            kind = kind_of(part[start:stop])
            if kind:
                done += [part[end:start], self._placeholder(kind, part[start:stop], as_value)]
                end = stop
        return "".join([*done, part[end:]])

    def _placeholder(self, kind: str, written: str, as_value: str) -> str:
        key = (kind, as_value or folded(written))
        if key not in self._given:
            number = sum(one == kind for one, _ in self._given) + 1
            self._given[key] = f"<{kind}_{number}>"
            self.known[self._given[key]] = written
        return self._given[key]


def _pattern_of(name: str) -> re.Pattern[str] | None:
    """Any words of a name, also written together."""
    words = "|".join(re.escape(word) for word in name_words(name))
    between = r"[\s.'_-]{0,3}(?:(?:d[aeo]s?|del?)\s{1,3})?"
    return re.compile(rf"(?<!{LETTER})(?:{words})(?:{between}(?:{words}))*(?!{LETTER})") if words else None
