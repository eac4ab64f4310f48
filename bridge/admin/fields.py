"""A7 Fields: which field of Chatwoot becomes which field of Krayin, and who wins?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin.base import PerConnectionAdmin
from bridge.connecting.problems import problem_of
from bridge.errors import PartnerError
from bridge.fields import edit, lists, words
from bridge.fields.check import Found, Outcome, check
from bridge.fields.checks import HINTS, Line, Trouble, lines_of
from bridge.fields.convert import FITTING
from bridge.fields.lists import Field, Known
from bridge.fields.mapping import READABLE, STANDARD, WRITABLE, Entity
from bridge.models import Connection, FieldRow, FieldVersion, ObservedValue
from bridge.queries.words import Word
from consent.policy import Category
from consent.scope import signed_in

LIST = "admin:bridge_fieldrow_changelist"
VERSIONS = 20
GROUPS = {
    "contact.": gettext_lazy("Contact"),
    "conversation.": gettext_lazy("Conversation"),
    "person.": gettext_lazy("Person"),
    "lead.": gettext_lazy("Opportunity"),
}


class FieldForm(forms.Form):
    """One row of the draft. Choices are our own fields and what was last read from the partners."""

    chatwoot = forms.ChoiceField(label=gettext_lazy("Field of Chatwoot"))
    direction = forms.ChoiceField(label=gettext_lazy("Direction"), choices=FieldRow.Direction.choices)
    target = forms.ChoiceField(label=gettext_lazy("Field of Krayin"))
    conversion = forms.ChoiceField(label=gettext_lazy("Conversion"), choices=FieldRow.Conversion.choices)
    winner = forms.ChoiceField(
        label=gettext_lazy("Who wins when both sides changed"), choices=Connection.Source.choices
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Data category"), required=False,
        choices=[("", gettext_lazy("choose later…")), *Category.choices],
    )  # fmt: skip

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, connection: Connection, known: Known,
        row: FieldRow | None = None,
    ) -> None:  # fmt: skip
        initial = {name: getattr(row, name) for name in edit.CHOSEN} if row else {}
        super().__init__(data, initial=initial | ({"target": f"{row.entity}.{row.code}"} if row else {}))
        self.connection, self.known, self.row = connection, known, row
        kept = {row.chatwoot, f"{row.entity}.{row.code}"} if row else set()
        for name, fields in (("chatwoot", known.chatwoot), ("target", known.krayin)):
            self.fields[name].choices = _choices(fields, kept)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        target, direction = said.get("target", ""), said.get("direction", "")
        field = self.known.krayin.get(target)
        if field and said.get("conversion") and said["conversion"] not in FITTING[field.type]:
            fitting = ", ".join(str(FieldRow.Conversion(one).label) for one in FITTING[field.type])
            self.add_error("conversion", _("For this field of Krayin: %(fitting)s.") % {"fitting": fitting})
        if target and direction != FieldRow.Direction.KRAYIN and target not in READABLE:
            self.add_error("direction", str(words.TROUBLE[Trouble.NOT_READABLE]))
        elif direction != FieldRow.Direction.KRAYIN and not said.get("chatwoot", WRITABLE).startswith(WRITABLE):
            self.add_error("direction", str(words.TROUBLE[Trouble.NOT_WRITABLE]))
        entity, _dot, code = target.partition(".")
        same = FieldRow.objects.filter(
            connection=self.connection, chatwoot=said.get("chatwoot"), entity=entity, code=code
        )
        if same.exclude(pk=self.row.pk if self.row else 0).exists():
            self.add_error(None, _("These two fields are already joined."))
        return said

    @property
    def draft(self) -> edit.Draft:
        said = self.cleaned_data
        entity, _dot, code = said["target"].partition(".")
        chosen = {name: said[name] for name in edit.CHOSEN if name in said}
        return edit.Draft(entity=entity, code=code, **chosen)


def _choices(fields: Mapping[str, Field], kept: set[str]) -> list[Any]:
    """By record; a field that is gone only where the row already has it."""
    usable = [field for key, field in fields.items() if not field.is_gone or key in kept]
    groups = []
    for prefix, name in GROUPS.items():
        mine = [(field.key, field.name) for field in usable if field.key.startswith(prefix)]
        if mine:
            groups.append((name, sorted(mine, key=lambda one: str(one[1]).casefold())))
    return [("", _("choose…")), *groups]


@admin.register(FieldRow)
class FieldRowAdmin(PerConnectionAdmin):
    """All pages are drawn by hand: a draft, what it would do, and its published versions."""

    joined = ("clinic", "field_version")
    question = gettext_lazy("Which field of Chatwoot becomes which field of Krayin, and who wins?")
    help_text = gettext_lazy(
        "Each row joins a field of Chatwoot with a field of Krayin. Changes stay a draft until somebody publishes them "
        "with a reason; every published version is kept and can act again. A version counts for a contact from the "
        "next thing that happens to it. An emptied field empties nothing on the other side."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "bridge_fieldrow"
        own = [
            path("of/<int:connection_id>/new/", view(self.new_view), name=f"{name}_new"),
            path("of/<int:connection_id>/act/", view(self.list_act_view), name=f"{name}_list_act"),
            path("<int:pk>/act/", view(self.act_view), name=f"{name}_act"),
        ]
        return [*own, *super().get_urls()]

    # Finding ----------------------------------------------------------------------------------------------------------

    def one_row(self, request: HttpRequest, pk: int | str) -> FieldRow:
        rows = FieldRow.objects.filter(connection__in=self.connections(request, act=True))
        found = rows.select_related("connection__field_version").filter(pk=pk).first() if str(pk).isdecimal() else None
        if found is None:
            raise Http404
        return found

    # The page ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        connections, chosen = self.choice(request)
        return self._list(request, chosen, connections)

    def _list(
        self, request: HttpRequest, chosen: Connection | None, connections: list[Connection],
        outcome: Outcome | None = None,
    ) -> HttpResponse:  # fmt: skip
        known = lists.known(chosen) if chosen else None
        found = lines_of(chosen, known) if chosen else []
        examples = _examples(chosen) if chosen and found else {}
        word, sentence = _sentence(chosen, found)
        return self.page(
            request, "admin/bridge/fields.html", _("Fields"), word=word, sentence=sentence, chosen=chosen,
            connections=connections, is_read=known is not None and known.is_read,
            may_act=chosen is not None and self.connections(request, act=True).filter(pk=chosen.pk).exists(),
            is_changed=chosen is not None and edit.is_changed(chosen, found),
            can_publish=bool(chosen) and not any(line.is_bad for line in found),
            lines=[_shown(line, known, examples, outcome, n) for n, line in enumerate(found)] if known else [],
            told=_told(outcome), calls=lists.CALLS, sample=edit.SAMPLE,
            versions=_versions(chosen) if chosen else [],
        )  # fmt: skip

    # Acting -----------------------------------------------------------------------------------------------------------

    def list_act_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        """POST `do`: check, publish, restore, read the lists, read the contacts of the check."""
        connection = self.one_connection(request, connection_id, act=True)
        acts: dict[str, Callable[[HttpRequest, Connection], None]] = {
            "fetch": self._fetch, "sample": self._read_sample, "publish": self._publish, "restore": self._restore,
        }  # fmt: skip
        do = request.POST.get("do", "") if request.method == "POST" else ""
        if do == "check":
            return self._list(request, connection, list(self.connections(request)), check(connection))
        if do in acts:
            acts[do](request, connection)
        return _back(connection, request.POST.get("back", ""))

    def _fetch(self, request: HttpRequest, connection: Connection) -> None:
        try:
            count = lists.fetch(connection)
        except PartnerError as error:
            messages.error(request, str(problem_of(error)))
            return
        text = ngettext("%(n)d field read from both partners.", "%(n)d fields read from both partners.", count)
        messages.success(request, text % {"n": count})

    def _read_sample(self, request: HttpRequest, connection: Connection) -> None:
        count = edit.read_sample(connection)
        text = ngettext(
            "%(n)d contact is being read again from Chatwoot. Check in a minute.",
            "%(n)d contacts are being read again from Chatwoot. Check in a minute.", count,
        )  # fmt: skip
        messages.success(request, text % {"n": count})

    def _publish(self, request: HttpRequest, connection: Connection) -> None:
        reason = _reason(request)
        if not reason:
            messages.error(request, _("Say why: the reason stays with the version."))
            return
        try:
            version = edit.publish(connection, signed_in(request), reason)
        except edit.CannotPublish:
            messages.error(request, _("The draft has rows to put right first."))
            return
        messages.success(request, _("Version %(n)d is published.") % {"n": version.number})

    def _restore(self, request: HttpRequest, connection: Connection) -> None:
        number, reason = request.POST.get("number", ""), _reason(request)
        versions = FieldVersion.objects.filter(connection=connection).select_related("connection")
        version = versions.filter(number=number).first() if number.isdecimal() else None
        if version is None:
            raise Http404
        if not reason:
            messages.error(request, _("Say why: the reason stays with the version."))
            return
        made = edit.restore(version, signed_in(request), reason)
        text = _("Version %(old)d acts again, as version %(n)d.")
        messages.success(request, text % {"old": version.number, "n": made.number})

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST `do=remove`: out of the draft; what is published goes on until the next version."""
        row = self.one_row(request, pk)
        if request.method == "POST" and request.POST.get("do") == "remove":
            edit.remove(row)
            messages.success(request, _("The row is out of the draft."))
        return _back(row.connection)

    def new_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        connection = self.one_connection(request, connection_id, act=True)
        form = FieldForm(request.POST or None, connection=connection, known=lists.known(connection))
        if request.method == "POST" and form.is_valid():
            try:
                edit.add(connection, form.draft)
            except edit.TooManyRows:
                form.add_error(None, _("The draft is full: %(n)d rows. Remove one first.") % {"n": edit.MOST})
            else:
                messages.success(request, _("The row is in the draft."))
                return _back(connection)
        return self._form(request, connection, form, _("New row"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.one_row(request, object_id)
        known = lists.known(row.connection)
        form = FieldForm(request.POST or None, connection=row.connection, known=known, row=row)
        if request.method == "POST" and form.is_valid():
            edit.change(row, form.draft)
            messages.success(request, _("The row is changed in the draft."))
            return _back(row.connection)
        return self._form(request, row.connection, form, _("Mapped field"))

    def _form(self, request: HttpRequest, connection: Connection, form: FieldForm, title: str) -> HttpResponse:
        return self.page(
            request, "admin/bridge/fields_form.html", title, form=form, connection=connection,
            back=_address(connection), here=request.path, calls=lists.CALLS, is_read=form.known.is_read,
        )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request, obj)


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]


