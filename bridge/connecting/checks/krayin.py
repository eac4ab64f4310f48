"""What fails in practice on Krayin's side (Krayin contract sections 0 to 6, 11 and 13)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.connecting.changes import apply
from bridge.connecting.checks.base import Check, Finding
from bridge.connecting.krayin_changes import HINTS, NEEDED, LeadReference, OptionalEmail, PersonReference
from bridge.connecting.look import Look
from bridge.connecting.problems import problem_of
from bridge.errors import PartnerError

ME = frozenset({"me"})
USUAL_LIMIT = 60
LOGIN_CODES = frozenset({"wrong-credentials", "no-password-kept", "no-user", "new-token-refused"})


class Reached(Check):
    code = "KRAYIN_REACHED"
    title = gettext_lazy("Krayin answers at this address")
    why = gettext_lazy("Everything Ponte writes goes there.")
    fix = gettext_lazy("Correct the address.")
    reads = ME

    def look(self, look: Look) -> Finding:
        try:
            look.me()
        except PartnerError as error:
            if error.code not in LOGIN_CODES | {"unknown-route"}:
                problem = problem_of(error)
                return self.fail(problem.found, problem.fix)
        return self.ok(_("Krayin answers."))


class Package(Check):
    code = "KRAYIN_PACKAGE"
    title = gettext_lazy("REST package of Krayin")
    why = gettext_lazy("The programming interface is not part of Krayin itself: a package has to be installed.")
    fix = gettext_lazy(
        "On Krayin's server: for Krayin 2.0.5 to 2.1.x the package krayin/rest-api 2.1; for Krayin 2.2 "
        "tuaititecnologia/krayin-rest-api 3. Then try again."
    )
    reads = ME

    def look(self, look: Look) -> Finding:
        try:
            look.me()
        except PartnerError as error:
            if error.code == "unknown-route":
                return self.fail(_("Krayin's programming interface is not there, or of another line."))
            if error.code not in LOGIN_CODES:
                raise
        return self.ok(_("The package answers."))


class Login(Check):
    code = "KRAYIN_LOGIN"
    title = gettext_lazy("User of Krayin")
    why = gettext_lazy(
        "Ponte writes as this user; signing in ends the user's other API tokens, so it needs one of its own."
    )
    fix = gettext_lazy("Type e-mail and password again; first try them in the browser.")
    reads = ME

    def look(self, look: Look) -> Finding:
        try:
            look.me()
        except PartnerError as error:
            if error.code not in LOGIN_CODES:
                raise
            problem = problem_of(error)
            return self.fail(problem.found, problem.fix)
        return self.ok(_("Krayin accepts the user."))


class Visibility(Check):
    code = "KRAYIN_VISIBILITY"
    title = gettext_lazy("The user sees all records")
    why = gettext_lazy("With any other setting Krayin's search fails, and Ponte could not find who exists already.")
    fix = gettext_lazy("In Krayin: Settings → Users → edit the user → View permission: Global.")
    reads = ME

    def look(self, look: Look) -> Finding:
        if look.me().view_permission == "global":
            return self.ok(_("The view permission is global."))
        return self.fail(_("The view permission of the user is not global."))


class Email(Check):
    code = "KRAYIN_EMAIL"
    title = gettext_lazy("E-mail of persons is optional")
    why = gettext_lazy("Otherwise a contact that only has a phone cannot be created.")
    fix = gettext_lazy("Let Ponte make it optional, or in Krayin: Settings → Attributes → Emails → not required.")
    reads = frozenset({"attributes"})
    repair_label = gettext_lazy("Make it optional")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        if OptionalEmail().stands(look):
            return self.ok(_("The e-mail is optional."))
        return self.fail(_("Krayin demands an e-mail for every person."))

    def repair(self, look: Look) -> None:
        apply([OptionalEmail()], look)


class Fields(Check):
    code = "KRAYIN_FIELDS"
    title = gettext_lazy("Fields for Ponte's references")
    why = gettext_lazy("By them Ponte finds again what it wrote; without them a lost answer could not be looked up.")
    fix = gettext_lazy("Prepare Krayin again: only what is missing is made.")
    reads = frozenset({"attributes"})
    repair_label = gettext_lazy("Make the fields")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        missing = [change for change in (PersonReference(), LeadReference()) if not change.stands(look)]
        if not missing:
            return self.ok(_("Both fields are there."))
        return self.fail(_("Missing: %(names)s.") % {"names": "; ".join(str(change.title) for change in missing)})

    def repair(self, look: Look) -> None:
        apply(NEEDED, look)


class Targets(Check):
    code = "KRAYIN_TARGETS"
    title = gettext_lazy("Pipeline, stages, source and type exist")
    why = gettext_lazy("An opportunity in a stage or with a source that was deleted is refused by Krayin.")
    fix = gettext_lazy("Choose others under What to send.")
    reads = frozenset({"pipelines", "sources", "types"})
    needs_connection = True

    def look(self, look: Look) -> Finding:
        connection = look.connection
        pipelines = {pipeline.id: pipeline for pipeline in look.pipelines()}
        pipeline = pipelines.get(connection.pipeline_id or 0)
        if pipeline is None:
            return self.fail(_("The pipeline no longer exists: %(what)s.") % {"what": _number(connection.pipeline_id)})
        stages = {stage.id for stage in pipeline.stages}
        wanted = [connection.first_stage_id]
        if connection.stage_progression_enabled:
            wanted += [
                connection.stage_on_conversation_created, connection.stage_on_first_response,
                connection.stage_on_conversation_resolved,
            ]  # fmt: skip
        gone = [stage for stage in wanted if stage is not None and stage not in stages]
        if gone or connection.first_stage_id is None:
            return self.fail(
                _("A stage no longer exists in “%(pipeline)s”: %(what)s.")
                % {"pipeline": pipeline.name, "what": ", ".join(map(_number, gone)) or _("first stage")}
            )
        if connection.source_id is not None and connection.source_id not in {item.id for item in look.sources()}:
            return self.fail(_("The source no longer exists: %(what)s.") % {"what": _number(connection.source_id)})
        if connection.type_id is not None and connection.type_id not in {item.id for item in look.types()}:
            return self.fail(_("The type no longer exists: %(what)s.") % {"what": _number(connection.type_id)})
        return self.ok(_("All exist, in the pipeline “%(pipeline)s”.") % {"pipeline": pipeline.name})


class CallLimit(Check):
    code = "KRAYIN_LIMIT"
    title = gettext_lazy("Calls a minute")
    why = gettext_lazy("Krayin counts the calls of each user; Ponte keeps below, and slows down before it is refused.")
    fix = gettext_lazy("Give Ponte a Krayin user of its own, or several, so that nobody else uses up its calls.")
    reads = ME

    def look(self, look: Look) -> Finding:
        look.me()
        limit = look.krayin.limit
        if limit is None:
            return self.unknown(_("Krayin's answers name no limit."))
        text = _("Krayin allows this user %(n)d calls a minute.") % {"n": limit}
        return self.ok(text) if limit >= USUAL_LIMIT else self.warn(text)


class Zone(Check):
    code = "KRAYIN_ZONE"
    title = gettext_lazy("Time zone of Krayin")
    why = gettext_lazy("Closing dates move by a day when Krayin counts its days far from the clinic's.")
    fix = gettext_lazy("On Krayin's server set APP_TIMEZONE to the clinic's zone before there are records.")
    reads = frozenset({"midnights"})
    needs_connection = True

    def look(self, look: Look) -> Finding:
        midnights = look.midnights()
        if not midnights:
            return self.ok(_("Not known yet: no opportunity has a closing date. Nothing depends on it until then."))
        zone = ZoneInfo(look.connection.clinic.time_zone)
        if any(_differs(moment, zone) for moment in midnights):
            told = ", ".join(sorted(_offset(o.total_seconds()) for o in offsets(midnights)))
            return self.warn(
                _("Krayin counts its days at UTC%(there)s, the clinic in %(zone)s.") % {"there": told, "zone": zone.key}
            )
        return self.ok(_("Krayin and the clinic have the same midnight."))


class HintsWired(Check):
    code = "KRAYIN_WEBHOOKS"
    title = gettext_lazy("Webhooks of Krayin")
    why = gettext_lazy("They tell at once what people change in Krayin; a webhook without its workflow does nothing.")
    fix = gettext_lazy("Prepare Krayin again: only what is missing is made.")
    reads = frozenset({"webhooks", "workflows"})
    repair_label = gettext_lazy("Make the webhooks")
    needs_connection = True

    def look(self, look: Look) -> Finding:
        if look.is_polling_only:
            return self.ok(_("Not needed: this connection only polls."))
        if all(change.stands(look) for change in HINTS):
            return self.ok(_("Webhooks and workflows are there."))
        return self.warn(_("A webhook or its workflow is missing: changes in Krayin are noticed by polling only."))

    def repair(self, look: Look) -> None:
        apply(HINTS, look)


def _number(value: int | None) -> str:
    return _("number %(n)s") % {"n": value} if value is not None else _("none chosen")


def _differs(moment: datetime, zone: ZoneInfo) -> bool:
    local = moment.astimezone(zone)
    return (local.hour, local.minute) != (0, 0)


def _offset(seconds: float) -> str:
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{int(abs(seconds)) // 3600:02}:{int(abs(seconds)) % 3600 // 60:02}"


def offsets(midnights: tuple[datetime, ...]) -> frozenset[timedelta]:
    """Distances from UTC that these local midnights may mean: UTC-11 to UTC+12 (Krayin contract section 20.7)."""
    found = set()
    for moment in midnights:
        since = timedelta(hours=moment.hour, minutes=moment.minute)
        found.add(-since if since <= timedelta(hours=11) else timedelta(hours=24) - since)
    return frozenset(found)
