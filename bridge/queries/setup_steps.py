"""A2 First steps: what is missing until the first conversation reaches the CRM?"""

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.translation import gettext as _

from bridge.health import runs
from bridge.models import Connection, Notice, Setup, SetupMark, SyncedObject
from consent.models import Clinic
from consent.roles import Capability, Role, roles_with

CONNECT = roles_with(Capability.CONNECTIONS_CHANGE)
CLINIC = roles_with(Capability.CLINIC_CHANGE)
CONFIRM = roles_with(Capability.PRIVACY_ACT)
FINGERPRINT = 6
Step = Setup.Step


@dataclass(frozen=True)
class FirstStep:
    """One line: done or not, who does it, where. `mark` is a code that a person confirms."""

    number: int
    text: str
    is_done: bool
    who: str
    detail: str = ""
    button: str = ""
    is_optional: bool = False
    roles: Collection[Role] = field(default=CONNECT)
    setup: Setup | None = None
    step: str = ""
    view: str = ""
    mark: str = ""


def keys_fingerprint() -> str:
    """First characters of the SHA-256 of PONTE_MASTER_KEYS as text: whoever stored it can compute them there."""
    text = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in settings.MASTER_KEYS.items())
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT]


def first_steps(connections: Sequence[Connection]) -> list[FirstStep]:
    """Ten lines in order; those of a connection follow the furthest one."""
    technical, dpo = _("technical administrator"), _("data protection officer")
    setup = _furthest(connections)
    done = set(setup.steps) if setup else set()
    connection = setup.connection if setup else None
    clinics = {row.clinic_id: row.clinic for row in connections} or {c.pk: c for c in Clinic.objects.all()[:50]}
    marks = {mark.code: mark.detail for mark in SetupMark.objects.all()}
    is_known = bool(clinics) and all(c.dpo_name and c.legal_name and c.dpo_contact for c in clinics.values())
    is_confirmed = bool(clinics) and all(clinic.has_confirmed_policy for clinic in clinics.values())
    start = "admin:bridge_setup_new" if setup is None else ""
    return [
        FirstStep(
            1, _("Data of the clinic and of the data protection officer"), is_known, _("clinic management"),
            button=_("Fill in"), roles=CLINIC, view="admin:consent_clinic_changelist",
        ),
        FirstStep(
            2, _("Keys kept outside the server"), marks.get("keys") == keys_fingerprint(), technical, mark="keys",
            detail=_("Without the keys no backup can be read."),
        ),
        FirstStep(
            3, _("Chatwoot connected"), Step.CHATWOOT in done, technical, button=_("Connect"), setup=setup,
            step=(Step.CHATWOOT if Step.ADDRESS in done else Step.ADDRESS).value, view=start,
        ),
        FirstStep(
            4, _("Krayin connected"), Step.KRAYIN in done, technical, button=_("Connect") if setup else "",
            setup=setup, step=Step.KRAYIN.value,
        ),
        FirstStep(
            5, _("What to send chosen, legal bases confirmed"), Step.SEND in done and is_confirmed,
            f"{technical}, {dpo}", button=_("Choose") if connection else "", roles=CONNECT | CONFIRM, setup=setup,
            step=Step.SEND.value,
        ),
        FirstStep(
            6, _("Both partners prepared"), {Step.PREPARE_KRAYIN, Step.PREPARE_CHATWOOT} <= done, technical,
            button=_("Prepare") if connection else "", setup=setup,
            step=(Step.PREPARE_CHATWOOT if Step.PREPARE_KRAYIN in done else Step.PREPARE_KRAYIN).value,
        ),
        FirstStep(
            7, _("First conversation seen in Krayin"), _is_seen(connections), technical,
            button=_("Follow it") if connection else "", setup=setup, step=Step.TEST.value,
        ),
        FirstStep(
            8, _("Somebody gets the alerts: a test arrived"), _is_told(), technical, button=_("Send a test"),
            view="admin:bridge_alertrule_changelist",
        ),
        FirstStep(
            9, _("History imported, or not wanted"), "import" in marks, technical, is_optional=True, mark="import"
        ),
        FirstStep(
            10, _("A backup restored once as a test"), "restore" in marks or _is_restored(), technical,
            is_optional=True, mark="restore",
        ),
    ]  # fmt: skip


def _furthest(connections: Sequence[Connection]) -> Setup | None:
    """The set-up with most steps finished; one without connection counts only when there is no connection."""
    rows = Setup.objects.select_related("connection__clinic", "connection__krayin")
    mine = list(rows.filter(connection__in=connections)) or list(
        rows.filter(connection=None).order_by("-updated_at")[:1]
    )
    return max(mine, key=lambda row: len(row.steps), default=None)


def _is_told() -> bool:
    """Whether a notice has ever gone out, a test or a real one."""
    return Notice.objects.filter(state=Notice.State.SENT).exists()


def _is_restored() -> bool:
    tested = runs.last(runs.RESTORE_TEST).get(runs.RESTORE_TEST)
    return tested is not None and tested.ok_at is not None


def _is_seen(connections: Sequence[Connection]) -> bool:
    return SyncedObject.objects.filter(connection__in=connections, kind=SyncedObject.Kind.LEAD).exists()
