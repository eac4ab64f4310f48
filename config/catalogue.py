"""Texts for people: finding them in code and templates, comparing them with the Portuguese catalogue.

Django's `makemessages` needs GNU gettext and finds only our own texts. The theme and the audit package bring no
Portuguese either, so their texts are collected too, as far as Django's own catalogues do not know them.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from string import Formatter

import polib
from django.conf import settings
from django.utils.translation.template import templatize

LANGUAGE = "pt_BR"
OURS = ("config", "audit", "consent", "bridge", "insights", "templates")
LEFT_OUT = ("/migrations/", "/sandbox/", "/static/")
# Packages with screens but without Portuguese; parts that Ponte does not use stay out. The scheduler's are hidden.
OTHERS = {
    "unfold": ("/contrib/", "unfold_crispy", "/templates/unfold/widgets/split_money"),
    "auditlog": ("/management/", "/migrations/", "/templates/"),
}
# Django's own Portuguese takes every noun for a masculine one ("O conexão foi alterado"): these are said anew.
SAID_ANEW = (
    "The {name} “{obj}” was added successfully.",
    "The {name} “{obj}” was added successfully. You may add another {name} below.",
    "The {name} “{obj}” was changed successfully.",
    "The {name} “{obj}” was changed successfully. You may edit it again below.",
    "The {name} “{obj}” was changed successfully. You may add another {name} below.",
    "The %(name)s “%(obj)s” was deleted successfully.",
)
MARKERS = {
    "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2,
}  # fmt: skip
IN_TEMPLATE = re.compile(r"""\b(n?gettext|_)\(\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
                         r"""(?:\s*,\s*u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?""")  # fmt: skip
NAMED = re.compile(r"%\((\w+)\)[sd]")
METADATA = {
    "Project-Id-Version": "ponte",
    "Language": LANGUAGE,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n > 1);",
}

Key = tuple[str, str]  # text, its plural or nothing


@dataclass(frozen=True)
class Places:
    """The two files of the catalogue."""

    po: Path
    mo: Path


def places() -> Places:
    folder = Path(settings.BASE_DIR) / "config" / "locale" / LANGUAGE / "LC_MESSAGES"
    return Places(folder / "django.po", folder / "django.mo")


# Finding -------------------------------------------------------------------------------------------------------------


def texts() -> dict[Key, list[str]]:
    """Every text a person may read, with the files it stands in."""
    found: dict[Key, list[str]] = {(text, ""): ["django/contrib/admin/options.py"] for text in SAID_ANEW}
    root = Path(settings.BASE_DIR)
    for name in OURS:
        _collect(found, root / name, root, LEFT_OUT)
    own = set(found)
    for package, left_out in OTHERS.items():
        spec = find_spec(package)
        if spec and spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0])
            _collect(found, folder, folder.parent, left_out)
    known = _known_to_django()
    return {key: files for key, files in found.items() if key in own or key[0] not in known}


def _collect(found: dict[Key, list[str]], folder: Path, root: Path, left_out: Iterable[str]) -> None:
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.html")]):
        place = f"/{path.relative_to(root)}"
        if any(part in place for part in left_out):
            continue
        source = path.read_text(encoding="utf-8")
        for key in in_python(source) if path.suffix == ".py" else in_template(source):
            files = found.setdefault(key, [])
            if place[1:] not in files:
                files.append(place[1:])


def in_python(source: str) -> Iterator[Key]:
    """Texts given to Django's translation functions, whatever name they were imported under."""
    if "gettext" not in source:
        return
    tree = ast.parse(source)
    names = {
        alias.asname or alias.name: MARKERS[alias.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if alias.name in MARKERS
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            given = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            wanted = names[node.func.id]
            if len(given) >= wanted and given[0]:
                yield (given[0], given[1] if wanted == 2 else "")


def in_template(source: str) -> Iterator[Key]:
    """Texts of the translation tags, by Django's own reading of them."""
    if "trans" not in source and "_(" not in source:
        return
    for match in IN_TEMPLATE.finditer(templatize(source)):
        name, text, plural = match.groups()
        yield (ast.literal_eval(text), ast.literal_eval(plural) if name == "ngettext" and plural else "")


def _known_to_django() -> set[str]:
    """Texts that Django itself has in Portuguese."""
    known: set[str] = set()
    django = find_spec("django")
    folders = Path(django.submodule_search_locations[0]) if django and django.submodule_search_locations else None
    for path in sorted(folders.glob(f"**/locale/{LANGUAGE}/LC_MESSAGES/django.mo")) if folders else []:
        known |= {entry.msgid for entry in polib.mofile(str(path))}
    return known


# The catalogue -------------------------------------------------------------------------------------------------------


def read(path: Path) -> polib.POFile:
    return polib.pofile(str(path)) if path.exists() else polib.POFile()


def renewed(old: polib.POFile, wanted: dict[Key, list[str]]) -> polib.POFile:
    """The catalogue with exactly the wanted texts; what was translated stays so."""
    held = {(entry.msgid, entry.msgid_plural): entry for entry in old if not entry.obsolete}
    new = polib.POFile(wrapwidth=110)
    new.metadata = dict(METADATA)
    for key in sorted(wanted, key=lambda key: (wanted[key][0], key)):
        before = held.get(key)
        entry = polib.POEntry(msgid=key[0], occurrences=[(file, "") for file in wanted[key]])
        if "%(" in key[0]:
            entry.flags = ["python-format"]
        if key[1]:
            entry.msgid_plural = key[1]
            entry.msgstr_plural = dict(before.msgstr_plural) if before else {0: "", 1: ""}
        else:
            entry.msgstr = before.msgstr if before else ""
        new.append(entry)
    return new


def faults(wanted: dict[Key, list[str]], where: Places) -> list[str]:
    """What is wrong with the catalogue as it stands; empty when it is complete and compiled."""
    held = {(entry.msgid, entry.msgid_plural): entry for entry in read(where.po) if not entry.obsolete}
    lines = [f"missing: {key[0]!r}" for key in wanted if key not in held]
    lines += [f"no longer used: {key[0]!r}" for key in held if key not in wanted]
    for entry in held.values():
        lines += [f"{problem}: {entry.msgid!r}" for problem in _problems(entry)]
    compiled = (
        {(e.msgid, e.msgid_plural): _answers(e) for e in polib.mofile(str(where.mo))} if where.mo.exists() else {}
    )
    if compiled != {key: _answers(entry) for key, entry in held.items() if entry.translated()}:
        lines.append("the compiled file is not of this catalogue")
    return lines


def _problems(entry: polib.POEntry) -> Iterator[str]:
    if not entry.translated():
        yield "untranslated"
        return
    wanted = placeholders(entry.msgid) | placeholders(entry.msgid_plural)
    for answer in _answers(entry):
        if not placeholders(answer) <= wanted or (not entry.msgid_plural and placeholders(answer) != wanted):
            yield "other placeholders"


def _answers(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text: str) -> set[str]:
    """Names inside `%(name)s` and `{name}`."""
    names = set(NAMED.findall(text))
    try:
        return names | {name for _text, name, _spec, _conversion in Formatter().parse(text) if name}
    except ValueError:
        return names


def write(catalogue: polib.POFile, where: Places) -> None:
    where.po.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(where.po))
    catalogue.save_as_mofile(str(where.mo))
