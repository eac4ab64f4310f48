"""A8 Stage rules: why does an opportunity move by itself?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin.base import PerConnectionAdmin
from bridge.connecting.problems import problem_of
from bridge.errors import PartnerError
from bridge.models import Connection, DirectoryEntry, StageRule
from bridge.queries.words import Word
from bridge.rules import directory, edit, words
from bridge.rules.checks import Line, Trouble, lines_of
from bridge.rules.simulate import DAYS, MOST, Outcome, simulate

When = StageRule.When
Kind = DirectoryEntry.Kind
LIST = "admin:bridge_stagerule_changelist"
# What a rule of this kind is about: the field of the form that says it.
FIELD_OF = {When.LABEL: "label", When.TEAM: "team", When.INBOX: "inbox", When.ASSIGNEE: "assignee"}
CONDITIONS = {
    When.CREATED: gettext_lazy("a conversation starts"),
    When.FIRST_RESPONSE: gettext_lazy("your team replies for the first time"),
    When.RESOLVED: gettext_lazy("the conversation is resolved"),
    When.LABEL: gettext_lazy("a label is put"),
    When.TEAM: gettext_lazy("the conversation goes to a team"),
    When.INBOX: gettext_lazy("the conversation is in an inbox"),
    When.ASSIGNEE: gettext_lazy("somebody takes the conversation over"),
}


class RuleForm(forms.Form):
    """One rule: when, which, where to. Choices are what was last read from the partners."""

    when = forms.ChoiceField(label=gettext_lazy("When"), choices=list(CONDITIONS.items()), widget=forms.RadioSelect)
    label = forms.CharField(label=gettext_lazy("Label"), max_length=255, required=False)
    team = forms.ChoiceField(label=gettext_lazy("Team"), required=False)
    inbox = forms.ChoiceField(label=gettext_lazy("Inbox"), required=False)
    assignee = forms.ChoiceField(label=gettext_lazy("Person"), required=False)
    stage = forms.TypedChoiceField(label=gettext_lazy("Move to the stage"), coerce=int)
    is_enabled = forms.BooleanField(label=gettext_lazy("The rule is on"), required=False, initial=True)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, connection: Connection, rule: StageRule | None = None
    ) -> None:
        super().__init__(data, initial=_initial(rule))
        entries = list(DirectoryEntry.objects.filter(connection=connection, gone_at=None))
        self.connection = connection
        self.known_labels = [entry.key for entry in entries if entry.kind == Kind.LABEL]
        self.names = {
            When.TEAM.value: {e.key: e.name for e in entries if e.kind == Kind.TEAM},
            When.ASSIGNEE.value: {e.key: e.name for e in entries if e.kind == Kind.AGENT},
            When.INBOX.value: _served_inboxes(connection),
        }
        choices = {name: [("", _("choose…")), *known.items()] for name, known in self.names.items()}
        for name, found in {**choices, "stage": _stage_choices(connection)}.items():
            self.fields[name].choices = found  # type: ignore[attr-defined]
        self.fields["label"].widget.attrs["list"] = "ponte-labels"
        for when, name in FIELD_OF.items():
            self.fields[name].widget.attrs["aria-label"] = f"{CONDITIONS[when]}: {self.fields[name].label}"

    def clean_label(self) -> str:
        """Chatwoot keeps titles in lower case (contract Chatwoot 8.3)."""
        return str(self.cleaned_data["label"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        name = FIELD_OF.get(When(said["when"])) if said.get("when") else None
        if name and not said.get(name) and name not in self.errors:
            self.add_error(name, _("Say which one."))
        return said

    @property
    def draft(self) -> edit.Draft:
        said = self.cleaned_data
        when, stage_id = said["when"], said["stage"]
        value = said[FIELD_OF[When(when)]] if When(when) in FIELD_OF else ""
        pipeline, stage = _stage(self.connection, stage_id)
        return edit.Draft(
            when=when, value=value, value_name=self.names.get(when, {}).get(value, ""), pipeline_id=pipeline["id"],
            stage_id=stage_id, stage_name=stage["name"], is_enabled=said["is_enabled"],
        )  # fmt: skip


def _initial(rule: StageRule | None) -> dict[str, Any]:
    if rule is None:
        return {}
    which = {FIELD_OF[When(rule.when)]: rule.value} if When(rule.when) in FIELD_OF else {}
    return {"when": rule.when, "stage": rule.stage_id, "is_enabled": rule.is_enabled, **which}


def _served_inboxes(connection: Connection) -> dict[str, str]:
    names = {str(key): str(name) for key, name in connection.inbox_names.items()}
    return {key: name for key, name in names.items() if connection.serves_inbox(int(key))}


def _stage_choices(connection: Connection) -> list[Any]:
    """By pipeline, the configured one first; others only where a change loses nothing."""
    others = [p for p in connection.pipelines if p["id"] != connection.pipeline_id and not connection.lead_booleans]
    own = [p for p in connection.pipelines if p["id"] == connection.pipeline_id]
    groups = [(p["name"], [(s["id"], s["name"]) for s in p["stages"]]) for p in (*own, *others)]
    return groups[0][1] if len(groups) == 1 else groups


def _stage(connection: Connection, stage_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
    return next((p, s) for p in connection.pipelines for s in p["stages"] if s["id"] == stage_id)


@admin.register(StageRule)
class StageRuleAdmin(PerConnectionAdmin):
    """All pages are drawn by hand: a list whose order means something."""

    question = gettext_lazy("Why does an opportunity move by itself?")
    help_text = gettext_lazy(
        "Each rule says what has to happen in a conversation and to which stage its opportunity then moves. The stage "
        "that lies furthest wins; of two rules that lead to the same stage the upper one is named in the history. A "
        "rule counts for a conversation from the next thing that happens in it."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "bridge_stagerule"
        own = [
            path("of/<int:connection_id>/new/", view(self.new_view), name=f"{name}_new"),
            path("of/<int:connection_id>/simulate/", view(self.simulate_view), name=f"{name}_simulate"),
            path("of/<int:connection_id>/act/", view(self.list_act_view), name=f"{name}_list_act"),
            path("<int:pk>/act/", view(self.act_view), name=f"{name}_act"),
        ]
        return [*own, *super().get_urls()]

    # Finding ----------------------------------------------------------------------------------------------------------

    def one_rule(self, request: HttpRequest, pk: int | str) -> StageRule:
        rows = StageRule.objects.filter(connection__in=self.connections(request, act=True))
        found = rows.select_related("connection").filter(pk=pk).first() if str(pk).isdecimal() else None
        if found is None:
            raise Http404
        return found

    # The list ---------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        connections, chosen = self.choice(request)
        return self._list(request, chosen, connections)

    def simulate_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        """The list with what it would do; nothing is asked or written."""
        connection = self.one_connection(request, connection_id)
        outcome = simulate(connection, timezone.now())
        return self._list(request, connection, list(self.connections(request)), outcome)

    def _list(
        self, request: HttpRequest, chosen: Connection | None, connections: list[Connection],
        outcome: Outcome | None = None,
    ) -> HttpResponse:  # fmt: skip
        lines = lines_of(chosen) if chosen else []
        own = [line for line in lines if line.row is not None]
        may_act = chosen is not None and self.connections(request, act=True).filter(pk=chosen.pk).exists()
        word, sentence = _sentence(chosen, lines)
        return self.page(
            request, "admin/bridge/rules.html", _("Stage rules"), word=word, sentence=sentence, chosen=chosen,
            connections=connections, may_act=may_act,
            lines=[_shown(chosen, line, own) for line in lines] if chosen else [],
            settings=reverse("admin:bridge_connection_change", args=[chosen.pk]) if chosen else "",
            outcome=_told(chosen, lines, outcome) if chosen and outcome else None,
        )  # fmt: skip

    # Acting -----------------------------------------------------------------------------------------------------------

    def list_act_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        """POST `do`: read Chatwoot's labels, teams and agents; switch all rules on or off."""
        connection = self.one_connection(request, connection_id, act=True)
        do = request.POST.get("do", "")
        if request.method == "POST" and do == "fetch":
            self._fetch(request, connection)
        elif request.method == "POST" and do in {"on", "off"}:
            edit.switch(connection, on=do == "on")
            messages.success(request, _("The rules are on.") if do == "on" else _("The rules are off: nothing moves."))
        return _back(connection, request.POST.get("back", ""))

    def _fetch(self, request: HttpRequest, connection: Connection) -> None:
        try:
            count = directory.fetch(connection)
        except PartnerError as error:
            messages.error(request, str(problem_of(error)))
            return
        text = ngettext("%(n)d entry read from Chatwoot.", "%(n)d entries read from Chatwoot.", count)
        messages.success(request, text % {"n": count})

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST `do`: up, down, on, off; remove asks first."""
        rule = self.one_rule(request, pk)
        acts: dict[str, Callable[[], object]] = {
            "up": lambda: edit.move(rule, up=True),
            "down": lambda: edit.move(rule, up=False),
            "on": lambda: edit.enable(rule, is_enabled=True),
            "off": lambda: edit.enable(rule, is_enabled=False),
            "remove": lambda: edit.remove(rule),
        }
        do = request.POST.get("do", "") if request.method == "POST" else ""
        if do == "remove" and "confirmed" not in request.POST:
            return self._ask(request, rule)
        act = acts.get(do)
        if act is not None:
            act()
            messages.success(request, _("The list is changed."))
        return _back(rule.connection)

    def _ask(self, request: HttpRequest, rule: StageRule) -> HttpResponse:
        line = next(line for line in lines_of(rule.connection) if line.row == rule)
        return self.page(
            request, "admin/bridge/rule_remove.html", _("Stage rule"), back=_address(rule.connection),
            when=words.condition_of(rule.connection, line), stage=words.target_of(rule.connection, line),
            action=request.path,
        )  # fmt: skip

    def new_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        connection = self.one_connection(request, connection_id, act=True)
        form = RuleForm(request.POST or None, connection=connection)
        if request.method == "POST" and form.is_valid():
            try:
                edit.add(connection, form.draft)
            except edit.TooManyRules:
                form.add_error(None, _("The list is full: %(n)d rules. Remove one first.") % {"n": edit.MOST})
            else:
                messages.success(request, _("The rule is added."))
                return _back(connection)
        return self._form(request, connection, form, _("New stage rule"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rule = self.one_rule(request, object_id)
        form = RuleForm(request.POST or None, connection=rule.connection, rule=rule)
        if request.method == "POST" and form.is_valid():
            edit.change(rule, form.draft)
            messages.success(request, _("The rule is changed."))
            return _back(rule.connection)
        return self._form(request, rule.connection, form, _("Stage rule"))

    def _form(self, request: HttpRequest, connection: Connection, form: RuleForm, title: str) -> HttpResponse:
        conditions = [
            {"value": when.value, "text": text, "field": form[FIELD_OF[when]] if when in FIELD_OF else None}
            for when, text in CONDITIONS.items()
        ]
        return self.page(
            request, "admin/bridge/rule_form.html", title, form=form, conditions=conditions, connection=connection,
            back=_address(connection), here=request.path, calls=directory.CALLS,
            no_directory=not (form.known_labels or form.names["team"] or form.names["assignee"]),
            has_booleans=bool(connection.lead_booleans) and len(connection.pipelines) > 1,
        )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request, obj)


def _address(connection: Connection) -> str:
    return f"{reverse(LIST)}?connection={connection.pk}"


def _back(connection: Connection, asked: str = "") -> HttpResponseRedirect:
    """To the list, or to the form that asked: only our own addresses."""
    own = reverse(LIST)
    return HttpResponseRedirect(asked if asked.startswith(own) else _address(connection))


def _sentence(chosen: Connection | None, lines: Sequence[Line]) -> tuple[Word, str]:
    if chosen is None:
        return Word.IGNORED, _("There is no connection yet.")
    if not chosen.stage_progression_enabled:
        return Word.IGNORED, _("The rules are off: no opportunity moves by itself.")
    acting = [line for line in lines if line.is_enabled and line.trouble is None]
    if not acting:
        return Word.WAITING, _("No rule can act: no opportunity moves by itself.")
    text = ngettext("%(n)d rule moves opportunities", "%(n)d rules move opportunities", len(acting))
    troubled = sum(line.trouble is not None for line in lines)
    if not troubled:
        return Word.DONE, f"{text % {'n': len(acting)}}."
    more = ngettext("%(n)d needs attention", "%(n)d need attention", troubled) % {"n": troubled}
    return Word.WAITING, f"{text % {'n': len(acting)}} · {more}."


def _shown(connection: Connection, line: Line, own: Sequence[Line]) -> dict[str, Any]:
    row = line.row
    return {
        "number": line.number, "when": words.condition_of(connection, line), "stage": words.target_of(connection, line),
        "trouble": words.trouble_of(line), "is_bad": line.trouble in {Trouble.STAGE_GONE, Trouble.VALUE_GONE},
        "is_on": line.is_enabled, "is_built_in": row is None,
        "is_first": bool(own) and line is own[0], "is_last": bool(own) and line is own[-1],
        "act": reverse("admin:bridge_stagerule_act", args=[row.pk]) if row else "",
        "change": reverse("admin:bridge_stagerule_change", args=[row.pk]) if row else "",
    }  # fmt: skip


def _told(connection: Connection, lines: Sequence[Line], outcome: Outcome) -> dict[str, Any]:
    """The simulation in words: moved by rule, skipped by reason."""
    by_key = {line.rule.key: line for line in lines}
    moved = [
        {"count": count, "number": by_key[key].number, "when": words.condition_of(connection, by_key[key]),
         "stage": words.target_of(connection, by_key[key])}
        for key, count in outcome.moved.most_common() if key in by_key
    ]  # fmt: skip
    skipped = [{"count": count, "reason": words.SKIPPED[reason]} for reason, count in outcome.skipped.most_common()]
    text = ngettext(
        "In the last %(days)d days %(all)d opportunity had a conversation: %(n)d would move.",
        "In the last %(days)d days %(all)d opportunities had a conversation: %(n)d would move.",
        outcome.opportunities,
    )
    sentence = text % {"days": DAYS, "all": outcome.opportunities, "n": outcome.total}
    return {"sentence": sentence, "moved": moved, "skipped": skipped, "cut": MOST if outcome.is_cut else 0}
