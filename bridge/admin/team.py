"""A9 Team: who in the chat is who in the CRM, and who gets an opportunity?"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.admin import cells
from bridge.admin.base import PerConnectionAdmin
from bridge.connecting.problems import problem_of
from bridge.errors import PartnerError
from bridge.models import Connection, DirectoryEntry, Owner, OwnerRule
from bridge.queries.team import Pair, Person, Team, team_of
from bridge.queries.words import Word
from bridge.team import directory, edit
from bridge.team.lists import today_of

Rule = OwnerRule.Rule
LIST = "admin:bridge_ownerrule_changelist"
RULES = {
    Rule.KEEP: gettext_lazy(
        "Leave it to Krayin. New opportunities get the default owner, if there is one; nobody is ever changed."
    ),
    Rule.ASSIGNEE: gettext_lazy(
        "Whoever attends the conversation. When somebody else takes it over in Chatwoot, the opportunity goes along."
    ),
    Rule.TEAM: gettext_lazy(
        "The person of the team. When the conversation goes to another team, the opportunity goes along."
    ),
    Rule.ROUND_ROBIN: gettext_lazy("Each in turn, among those marked below. Afterwards Ponte changes nobody."),
}


class RuleForm(forms.Form):
    """The connection's rule; whoever left Krayin cannot be chosen."""

    rule = forms.ChoiceField(
        label=gettext_lazy("Who gets the opportunity?"), choices=list(RULES.items()), widget=forms.RadioSelect
    )
    default = forms.ChoiceField(label=gettext_lazy("Default owner"), required=False)

    def __init__(self, data: Mapping[str, Any] | None, *, team: Team) -> None:
        super().__init__(data, initial={"rule": team.rule.rule, "default": team.rule.default_owner_id or ""})
        self.owners = {str(one.owner.pk): one.owner for one in team.people if one.owner.is_there}
        choices = [("", _("nobody")), *((pk, owner.name) for pk, owner in self.owners.items())]
        self.fields["default"].choices = choices  # type: ignore[attr-defined]

    @property
    def default_owner(self) -> Owner | None:
        return self.owners.get(self.cleaned_data["default"])


