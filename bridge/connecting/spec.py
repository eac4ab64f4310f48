"""The connection file: read and checked before anything is asked of a partner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from bridge.connecting.crm_settings import STAGE_KEYS, Chosen
from bridge.connecting.rows import Entrance
from bridge.connecting.typed import UnusableAddress, chatwoot_address, krayin_address
from bridge.models import Connection


class UnusableSpec(ValueError):
    """The connection file cannot be used; the message names the key, the problem and the fix."""


@dataclass(frozen=True)
class Spec:
    """What a connection file says. Names or ids are accepted for pipeline, stages, source and type."""

    name: str
    clinic_name: str
    clinic_legal_name: str
    clinic_cnpj: str
    time_zone: str
    chatwoot_url: str
    account_id: int
    chatwoot_token: str = field(repr=False)
    inboxes: tuple[int, ...] | None  # None: every inbox of the account
    polling_only: bool  # no webhook: Chatwoot cannot reach us, or cannot sign
    krayin_url: str
    krayin_moved_from: str  # the address under which this installation was known before
    krayin_accounts: tuple[Entrance, ...]
    make_source: bool
    chosen: Chosen
    stages: Mapping[str, str | int]
    preset: str
    message_text: str
    sync_to_organization: bool
    title_template: str
    note_quiet_s: int
    state: str
    policy_confirmed_by: str


def read_spec(data: object) -> Spec:
    """Check a parsed connection file. Raises UnusableSpec for the first problem found."""
    top = _object(data, _("the file"))
    clinic, chatwoot, krayin = (_object(top.get(key), key) for key in ("clinic", "chatwoot", "krayin"))
    send, stages = _object(top.get("send", {}), "send"), _object(top.get("stages", {}), "stages")
    unknown = set(stages) - set(STAGE_KEYS)
    if unknown:
        raise UnusableSpec(
            _("stages.%(key)s is not known: use %(keys)s") % {"key": sorted(unknown)[0], "keys": ", ".join(STAGE_KEYS)}
        )
    name = _text(top, "name")
    clinic_name = _text(clinic, "name", "clinic")
    return Spec(
        name=name,
        clinic_name=clinic_name,
        clinic_legal_name=_text(clinic, "legal_name", "clinic", default=clinic_name),
        clinic_cnpj=_text(clinic, "cnpj", "clinic", default=""),
        time_zone=_text(clinic, "time_zone", "clinic", default="America/Sao_Paulo"),
        chatwoot_url=_url(chatwoot, "chatwoot"),
        account_id=_number(chatwoot, "account_id", "chatwoot"),
        chatwoot_token=_text(chatwoot, "token", "chatwoot"),
        inboxes=_inboxes(chatwoot),
        polling_only=chatwoot.get("polling_only") is True,
        krayin_url=_url(krayin, "krayin"),
        krayin_moved_from=_url(krayin, "krayin", key="moved_from") if krayin.get("moved_from") else "",
        krayin_accounts=_accounts(krayin),
        make_source=krayin.get("make_source") is True,
        chosen=_chosen(krayin),
        stages={key: value for key, value in stages.items() if value is not None},
        preset=_choice(send, "preset", "send", Connection.Preset.values, Connection.Preset.SUMMARY),
        message_text=_choice(send, "message_text", "send", Connection.MessageText.values, Connection.MessageText.OFF),
        sync_to_organization=bool(send.get("sync_to_organization", False)),
        title_template=_text(send, "title_template", "send", default="{nome} · {caixa}"),
        note_quiet_s=_number(send, "note_quiet_s", "send", default=600),
        state=_choice(top, "state", "", ["draft", "shadow", "active"], "shadow"),
        policy_confirmed_by=_text(top, "policy_confirmed_by", default=""),
    )


def _chosen(krayin: Mapping[str, Any]) -> Chosen:
    chosen = {key: krayin.get(key) for key in ("pipeline", "first_stage", "source", "type")}
    for key, value in chosen.items():
        if value is not None and (not isinstance(value, (str, int)) or isinstance(value, bool)):
            raise UnusableSpec(_("krayin.%(key)s is neither a name nor a number") % {"key": key})
    return Chosen(**chosen)


def _object(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnusableSpec(_("%(key)s is missing or not an object: write it as {…}") % {"key": key})
    return value


def _place(key: str, inside: str) -> str:
    return f"{inside}.{key}" if inside else key


def _text(data: Mapping[str, Any], key: str, inside: str = "", *, default: str | None = None) -> str:
    value = data.get(key, default)
    if not isinstance(value, str) or (not value.strip() and default is None):
        raise UnusableSpec(_("%(key)s is missing: write it as text") % {"key": _place(key, inside)})
    return value.strip()


def _number(data: Mapping[str, Any], key: str, inside: str, *, default: int | None = None) -> int:
    value = data.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnusableSpec(_("%(key)s is not a whole number: write it without quotes") % {"key": _place(key, inside)})
    return value


def _url(data: Mapping[str, Any], inside: str, *, key: str = "url") -> str:
    text = _text(data, key, inside)
    wrong = UnusableSpec(_("%(key)s is not an address: write it with https://") % {"key": _place(key, inside)})
    if not text.startswith(("http://", "https://")):
        raise wrong
    try:
        return chatwoot_address(text)[0] if inside == "chatwoot" else krayin_address(text)
    except UnusableAddress as error:
        raise wrong from error


def _choice(data: Mapping[str, Any], key: str, inside: str, allowed: list[str], default: str) -> str:
    value = data.get(key, default)
    if value not in allowed:
        raise UnusableSpec(
            _("%(key)s is not one of %(allowed)s") % {"key": _place(key, inside), "allowed": ", ".join(allowed)}
        )
    return str(value)


def _inboxes(chatwoot: Mapping[str, Any]) -> tuple[int, ...] | None:
    value = chatwoot.get("inboxes", "all")
    if value == "all":
        return None
    if not isinstance(value, list) or not value or not all(isinstance(i, int) and i > 0 for i in value):
        raise UnusableSpec(_('chatwoot.inboxes is neither "all" nor a list of inbox numbers'))
    return tuple(sorted(set(value)))


def _accounts(krayin: Mapping[str, Any]) -> tuple[Entrance, ...]:
    entries = krayin.get("users") or [krayin]
    if not isinstance(entries, list):
        raise UnusableSpec(_("krayin.users is not a list"))
    accounts = []
    for entry in entries:
        data = _object(entry, "krayin.users")
        account = Entrance(
            email=_text(data, "email", "krayin"),
            password=_text(data, "password", "krayin", default=""),
            token=_text(data, "token", "krayin", default=""),
        )
        if not account.password and not account.token:
            raise UnusableSpec(_("krayin needs a password or a token for each user"))
        accounts.append(account)
    return tuple(accounts)
