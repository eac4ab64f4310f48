"""A5 First conversation: did it arrive, where is it now? Live, from our own database."""

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError as BrokerAway

from bridge.admin import cells
from bridge.connecting import assistant, checks
from bridge.connecting.checks.base import keep
from bridge.connecting.look import Look
from bridge.connecting.problems import problem_of
from bridge.connecting.reading_back import read_back
from bridge.errors import PartnerError
from bridge.models import Connection, Setup
from bridge.queries import addresses
from bridge.queries.setup_first import FirstMessage, first_message, hurry_note, next_poll
from bridge.queries.words import Word
from bridge.reconcile import chatwoot as reconcile_chatwoot
from bridge.sync.lanes import mark_dirty
from bridge.tasks import read_back_first
from config.times import hour

if TYPE_CHECKING:
    from bridge.admin.base import OperationAdmin as Pages
else:
    Pages = object

logger = logging.getLogger(__name__)
EVERY_S = 2
READ_BACK_AGAIN_S = 20


class FirstPages(Pages):
    """The page that follows the first message, the part of it that renews itself, and its buttons."""

    def setup_or_404(self, request: HttpRequest, pk: UUID) -> Setup:
        """Of the assistant."""
        raise Http404

    def watched(self, request: HttpRequest, pk: UUID) -> Setup:
        setup = self.setup_or_404(request, pk)
        if setup.connection is None:
            raise Http404
        if setup.watch_from is None:
            assistant.watch(setup)
        return setup

    def first_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        setup = self.watched(request, pk)
        back = reverse("admin:bridge_setup_step", args=[setup.pk, Setup.Step.SWITCH.value])
        return self.page(request, "admin/bridge/first.html", _("First conversation"), back=back, **shown(setup))

    def live_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The part that renews itself every two seconds; asks only our own tables."""
        setup = self.watched(request, pk)
        context = shown(setup)
        _ask_to_read_back(setup, context["first"])
        return TemplateResponse(request, "admin/bridge/first_live.html", context)

    def first_act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST one of `again`, `poll`, `note`, `read`, or `check` with the code of a check."""
        if request.method != "POST":
            raise Http404
        setup = self.watched(request, pk)
        try:
            self._act(request, setup, setup.connection)  # type: ignore[arg-type]
        except PartnerError as error:
            messages.error(request, str(problem_of(error)))
        return HttpResponseRedirect(reverse("admin:bridge_setup_first", args=[setup.pk]))

    def _act(self, request: HttpRequest, setup: Setup, connection: Connection) -> None:
        if "again" in request.POST:
            assistant.watch(setup)
        elif "poll" in request.POST:
            polled = reconcile_chatwoot.poll(connection)
            messages.info(request, _("Chatwoot was asked: %(n)d conversations brought.") % {"n": polled.brought})
        elif "note" in request.POST:
            first = first_message(setup)
            if first.event and first.conversation_id and hurry_note(connection, first.conversation_id):
                mark_dirty(connection.pk, first.event.lane_key)
        elif "read" in request.POST:
            first = first_message(setup)
            if first.event and not read_back(setup, first.event.lane_key):
                messages.warning(request, _("Krayin does not show it yet."))
        elif request.POST.get("check") in checks.BY_CODE:
            found = checks.run([checks.BY_CODE[request.POST["check"]]], Look(connection))
            keep(setup, found)
            for finding in found:
                level = messages.success if finding.state == checks.State.OK else messages.warning
                level(request, f"{finding.check.title}: {finding.found} {finding.fix}".strip())


def _ask_to_read_back(setup: Setup, first: FirstMessage) -> None:
    """Let a job read it back, once every so often; without a broker the page has a button for it."""
    now = timezone.now()
    asked = setup.read_back_asked_at
    if (
        not first.wants_reading_back
        or first.event is None
        or (asked and (now - asked).total_seconds() < READ_BACK_AGAIN_S)
    ):
        return
    rows = Setup.objects.filter(pk=setup.pk, read_back_asked_at=asked)
    if not rows.update(read_back_asked_at=now):
        return
    try:
        read_back_first.apply_async(args=(str(setup.pk), first.event.lane_key), retry=False)
    except BrokerAway:
        logger.warning("not read back: no broker")