@admin.register(OwnerRule)
class TeamAdmin(PerConnectionAdmin):
    """One page for each connection, drawn by hand: two lists side by side and the rule between them."""

    joined = ("clinic", "owner_rule__default_owner")
    question = gettext_lazy("Who in the chat is who in the CRM?")
    help_text = gettext_lazy(
        "Ponte pairs the people of Chatwoot with the users of Krayin by equal e-mail; you may choose another pair. The "
        "rule says who gets an opportunity. What somebody changes in Krayin stays, unless the conversation goes to "
        "somebody else afterwards. Who is absent is passed over."
    )
    actions = ()

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(self.act_view)
        return [path("of/<int:connection_id>/act/", act, name="bridge_ownerrule_act"), *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request, obj)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        connections, chosen = self.choice(request)
        team = team_of(chosen) if chosen else None
        word, sentence = _sentence(chosen, team)
        may_act = chosen is not None and self.connections(request, act=True).filter(pk=chosen.pk).exists()
        return self.page(
            request, "admin/bridge/team.html", _("Team"), word=word, sentence=sentence, chosen=chosen,
            connections=connections, may_act=may_act, calls=directory.CALLS,
            **(_shown(chosen, team) if chosen and team else {}),
        )  # fmt: skip

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of the connection; what belongs to another clinic is not there."""
        rows = self.connections(request)
        found = rows.filter(pk=object_id, owner_rule__isnull=False).first() if object_id.isdecimal() else None
        if found is None:
            raise Http404
        return HttpResponseRedirect(_address(found))

    # Acting -----------------------------------------------------------------------------------------------------------

    def act_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        """POST `do`: read both lists; save the rule, the pairs, who is there."""
        connection = self.one_connection(request, connection_id, act=True)
        acts: dict[str, Callable[[HttpRequest, Connection], None]] = {
            "fetch": _fetch, "rule": _save_rule, "pairs": _save_pairs, "people": _save_people,
        }  # fmt: skip
        act = acts.get(request.POST.get("do", "")) if request.method == "POST" else None
        if act is not None:
            act(request, connection)
        return HttpResponseRedirect(_address(connection))


def _address(connection: Connection) -> str:
    return f"{reverse(LIST)}?connection={connection.pk}"


def _fetch(request: HttpRequest, connection: Connection) -> None:
    try:
        found = directory.fetch(connection)
    except PartnerError as error:
        messages.error(request, str(problem_of(error)))
        return
    text = _("%(here)d people in Chatwoot, %(there)d users in Krayin, %(pairs)d pairs by e-mail.")
    messages.success(request, text % {"here": found.agents, "there": found.owners, "pairs": found.pairs})


def _save_rule(request: HttpRequest, connection: Connection) -> None:
    form = RuleForm(request.POST, team=team_of(connection))
    if not form.is_valid():
        messages.error(request, _("Choose one of the rules and somebody of the list."))
        return
    edit.set_rule(connection, form.cleaned_data["rule"], form.default_owner)
    messages.success(request, _("The rule is saved. It counts from what happens next."))


def _save_pairs(request: HttpRequest, connection: Connection) -> None:
    team = team_of(connection)
    owners = {str(one.owner.pk): one.owner for one in team.people}
    changed = 0
    for one in (*team.agents, *team.teams):
        said = request.POST.get(_pair_name(one.entry))
        if said is not None and (said == "" or said in owners):
            changed += edit.pair(one.entry, owners.get(said))
    _tell_changed(request, changed)


def _save_people(request: HttpRequest, connection: Connection) -> None:
    changed = refused = 0
    for one in team_of(connection).people:
        owner, said = one.owner, request.POST
        if str(owner.pk) not in said.getlist("person"):
            continue
        until = _until(said, owner)
        is_absent = f"absent-{owner.pk}" in said
        if is_absent and until is not None and until < today_of(connection):
            messages.error(request, _("%(who)s: the last day of the absence is already over.") % {"who": owner})
            refused += 1
            continue
        takes_turns = f"turn-{owner.pk}" in said
        changed += edit.set_work(owner, takes_turns=takes_turns, is_absent=is_absent, until=until)
    if changed or not refused:
        _tell_changed(request, changed)


def _until(said: QueryDict, owner: Owner) -> date | None:
    try:
        return parse_date(said.get(f"until-{owner.pk}", ""))
    except ValueError:  # a day there is not
        return None


def _tell_changed(request: HttpRequest, changed: int) -> None:
    if changed:
        messages.success(request, ngettext("%(n)d change saved.", "%(n)d changes saved.", changed) % {"n": changed})
    else:
        messages.info(request, _("Nothing was changed."))


# What is shown --------------------------------------------------------------------------------------------------------


def _pair_name(entry: DirectoryEntry) -> str:
    return f"pair-{entry.pk}"


def _sentence(chosen: Connection | None, team: Team | None) -> tuple[Word, str]:
    if chosen is None or team is None:
        return Word.IGNORED, _("There is no connection yet.")
    if team.rule.read_at is None:
        return Word.WAITING, _("The people of Chatwoot and Krayin are not known here yet: read the lists.")
    if team.gone:
        names = ", ".join(owner.name for owner in team.gone)
        return Word.FAILED, _("Krayin no longer has somebody the rule names: %(names)s.") % {"names": names}
    if _nobody_takes_turns(chosen, team):
        return Word.WAITING, _("Nobody in the rotation is there: new opportunities get the default owner.")
    paired = len(team.agents) - team.unpaired
    text = ngettext(
        "%(paired)d of %(all)d person of Chatwoot has a pair in Krayin",
        "%(paired)d of %(all)d people of Chatwoot have a pair in Krayin",
        len(team.agents),
    ) % {"paired": paired, "all": len(team.agents)}
    none = ngettext(
        "%(n)d open opportunity has no owner", "%(n)d open opportunities have no owner", team.without_owner
    ) % {"n": team.without_owner}
    is_asked = team.rule.rule == Rule.ASSIGNEE and team.unpaired
    return (Word.WAITING if is_asked else Word.DONE), f"{text} · {none}."


def _nobody_takes_turns(chosen: Connection, team: Team) -> bool:
    today = today_of(chosen)
    waiting = any(one.owner.takes_turns and one.owner.may_get(today) for one in team.people)
    return team.rule.rule == Rule.ROUND_ROBIN and not waiting


def _shown(chosen: Connection, team: Team) -> dict[str, Any]:
    return {
        "form": RuleForm(None, team=team),
        "rules": [{"value": rule.value, "text": text} for rule, text in RULES.items()],
        "default": _gone_name(team.rule.default_owner),
        "agents": [_pair(one) for one in team.agents],
        "teams": [_pair(one) for one in team.teams],
        "choices": [(one.owner.pk, str(one.owner)) for one in team.people if one.owner.is_there],
        "people": [_person(chosen, one, team.agents) for one in team.people],
        "without_owner": team.without_owner,
        "of_others": team.of_others,
        "cannot_move": bool(chosen.lead_booleans) and team.rule.rule in {Rule.ASSIGNEE, Rule.TEAM},
        "read": cells.since(team.rule.read_at, cells.zone_of(chosen)) if team.rule.read_at else "",
    }


def _gone_name(owner: Owner | None) -> str:
    """The name of somebody who can no longer be chosen."""
    return owner.name if owner and not owner.is_there else ""


def _pair(one: Pair) -> dict[str, Any]:
    found = _("by hand") if one.is_by_hand else _("by e-mail") if one.owner else _("no pair")
    return {
        "field": _pair_name(one.entry), "name": one.entry.name, "mask": one.entry.mask,
        "owner": one.owner.pk if one.owner else None, "owner_name": one.owner.name if one.owner else "",
        "found": found, "gone": _gone_name(one.owner),
    }  # fmt: skip


def _person(chosen: Connection, one: Person, agents: Sequence[Pair]) -> dict[str, Any]:
    owner = one.owner
    return {
        "pk": owner.pk, "name": owner.name, "mask": owner.mask, "open": one.open, "owner": owner,
        "pairs": ", ".join(pair.entry.name for pair in agents if pair.owner == owner),
        "state": _state(chosen, owner),
        "until": owner.absent_until.isoformat() if owner.absent_until else "",
    }  # fmt: skip


def _state(chosen: Connection, owner: Owner) -> Any:
    if owner.gone_at is not None:
        return cells.badge(Word.FAILED, _("no longer in Krayin"))
    if not owner.is_active:
        return cells.badge(Word.FAILED, _("switched off in Krayin"))
    if not owner.is_away(today_of(chosen)):
        return cells.badge(Word.DONE, _("there"))
    if owner.absent_until is None:
        return cells.badge(Word.POSTPONED, _("absent"))
    return cells.badge(
        Word.POSTPONED, _("absent until %(day)s") % {"day": date_format(owner.absent_until, "SHORT_DATE_FORMAT")}
    )
