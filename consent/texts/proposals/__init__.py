"""The shipped proposals: plain Portuguese with the contents Art. 9 asks for. Nothing of them counts before a DPO approves.

One file per kind (consent texts: per purpose). A line `---` parts the body from the consequences of saying no.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from consent.models.staff import Clinic
from consent.models.texts import Layout, TextKind
from consent.policy import CONSENT_PURPOSES
from consent.texts.values import PLACE

FOLDER = Path(__file__).parent / "pt-br"
PARTING = "\n---\n"
GAP = "[preencher"
# What is written out from the clinic's own data, and what stands in the gap where it has none.
OF_CLINIC: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "clinica": ("trade_name", "nome da clínica"),
        "razao_social": ("legal_name", "razão social"),
        "cnpj": ("cnpj", "CNPJ"),
        "endereco_clinica": ("address", "endereço da clínica"),
        "contato_clinica": ("contact", "telefone ou e-mail da clínica"),
        "encarregado": ("dpo_name", "nome do encarregado"),
        "contato_encarregado": ("dpo_contact", "contato do encarregado"),
    }
)


@dataclass(frozen=True)
class Proposal:
    kind: TextKind
    purpose: str
    body: str
    consequences: str = ""

    @property
    def layout(self) -> str:
        return Layout.BOX_1 if self.kind == TextKind.CONSENT else ""


@cache
def proposals() -> Mapping[tuple[str, str], Proposal]:
    """Every shipped proposal by (kind, purpose)."""
    wanted: list[tuple[TextKind, str]] = [(kind, "") for kind in TextKind if kind != TextKind.CONSENT]
    wanted += [(TextKind.CONSENT, purpose.value) for purpose in sorted(CONSENT_PURPOSES)]
    return MappingProxyType({(kind.value, purpose): _read(kind, purpose) for kind, purpose in wanted})


def _read(kind: TextKind, purpose: str) -> Proposal:
    name = f"{kind}.{purpose}.txt" if purpose else f"{kind}.txt"
    body, _line, consequences = (FOLDER / name).read_text(encoding="utf-8").strip().partition(PARTING)
    return Proposal(kind, purpose, body.strip(), consequences.strip())


def written_out(text: str, clinic: Clinic) -> str:
    """The clinic's own data in their places; what the clinic has not said stays a visible gap, which bars approval."""
    return PLACE.sub(lambda found: _of_clinic(found[1], clinic) or found[0], text)


def _of_clinic(name: str, clinic: Clinic) -> str:
    attribute, missing = OF_CLINIC.get(name, ("", ""))
    if not attribute:
        return ""
    if attribute == "contact":
        value = " · ".join(part for part in (clinic.contact_phone, clinic.contact_email) if part)
    else:
        value = getattr(clinic, attribute) or ""
    # A name with braces would otherwise open a place of its own.
    return value.replace("{", "(").replace("}", ")") or f"{GAP}: {missing}]"
