"""A history with everything in it that changes what the CRM should hold, told by the simulated Chatwoot."""

from dataclasses import dataclass, field

from bridge.sandbox.chatwoot import ChatwootSandbox, Delivery

NOON = 1794754800.0  # 2026-11-15 12:00 in São Paulo
DAY_S = 86400


@dataclass
class Clock:
    """Time of the simulated Chatwoot, moved by the test."""

    now: float = field(default=NOON)

    def __call__(self) -> float:
        return self.now


def happen(chat: ChatwootSandbox, clock: Clock, who: int = 0) -> None:
    """Two days of one person: answered, corrected, edited, deleted, resolved, reopened; and a second conversation."""
    first = chat.new_person_writes(
        "Bom dia, quero <marcar> & saber o preço", name=f"Rosa {who}", phone_number=f"+551190000{who:04}"
    )
    clock.now += 60
    answer = chat.outgoing(first.display_id, "Temos terça às 9h.")
    asked = chat.incoming(first.display_id, "Pode ser. Tem estacionamento?")
    chat.private_note(first.display_id, "Só para a equipe")
    clock.now += 3600
    chat.edit_message(asked.id, "Pode ser!")
    chat.delete_message(answer.id)
    chat.update_contact(first.contact_id, name=f"Rosa Prado {who}", email=f"rosa{who}@exemplo.com.br")
    chat.set_status(first.display_id, "resolved")
    clock.now += DAY_S
    chat.set_status(first.display_id, "open")
    chat.incoming(first.display_id, "Preciso remarcar")
    second = chat.start_conversation(first.contact_id, "E sobre minha mãe")
    clock.now += 60
    chat.outgoing(second.display_id, "Claro")


def told(chat: ChatwootSandbox, clock: Clock, *, people: int = 1) -> list[Delivery]:
    """The deliveries of such histories, of one person after the other."""
    with chat.capture() as deliveries:
        for who in range(people):
            happen(chat, clock, who)
    return list(deliveries)
