"""Plain language: what makes a text hard to read, and what a notice still has to say (Art. 9). Hints, never a refusal."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.models.texts import TextKind
from consent.texts.values import PLACE

LONG_SENTENCE = 25  # words
LONG_CHAT = 900  # characters that still show without "read more" on a phone
# Words of the law and of programs, and what people say instead.
HARD: Mapping[str, str] = MappingProxyType(
    {
        "outrossim": "também", "supracitado": "este", "supramencionado": "este", "mediante": "com", "destarte": "assim",
        "doravante": "daqui em diante", "hodiernamente": "hoje", "consoante": "conforme", "porquanto": "porque",
        "mormente": "principalmente", "opt-out": "sair", "opt-in": "aceitar", "newsletter": "novidades",
        "compliance": "regras", "cookies": "arquivos do navegador", "deletar": "apagar", "facultativo": "opcional",
        "anuência": "sim", "outorga": "dá", "processamento": "uso", "operacionalizar": "fazer",
        "disponibilizar": "dar", "vossa senhoria": "você", "o titular": "você",
    }
)  # fmt: skip
# What each kind has to say, and by which words one sees that it does.
CONTENTS: Mapping[str, tuple[tuple[str | Promise, str], ...]] = MappingProxyType(
    {
        TextKind.PRIVACY_NOTICE: (
            (gettext_lazy("who decides about the data (name, CNPJ)"), r"cnpj|controlador"),
            (gettext_lazy("how to reach the clinic"), r"@|telefone|fale com|contato"),
            (gettext_lazy("the data protection officer"), r"encarregad"),
            (gettext_lazy("what the data are used for"), r"para que|finalidade"),
            (gettext_lazy("how and for how long"), r"por quanto tempo|prazo|anos|meses"),
            (gettext_lazy("with whom the data are shared, and why"), r"compartilh"),
            (gettext_lazy("responsibilities and security"), r"responsab|segur"),
            (gettext_lazy("the rights of Art. 18"), r"direitos"),
            (gettext_lazy("how to complain to the ANPD"), r"anpd|autoridade nacional"),
            (gettext_lazy("that one can say no, and what follows"), r"recusar|dizer nao"),
        ),
        TextKind.TRANSFER_PAGE: (
            (gettext_lazy("form, duration and purpose"), r"duracao"),
            (gettext_lazy("the countries"), r"pais"),
            (gettext_lazy("who decides about the data (name, CNPJ)"), r"cnpj|controlador"),
            (gettext_lazy("responsibilities and security"), r"responsab|segur"),
            (gettext_lazy("the rights of Art. 18"), r"direitos"),
        ),
        TextKind.CONSENT: (
            (gettext_lazy("who decides about the data (name, CNPJ)"), r"cnpj"),
            (gettext_lazy("one purpose, as a question"), r"\?"),
            (gettext_lazy("how long the yes lasts"), r"vale por|vale ate|meses|anos"),
            (gettext_lazy("how to take it back"), r"sair|parar|mudar de ideia|revogar"),
        ),
        TextKind.WITHDRAWAL: (
            (gettext_lazy("that care goes on"), r"atendimento"),
            (gettext_lazy("that deletion is a right of its own, and how to ask"), r"apag|elimin"),
        ),
        TextKind.PROTOCOL: ((gettext_lazy("the protocol and the date"), r"\{protocolo\}[\s\S]*\{prazo\}"),),
        **{
            kind: (
                (gettext_lazy("the protocol"), r"\{protocolo\}"),
                (gettext_lazy("the article of the law"), r"art\."),
                (gettext_lazy("how to complain to the ANPD"), r"anpd"),
            )
            for kind in TextKind
            if kind.startswith("refusal_")
        },
    }
)
CHAT_KINDS = frozenset(TextKind) - {
    TextKind.PRIVACY_NOTICE, TextKind.CHILDREN_NOTICE, TextKind.TRANSFER_PAGE, TextKind.REFUSING, TextKind.HELP,
}  # fmt: skip


@dataclass(frozen=True)
class Ease:
    """How easily a text reads: 0 to 100, by the Flesch formula as adapted to Portuguese (Martins and others, 1996)."""

    score: int
    words: int

    @property
    def word(self) -> str:
        steps = ((75, _("very easy to read")), (50, _("easy to read")), (25, _("hard to read")))
        return next((text for least, text in steps if self.score >= least), _("very hard to read"))


def sentences(text: str) -> list[str]:
    """Sentences of a text; each line of a list is one."""
    parts = re.split(r"(?<=[.!?:;])\s+|\n+", text)
    return [part.strip(" #*-•\t") for part in parts if re.search(r"\w", part)]


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text)


def ease(text: str) -> Ease:
    text = PLACE.sub("", text)
    words, count = words_of(text), max(1, len(sentences(text)))
    if not words:
        return Ease(0, 0)
    groups = sum(max(1, len(re.findall(r"[aeiouáéíóúâêôãõàüy]+", word.lower()))) for word in words)
    score = 248.835 - 1.015 * len(words) / count - 84.6 * groups / len(words)
    return Ease(max(0, min(100, round(score))), len(words))


def hints(kind: str, text: str) -> list[str]:
    """Everything one could make plainer, one sentence each; empty for a text that reads well and is complete."""
    return [*missing_contents(kind, text), *_long_sentences(text), *_hard_words(text), *_shape(kind, text)]


def missing_contents(kind: str, text: str) -> list[str]:
    """What the law wants this kind of text to say and nobody can find in it."""
    folded = _folded(text)
    missing = [str(what) for what, sign in CONTENTS.get(kind, ()) if not re.search(sign, folded)]
    return [_("It does not seem to say: %(what)s.") % {"what": what} for what in missing]


def _long_sentences(text: str) -> Iterator[str]:
    for sentence in sentences(text):
        count = len(words_of(sentence))
        if count > LONG_SENTENCE:
            start = " ".join(sentence.split()[:6])
            yield _("Long sentence (%(n)d words): “%(start)s…”. Make two of it.") % {"n": count, "start": start}


def _hard_words(text: str) -> Iterator[str]:
    lowered = text.lower()
    for word, instead in HARD.items():
        if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lowered):
            yield _("“%(word)s”: people say “%(instead)s”.") % {"word": word, "instead": instead}


def _shape(kind: str, text: str) -> Iterator[str]:
    shouted = [word for word in words_of(text) if len(word) > 4 and word.isupper()]
    if len(shouted) > 8:
        yield _("Many words in capitals read as shouting.")
    if kind in CHAT_KINDS and len(text) > LONG_CHAT:
        yield ngettext(
            "For a chat it is long (%(n)d character): people stop reading.",
            "For a chat it is long (%(n)d characters): people stop reading.", len(text),
        ) % {"n": len(text)}  # fmt: skip
    if kind not in CHAT_KINDS and len(words_of(text)) > 200 and not _headings(text):
        yield _("A long text needs headings: begin their lines with “# ”.")


def _headings(text: str) -> Sequence[str]:
    return re.findall(r"^# .+", text, re.MULTILINE)


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(char for char in apart if not unicodedata.combining(char)).lower()