def _address(connection: Connection) -> str:
    return f"{reverse(LIST)}?connection={connection.pk}"


def _back(connection: Connection, asked: str = "") -> HttpResponseRedirect:
    """To the list, or to the form that asked: only our own addresses."""
    return HttpResponseRedirect(asked if asked.startswith(reverse(LIST)) else _address(connection))


def _sentence(chosen: Connection | None, found: Sequence[Line]) -> tuple[Word, str]:
    if chosen is None:
        return Word.IGNORED, _("There is no connection yet.")
    bad = sum(line.is_bad for line in found)
    if bad:
        text = ngettext("%(n)d row of the draft needs attention.", "%(n)d rows of the draft need attention.", bad)
        return Word.WAITING, text % {"n": bad}
    version = chosen.field_version
    if edit.is_changed(chosen, list(found)):
        return Word.WAITING, _("The draft is not published: what it says does not act yet.")
    if version is None or not version.rows:
        return Word.IGNORED, _("No field is mapped: only name, e-mail, phone and company go across.")
    text = ngettext("Version %(v)d acts: %(n)d field.", "Version %(v)d acts: %(n)d fields.", len(version.rows))
    return Word.DONE, text % {"v": version.number, "n": len(version.rows)}


def _examples(connection: Connection) -> dict[str, str]:
    """Of the contact that was active last, by field, masked: two queries, nothing is opened."""
    last = next(iter(edit.sample(connection)), None)
    if last is None:
        return {}
    values = ObservedValue.objects.filter(contact=last).order_by("version")
    return dict.fromkeys(STANDARD, last.mask) | {value.key: value.mask for value in values}


