"""Invented people and what they and the reception write. Nobody here exists; addresses end in exemplo.com.br."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

FIRST_NAMES = (
    "Mariana", "João", "Patrícia", "Antônio", "Luísa", "Sebastião", "Beatriz", "Márcio", "Íris", "Otávio",
    "Conceição", "Thiago", "Renata", "Estêvão", "Helena", "Caio", "Vitória", "Joaquim", "Lívia", "Rogério",
)  # fmt: skip
MIDDLE_NAMES = ("Alves", "Souza", "Ferreira", "Gonçalves", "Araújo", "Moraes", "Guimarães", "Brandão", "Leão", "Sá")
LAST_NAMES = (
    "Teixeira", "Nascimento", "Prado", "Magalhães", "Falcão", "Conceição", "Rezende", "Assunção", "Vasconcelos",
    "Brito", "Camargo", "D'Ávila",
)  # fmt: skip

OPENINGS = (
    "Olá, bom dia! Vi o anúncio de vocês. Quero agendar uma avaliação com dermatologista, tem horário na quinta?",
    "Boa tarde, vocês atendem Unimed? Preciso de consulta para minha mãe.",
    "Oi! Gostaria de saber o valor da limpeza de pele & do peeling 🙂",
    "Bom dia. Preciso remarcar minha consulta de sexta-feira, pode ser?",
    "Olá, quanto custa a primeira consulta? Aceitam cartão em 3x?",
    "Oi, meu filho está com manchas na pele há 2 semanas <3 dias piores>. Tem encaixe hoje?",
    "Boa noite! Qual o endereço da unidade Moema? Tem estacionamento?",
    "Olá! Fiz o exame que a Dra. Helena pediu, como envio o resultado?",
)
FOLLOW_UPS = (
    "Prefiro no período da manhã, se possível.",
    "É particular mesmo, sem convênio.",
    "Moro perto da unidade Moema.",
    "Pode ser com qualquer médico disponível.",
)
REPLIES = (
    "Bom dia! Temos quinta às 15h30 com a Dra. Helena. Segue o preparo & as orientações.",
    "Olá! Atendemos sim. Pode me informar o número da carteirinha, por favor?",
    "Boa tarde! A avaliação custa R$ 250,00 e o retorno em até 30 dias não é cobrado.",
    "Claro! Tenho amanhã às 9h ou às 11h20. Qual prefere?",
    "Bom dia! Nossa unidade fica na Av. Exemplo, 1000 - Moema, com estacionamento conveniado.",
)
ANSWERS = (
    "Perfeito, pode confirmar para mim!",
    "Quinta às 15h30 está ótimo, obrigada!",
    "Obrigado! Vou ver com meu marido e já respondo.",
    "Pode ser às 9h então.",
    "Combinado, muito obrigada pela atenção 😊",
)
CONFIRMATIONS = (
    "Agendado! Chegue 15 minutos antes com documento e carteirinha.",
    "Tudo certo, esperamos você!",
    "Confirmado. Se precisar remarcar, é só avisar por aqui.",
)
RETURN_CALL = "Olá! Aqui é da Clínica Vida Plena. Passando para lembrar do seu retorno, podemos confirmar?"
RETURN_ANSWER = "Oi! Pode confirmar sim, obrigada por lembrar."
NOTE = "Paciente prefere contato pela manhã. Conferir carteirinha do convênio."
EDITED = "Perfeito, pode confirmar para mim! (na verdade, às 16h)"
FINANCE_OPENING = "Bom dia, preciso da segunda via do boleto deste mês."


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    phone_number: str | None
    email: str | None


def person(index: int, role: str, dice: random.Random) -> Person:
    """Person number `index`, for ever distinct from every other index in phone and e-mail.

    The share of a role: `phone` (telephone only), `phone_email`, `no_ninth` (a mobile without its ninth digit),
    `email` (no telephone), `foreign` (telephone only).
    """
    name = " ".join((dice.choice(FIRST_NAMES), dice.choice(MIDDLE_NAMES), dice.choice(LAST_NAMES)))
    email = email_of(name, index) if role in ("phone_email", "email") else None
    return Person(name, None if role == "email" else phone_of(index, ninth=role != "no_ninth"), email)


def phone_of(index: int, *, ninth: bool) -> str:
    """`+55119000000NN`; without the ninth digit `+55119000NNNN`, whose full form nobody else here has."""
    return f"+55119{index:08d}" if ninth else f"+55119{index:07d}"


def email_of(name: str, index: int) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("'", "")
    words = plain.split()
    return f"{words[0]}.{words[-1]}.{index}@exemplo.com.br"
