"""What a page of the admin says, where it leads, and what it can send: read from its HTML, without a browser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
# Programs, drawings and what is meant for machines; icons are drawn from the English names of their font.
SILENT = frozenset({"script", "style", "svg", "code", "template"})
ICON = "material-symbols-outlined"
SPOKEN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-label")
BUTTONS = frozenset({"submit", "button", "image", "reset"})


@dataclass
class Form:
    """A form as it stands: what it would send, what could be chosen instead, and its buttons."""

    action: str
    asks: bool
    values: dict[str, str] = field(default_factory=dict)
    options: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def addresses(self) -> list[str]:
        """Where each choice leads, the rest left as it stands."""
        chosen = ({**self.values, name: value} for name, value in self.options)
        return [f"{self.action}?{urlencode({key: one for key, one in values.items() if one})}" for values in chosen]

    def messages(self) -> list[dict[str, str]]:
        """What each of its buttons sends."""
        return [{**self.values, **({name: value} if name else {})} for name, value in self.buttons]


class Reading(HTMLParser):
    """`words`: every text somebody reads or hears; `links`: addresses; `forms`: what can be asked and sent."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._silent = 0
        self._form: Form | None = None
        self._select = ""
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def leads_to(self) -> list[str]:
        return [*self.links, *(address for form in self.forms if form.asks for address in form.addresses())]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if self._silent:
            self._silent += tag not in VOID
        elif tag in SILENT or ICON in values.get("class", "").split():
            self._silent = 1
        else:
            self.words += [values[name] for name in SPOKEN_ATTRIBUTES if values.get(name)]
            self._note(tag, values)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            self._silent -= 1
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    def _note(self, tag: str, values: dict[str, str]) -> None:
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "form":
            self._form = Form(values.get("action", ""), asks=values.get("method", "get").lower() == "get")
            self.forms.append(self._form)
        elif self._form:
            self._note_field(self._form, tag, values)

    def _note_field(self, form: Form, tag: str, values: dict[str, str]) -> None:
        name, value, kind = values.get("name", ""), values.get("value", ""), values.get("type", "")
        if tag == "button" and kind in {"", "submit"}:
            form.buttons.append((name, value))
        elif tag == "input" and kind in BUTTONS:
            self.words.append(value)
            form.buttons.append((name, value))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.options.append((self._select, value))
            if "selected" in values or self._select not in form.values:
                form.values[self._select] = value
        elif tag == "input" and name and (kind not in {"checkbox", "radio"} or "checked" in values):
            form.values[name] = value
