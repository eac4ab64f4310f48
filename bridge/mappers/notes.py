"""The note of one conversation and day, as a pure function of its messages (DESIGN section 7).

Krayin keeps a comment of at most 65,535 bytes and cuts longer ones silently (contract Krayin 20.6); it shows comments
as sanitised HTML, so text from outside is escaped and line breaks become `<br>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

PART_LIMIT = 60_000
LINE_LIMIT = 50_000

DIRECTION_WORDS = {"incoming": "Paciente", "outgoing": "Atendente", "template": "Automática"}
ATTACHMENT_WORDS = {
    "image": "imagem", "audio": "áudio", "video": "vídeo", "file": "arquivo", "location": "localização",
    "contact": "contato",
}  # fmt: skip


@dataclass(frozen=True)
class NoteMessage:
    """One public message, opened for rendering; `text` is empty when the connection sends no text."""

    message_id: int
    direction: str
    author: str
    text: str
    attachments: tuple[str, ...]
    sent_at: datetime
    is_deleted: bool


@dataclass(frozen=True)
class NoteHeader:
    """What the note says about its conversation besides the messages."""

    conversation_id: int
    inbox_name: str
    day: date
    link: str
    # Only on the last day up to it: a note must not change because another day did.
    resolved_at: datetime | None = None


def rendered(header: NoteHeader, messages: Sequence[NoteMessage], *, zone: ZoneInfo, with_text: bool) -> list[str]:
    """Return the note's parts, each below 60,000 bytes of UTF-8; always at least one."""
    ordered = sorted(messages, key=lambda m: (m.sent_at, m.message_id))
    head = _head(header, ordered, zone)
    lines = [_line(message, zone) for message in ordered] if with_text else []
    parts = [head]
    for line in lines:
        if len(parts[-1].encode()) + len(line.encode()) > PART_LIMIT:
            parts.append(f"{escape(_name(header))} (continuação {len(parts) + 1})<br>")
        parts[-1] += line
    return parts


def rendered_message(message: NoteMessage, *, zone: ZoneInfo) -> str:
    """The comment of a note that holds one message."""
    return _line(message, zone).removesuffix("<br>")


def hand_note(text: str, *, author: str, written_at: datetime) -> str:
    """The comment of a note that staff wrote in Ponte; `written_at` in the clinic's zone."""
    who = f" · {escape(author)}" if author else ""
    return f"<b>Nota da equipe</b> · {written_at:%d/%m/%Y %H:%M}{who}<br>{_escaped(text)}"


def _name(header: NoteHeader) -> str:
    return f"Conversa {header.conversation_id} · {header.day:%d/%m/%Y}"


def _head(header: NoteHeader, messages: Sequence[NoteMessage], zone: ZoneInfo) -> str:
    incoming = sum(m.direction == "incoming" for m in messages)
    rows = [
        f"<b>{escape(_name(header))}</b>",
        f"Caixa de entrada: {escape(header.inbox_name or '—')}",
        f"Mensagens: {incoming} recebidas, {len(messages) - incoming} enviadas",
    ]
    if messages:
        first, last = (m.sent_at.astimezone(zone).strftime("%H:%M") for m in (messages[0], messages[-1]))
        rows.append(f"Horário: {first}–{last}")
    if header.resolved_at:
        rows.append(f"Resolvida em {header.resolved_at.astimezone(zone):%d/%m/%Y às %H:%M}")
    rows.append(f'<a href="{escape(header.link)}">Abrir no Chatwoot</a>')
    return "<br>".join(rows) + "<br>"


def _line(message: NoteMessage, zone: ZoneInfo) -> str:
    who = DIRECTION_WORDS.get(message.direction, message.direction)
    if message.author:
        who = f"{who} ({escape(message.author)})"
    return f"{message.sent_at.astimezone(zone):%H:%M} <b>{who}:</b> {_content(message)}<br>"


def _content(message: NoteMessage) -> str:
    if message.is_deleted:
        return "<i>[mensagem apagada]</i>"
    kinds = "".join(f" <i>[{ATTACHMENT_WORDS.get(kind, kind)}]</i>" for kind in message.attachments)
    return _escaped(message.text) + kinds if message.text else kinds.strip() or "<i>[sem texto]</i>"


def _escaped(text: str) -> str:
    """Escaped HTML within LINE_LIMIT bytes: one message may have 150,000 characters (contract Chatwoot 9)."""
    html = escape(text.strip()).replace("\r\n", "\n").replace("\n", "<br>")
    if len(html.encode()) <= LINE_LIMIT:
        return html
    while len(html.encode()) > LINE_LIMIT:
        text = text[: int(len(text) * LINE_LIMIT / len(html.encode())) - 1]
        html = escape(text.strip()).replace("\r\n", "\n").replace("\n", "<br>")
    return html + " <i>[continua no Chatwoot]</i>"