def _shown(
    line: Line, known: Known, examples: Mapping[str, str], outcome: Outcome | None, number: int
) -> dict[str, Any]:
    draft, row = line.draft, line.row
    here, _arrow, there = row.label.partition(" → ")
    counts = outcome.found[number] if outcome else {}
    return {
        "here": here, "where": GROUPS[f"{draft.chatwoot.partition('.')[0]}."], "there": there,
        "record": Entity(draft.entity).label.capitalize(), "arrow": words.ARROWS[FieldRow.Direction(draft.direction)],
        "direction": draft.get_direction_display(), "conversion": draft.get_conversion_display(),
        "winner": draft.get_winner_display(), "category": draft.get_category_display() if draft.category else "",
        "example": examples.get(draft.chatwoot, ""), "trouble": words.TROUBLE[line.trouble] if line.trouble else "",
        "is_bad": line.trouble is not None and line.trouble not in HINTS,
        "found": [{"count": counts[what], "text": text, "is_bad": what == Found.FAILS}
                  for what, text in words.FOUND.items() if counts.get(what)],
        "act": reverse("admin:bridge_fieldrow_act", args=[draft.pk]),
        "change": reverse("admin:bridge_fieldrow_change", args=[draft.pk]),
    }  # fmt: skip


def _told(outcome: Outcome | None) -> str:
    """The check in one sentence."""
    if outcome is None:
        return ""
    text = ngettext(
        "%(n)d contact looked at: %(writes)d values would be written, %(fails)d cannot be converted.",
        "%(n)d contacts looked at: %(writes)d values would be written, %(fails)d cannot be converted.",
        outcome.contacts,
    )
    writes = sum(outcome.total(what) for what in (Found.TO_KRAYIN, Found.TO_CHATWOOT, Found.NO_RECORD))
    return text % {"n": outcome.contacts, "writes": writes, "fails": outcome.total(Found.FAILS)}


def _versions(connection: Connection) -> list[dict[str, Any]]:
    rows = FieldVersion.objects.filter(connection=connection).select_related("author")[:VERSIONS]
    return [
        {
            "number": row.number, "at": row.created_at, "who": row.author.name or row.author.email if row.author else "",
            "reason": row.reason, "restored_from": row.restored_from, "acts": row.pk == connection.field_version_id,
            "labels": [stored["label"] for stored in row.rows],
        }
        for row in rows
    ]  # fmt: skip