def shown(setup: Setup) -> dict[str, Any]:
    """What the page and its live part draw."""
    first, now = first_message(setup), timezone.now()
    connection = first.connection
    zone = ZoneInfo(connection.clinic.time_zone)
    word, sentence = _sentence(first)
    inboxes = [str(connection.inbox_names.get(str(n), n)) for n in connection.inbox_ids]
    return {
        "first": first, "setup": setup, "connection": connection, "word": word, "sentence": sentence, "every": EVERY_S,
        "points": [_point(point, zone) for point in first.points],
        "inbox": inboxes[0] if inboxes else "", "poll_at": hour(next_poll(connection, now=now), zone, now),
        "lead": addresses.krayin_lead(connection, first.lead_id) if first.lead_id else "",
        "chat": addresses.chatwoot_conversation(connection, first.conversation_id) if first.conversation_id else "",
        "note_waits": bool(first.lead_id and not first.is_shadow and first.note_due and first.note_due > now),
        "would": _would(first), "live": reverse("admin:bridge_setup_live", args=[setup.pk]),
        "act": reverse("admin:bridge_setup_first_act", args=[setup.pk]),
        "trace": reverse("admin:bridge_observedcontact_change", args=[first.contact.pk]) if first.contact else "",
        "switch": reverse("admin:bridge_setup_step", args=[setup.pk, Setup.Step.SWITCH.value]),
        "is_slow": first.wants_reading_back and bool(setup.read_back_asked_at),
    }  # fmt: skip


def _point(point: Any, zone: ZoneInfo) -> dict[str, Any]:
    texts = {Word.WAITING: "", Word.IGNORED: _("not needed")}
    return {
        "name": point.name, "text": point.text, "word": point.word.value,
        "badge": cells.badge(point.word, texts.get(point.word) or None) if point.word != Word.WAITING else "",
        "time": point.at.astimezone(zone).strftime("%H:%M:%S") if point.at else "",
        "iso": point.at.isoformat(timespec="seconds") if point.at else "",
    }  # fmt: skip


def _sentence(first: FirstMessage) -> tuple[Word, str]:
    """The answer: did it arrive, where is it now?"""
    if first.event is None:
        return Word.WAITING, _("Nothing has arrived yet.")
    failed = next((p for p in first.points if p.word in {Word.FAILED, Word.BLOCKED}), None)
    if failed:
        return failed.word, _("Stopped at “%(where)s”: %(why)s") % {"where": failed.name, "why": failed.text}
    if first.setup.read_back_at:
        return Word.DONE, _("It arrived: Krayin shows the person, the opportunity and the note.")
    if first.is_shadow and first.contact:
        return Word.POSTPONED, _("It arrived. In shadow nothing is written; below is what would be.")
    now_at = next((p.name for p in first.points if p.word not in {Word.DONE, Word.IGNORED}), first.points[-1].name)
    return Word.RUNNING, _("On its way: now at “%(where)s”.") % {"where": now_at}


def _would(first: FirstMessage) -> list[tuple[str, str]]:
    """In shadow: what would be written, with the person as a mask."""
    if not first.is_shadow or first.contact is None:
        return []
    connection, contact = first.connection, first.contact
    inbox_id = contact.conversations.order_by("pk").values_list("inbox_id", flat=True).first()
    inbox = str(connection.inbox_names.get(str(inbox_id), ""))
    title = connection.title_template.replace("{nome}", contact.mask).replace("{caixa}", inbox)
    stages = {s["id"]: s["name"] for s in connection.stages}
    has = [_("phone")] * contact.has_phone + [_("e-mail")] * contact.has_email
    lines = [
        (_("person"), f"{contact.mask} · {', '.join(has) or _('without phone and e-mail')}"),
        (_("opportunity"), f"{title} · {stages.get(connection.first_stage_id, connection.default_stage_name)}"),
    ]
    if connection.preset != Connection.Preset.CONTACTS:
        has_text = connection.preset == Connection.Preset.TEXT
        what = _("with the text of the messages") if has_text else _("summary, without text")
        lines.append((_("note"), f"{_('one per conversation and day')} · {what}"))
    return lines
