"""Other people inside the person's texts: their telephones, addresses and CPFs are masked and counted (lgpd 9)."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from consent.identifiers import MASK, email_normalised, phone_e164, phone_forms

EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
CPF = re.compile(r"(?<![\d.-])\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?![\d-])")
# Eight digits or more with what people write between them: a telephone, unless it is no possible one.
PHONE = re.compile(r"(?<![\w.,/-])\+?\(?\d(?:[ ().-]{0,2}\d){7,14}(?![\w-])")
# A telephone without its area: whose it is, nobody can tell.
LOCAL = re.compile(r"9?\d{4}[ -]\d{4}")
# Words that make a text health content unless a person says otherwise (lgpd 3.3).
CLINICAL = re.compile(
    r"(?i)\b(exames?|laudos?|receitas?|cid|resultados?|diagn[óo]stic\w*|biops\w*|cirurgi\w*|rem[ée]dios?|sintomas?|"
    r"gr[áa]vid\w*|tratamento|medica[çc]\w*|dor|dores)\b"
)


def is_cpf(digits: str) -> bool:
    """Eleven digits with right check digits."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False))
        if int(digits[length]) != total * 10 % 11 % 10:
            return False
    return True


@dataclass
class Masker:
    """Knows what is the person's own; counts by kind what it masked."""

    phones: set[str] = field(default_factory=set, repr=False)
    emails: set[str] = field(default_factory=set, repr=False)
    documents: set[str] = field(default_factory=set, repr=False)
    counted: Counter[str] = field(default_factory=Counter)

    def learn(self, values: Iterable[str]) -> None:
        """The person's own telephones, addresses and documents, in any writing."""
        for value in values:
            if email := email_normalised(value):
                self.emails.add(email)
            elif phone := phone_e164(value):
                self.phones.update(phone_forms(phone))
            elif is_cpf(digits := re.sub(r"\D", "", value)):
                self.documents.add(digits)

    def masked(self, text: str) -> str:
        """The text without what belongs to others."""
        text = EMAIL.sub(self._email, text)
        text = CPF.sub(self._cpf, text)
        return PHONE.sub(self._phone, text)

    def _email(self, found: re.Match[str]) -> str:
        return self._kept(found[0], "third_person_email", (email_normalised(found[0]) or "") in self.emails)

    def _cpf(self, found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found[0])
        return self._kept(found[0], "third_person_cpf", not is_cpf(digits) or digits in self.documents)

    def _phone(self, found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found[0])
        if MASK in found[0] or digits in self.documents:
            return found[0]
        phone = phone_e164(found[0])
        is_own = bool(phone and phone in self.phones) or any(own.endswith(digits) for own in self.phones)
        is_phone = phone is not None or LOCAL.fullmatch(found[0]) is not None
        return self._kept(found[0], "third_person_phone", is_own or not is_phone)

    def _kept(self, text: str, kind: str, is_kept: bool) -> str:
        if is_kept:
            return text
        self.counted[kind] += 1
        return MASK


def is_clinical(text: str) -> bool:
    return CLINICAL.search(text) is not None
