"""The codes of the audit trail in words that people read (screens D1, D2)."""

from collections.abc import Iterable

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.models import ActorType, AuditLog, Outcome
from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.models import Guardianship, LegalHold, Restriction, RetentionCase, TextVersion
from consent.policy import Purpose, PurposeOfUse
from consent.requests.states import State

ACTIONS: dict[str, str | Promise] = {
    "reveal": gettext_lazy("opened sealed data"),
    "search": gettext_lazy("searched for a person"),
    "read": gettext_lazy("looked at it"),
    "create": gettext_lazy("made it"),
    "update": gettext_lazy("changed it"),
    "delete": gettext_lazy("removed it"),
    "audit.view": gettext_lazy("looked at the audit trail"),
    "audit.export": gettext_lazy("exported the audit trail"),
    "audit.verify": gettext_lazy("checked the audit trail"),
    "erasure.plan": gettext_lazy("began an erasure"),
    "erasure.look": gettext_lazy("counted what an erasure removes"),
    "erasure.approve_first": gettext_lazy("approved an erasure as the first of two"),
    "erasure.approve": gettext_lazy("approved an erasure"),
    "erasure.cancel": gettext_lazy("cancelled an erasure"),
    "erasure.held": gettext_lazy("stopped an erasure for a legal hold"),
    "erasure.erased": gettext_lazy("erased a person's data"),
    "erasure.again": gettext_lazy("tried again what an erasure left"),
    "erasure.accept": gettext_lazy("accepted what an erasure left"),
    "erasure.told": gettext_lazy("noted that a recipient was told of an erasure"),
    "erasure.keep_key": gettext_lazy("kept the key of an erased person"),
    "erasure.key_destroyed": gettext_lazy("destroyed the key of an erased person"),
    "erasure.read": gettext_lazy("opened an erasure"),
    "export.download": gettext_lazy("downloaded an export"),
    "export.ask": gettext_lazy("asked for an export"),
    "export.built": gettext_lazy("finished an export"),
    "export.failed": gettext_lazy("could not finish an export"),
    "export.cancel": gettext_lazy("cancelled an export"),
    "export.release": gettext_lazy("released an export"),
    "export.release_alone": gettext_lazy("asked to release an export alone"),
    "export.identity": gettext_lazy("noted who asks for an export"),
    "export.link": gettext_lazy("made a link to an export"),
    "export.revoke": gettext_lazy("ended the links to an export"),
    "export.code": gettext_lazy("typed a code of an export"),
    "export.delivered": gettext_lazy("got an export whole"),
    "export.check": gettext_lazy("checked an export"),
    "export.destroy": gettext_lazy("destroyed an export"),
    "export.key": gettext_lazy("made a key that signs exports"),
    "login": gettext_lazy("signed in to Ponte"),
    "logout": gettext_lazy("signed out of Ponte"),
    "recheck": gettext_lazy("confirmed who it is"),
    "denied": gettext_lazy("was refused a page"),
    "password.change": gettext_lazy("changed the own password"),
    "device.enrol": gettext_lazy("set up a second factor"),
    "device.remove": gettext_lazy("removed a second factor"),
    "device.reset": gettext_lazy("reset a second factor"),
    "device.codes": gettext_lazy("made recovery codes"),
    "device.code_used": gettext_lazy("used a recovery code"),
    "account.invite": gettext_lazy("invited a person"),
    "account.accept": gettext_lazy("accepted an invitation"),
    "account.suspend": gettext_lazy("suspended an account"),
    "account.resume": gettext_lazy("let an account in again"),
    "account.end": gettext_lazy("ended an account"),
    "account.confirm": gettext_lazy("confirmed a permission in the review"),
    "account.withdraw": gettext_lazy("withdrew a permission in the review"),
    "exceptional.ask": gettext_lazy("began an exceptional access"),
    "exceptional.end": gettext_lazy("ended an exceptional access"),
    "exceptional.review": gettext_lazy("reviewed an exceptional access"),
    "request.file": gettext_lazy("took in a request of a titular"),
    "request.read": gettext_lazy("read a request of a titular"),
    "request.owner": gettext_lazy("took a request on"),
    "request.subject": gettext_lazy("said who asks"),
    "request.document": gettext_lazy("kept a representative's document"),
    "request.document_decided": gettext_lazy("decided on a representative's document"),
    "request.health_content": gettext_lazy("said whether an answer holds health data"),
    "request.package": gettext_lazy("made the package for the ANPD"),
    "request.correct": gettext_lazy("had a field corrected"),
    "request.came_back": gettext_lazy("could not send an answer by chat"),
    **{f"request.{state}": gettext_lazy("moved a request on") for state in State.values},
    "identity.send": gettext_lazy("had a code sent"),
    "identity.wrong": gettext_lazy("did not prove who it is"),
    "identity.verified": gettext_lazy("proved who it is"),
    "panel.sign_in": gettext_lazy("signed in to the panel"),
    "panel.sign_out": gettext_lazy("signed out of the panel"),
    "api_key.create": gettext_lazy("created an API key"),
    "api_key.revoke": gettext_lazy("revoked an API key"),
    "api_key.use": gettext_lazy("used an API key"),
    "alert.seen": gettext_lazy("looks after an alert"),
    "schedule.run": gettext_lazy("started scheduled work by hand"),
    "keys.rotate": gettext_lazy("replaced encryption keys"),
    "keys.renew": gettext_lazy("gave a person a new data key"),
    "keys.destroy_old": gettext_lazy("destroyed a person's old data key"),
    "text.draft": gettext_lazy("wrote a draft of a text"),
    "text.discard": gettext_lazy("discarded a draft of a text"),
    "text.approve": gettext_lazy("approved a text"),
    "text.retire": gettext_lazy("retired a text"),
    "text.words": gettext_lazy("changed the withdrawal words"),
    "hold.place": gettext_lazy("placed a legal hold"),
    "hold.review": gettext_lazy("reviewed a legal hold"),
    "hold.release": gettext_lazy("released a legal hold"),
    "hold.read": gettext_lazy("read why there is a legal hold"),
    "block.begin": gettext_lazy("blocked a person's data"),
    "block.end": gettext_lazy("lifted a blocking"),
    "oppose.begin": gettext_lazy("recorded an opposition"),
    "oppose.end": gettext_lazy("recorded the end of an opposition"),
    "minor.mark": gettext_lazy("marked a person as a minor"),
    "minor.end": gettext_lazy("took away the mark of a minor"),
    "guardian.verify": gettext_lazy("verified a guardian"),
    "guardian.end": gettext_lazy("ended a guardianship"),
    "incident.open": gettext_lazy("entered an incident"),
    "incident.change": gettext_lazy("completed an incident"),
    "incident.estimate": gettext_lazy("estimated whom an incident affects"),
    "incident.decide": gettext_lazy("decided whether an incident is reported"),
    "incident.tell_authority": gettext_lazy("kept the proof that the ANPD was told of an incident"),
    "incident.tell_persons": gettext_lazy("kept the proof that people were told of an incident"),
    "incident.close": gettext_lazy("closed an incident"),
    "backup.make": gettext_lazy("made a backup"),
    "backup.test": gettext_lazy("tried a backup out"),
    "backup.restore": gettext_lazy("restored a backup"),
    "support.bundle": gettext_lazy("made an archive for support"),
    "retention.period": gettext_lazy("changed a retention period"),
    "retention.approve": gettext_lazy("approved a retention list"),
    "retention.take_back": gettext_lazy("took back the approval of a retention list"),
    "retention.run": gettext_lazy("carried out a retention list"),
    "retention.review": gettext_lazy("decided on a patient's record"),
    "register.approve": gettext_lazy("approved an operation of the register"),
    "register.export": gettext_lazy("took a register out"),
    "replay": gettext_lazy("had events read again"),
    "sync_now": gettext_lazy("asked for a sync"),
    "try_now": gettext_lazy("asked for another try"),
    "look_now": gettext_lazy("asked for another look"),
    "force_again": gettext_lazy("forced a step once more"),
    "group_taken": gettext_lazy("took on a group"),
    "group_noted": gettext_lazy("noted something on a group"),
    "group_postponed": gettext_lazy("postponed a group"),
    "group_discarded": gettext_lazy("discarded a group"),
    "job_planned": gettext_lazy("planned a job"),
    "job_started": gettext_lazy("began a job"),
    "job_paused": gettext_lazy("paused a job"),
    "job_continued": gettext_lazy("continued a job"),
    "job_cancelled": gettext_lazy("cancelled a job"),
    "group_handed_back": gettext_lazy("handed a group back"),
    "consent.ask": gettext_lazy("had a person asked for consent"),
    "consent.requested": gettext_lazy("asked for consent"),
    "consent.given": gettext_lazy("recorded a yes"),
    "consent.renewed": gettext_lazy("recorded a renewed yes"),
    "consent.refused": gettext_lazy("recorded a no"),
    "consent.withdrawn": gettext_lazy("recorded a withdrawal"),
    "consent.invalidated": gettext_lazy("invalidated a consent"),
    "consent.terminated": gettext_lazy("ended a consent"),
    "consent.link": gettext_lazy("made an address for a person"),
    "consent.link_sent": gettext_lazy("sent a person an address"),
    "print": gettext_lazy("printed it"),
    "hand.correct": gettext_lazy("asked for a correction"),
    "hand.rights": gettext_lazy("acted on consent or rights in the panel"),
    "minor.report": gettext_lazy("said that a minor is concerned"),
    "hand.stage": gettext_lazy("asked for another stage"),
    "hand.opportunity": gettext_lazy("asked for an opportunity"),
    "hand.link": gettext_lazy("linked by hand"),
    "hand.unlink": gettext_lazy("unlinked by hand"),
    "hand.keep_back": gettext_lazy("kept a conversation back"),
    "hand.note": gettext_lazy("wrote a note to the CRM"),
    "hand.sync": gettext_lazy("asked for a sync"),
    "hand.withdraw": gettext_lazy("withdrew a wish"),
    "hand.send_again": gettext_lazy("sent a step again"),
    "hand.choose_side": gettext_lazy("chose which side counts"),
    "hand.accept_difference": gettext_lazy("accepted a difference"),
    "hand.duplicate_same": gettext_lazy("said of two that they are one person"),
    "hand.duplicate_different": gettext_lazy("said of two that they are two people"),
    "hand.duplicate_shared": gettext_lazy("said of two that they share a phone"),
}
OTHER_ACTION = gettext_lazy("other act")
# Acts after which somebody has seen personal data.
SEEING = ("reveal", "search", "read", "request.read", "view", "print", "export.download")

REASONS: dict[str, str | Promise] = {
    **dict(Purpose.choices),
    **dict(TextVersion.Change.choices),
    **dict(LegalHold.Reason.choices),
    **dict(LegalHold.Release.choices),
    **dict(Restriction.Reason.choices),
    **dict(RetentionCase.Outcome.choices),
    **{code.lower(): rule.title for code, rule in TABLES[CURRENT_RETENTION].rules.items()},
    **dict(Guardianship.Relation.choices),
    "titular_request": gettext_lazy("request of a titular"),
    "authority": gettext_lazy("request of an authority"),
    "incident": gettext_lazy("incident"),
    "internal_review": gettext_lazy("internal review"),
    "backup": gettext_lazy("copy for safekeeping"),
    "found": gettext_lazy("somebody was found"),
    "nothing_found": gettext_lazy("nobody was found"),
    "not_permitted": gettext_lazy("no permission"),
    "purpose_not_allowed": gettext_lazy("purpose not allowed"),
    "reason_required": gettext_lazy("reason missing"),
    "unknown_person": gettext_lazy("unknown person"),
    "erased": gettext_lazy("data already erased"),
    "blocked": gettext_lazy("the titular is blocked"),
    "contact_data_only": gettext_lazy("contact data only"),
    "system_only": gettext_lazy("only the system may open this"),
    "unknown_activity": gettext_lazy("the activity is not this person's"),
    "superuser": gettext_lazy("superuser: for emergencies only"),
    "wrong_password": gettext_lazy("wrong password"),
    "wrong_code": gettext_lazy("wrong code"),
    "locked": gettext_lazy("locked after wrong tries"),
    "session_over": gettext_lazy("the session was over"),
    "second_factor_missing": gettext_lazy("the second factor was missing"),
    "emergency": gettext_lazy("emergency, by a command of the server"),
    "risk_to_the_person": gettext_lazy("risk to the person's life or health"),
    "repair": gettext_lazy("repair of wrong data"),
    "consent_proof": gettext_lazy("to prove an act about consent"),
    "chat": gettext_lazy("conversation"),
    "page": gettext_lazy("signed page"),
    "in_person": gettext_lazy("in person"),
    "phone": gettext_lazy("telephone"),
    "letter": gettext_lazy("letter or e-mail"),
    "staff": gettext_lazy("entered by staff"),
    "monthly": gettext_lazy("with the monthly run"),
    "at_once": gettext_lazy("at once"),
    "exact": gettext_lazy("exactly what was approved"),
    "less_than_approved": gettext_lazy("less than approved"),
    "not_all_clinics": gettext_lazy("it touches every clinic"),
    "justified": gettext_lazy("justified"),
    "unjustified": gettext_lazy("not justified"),
}
EXPORT_REASONS = ("titular_request", "authority", "incident", "internal_review", "backup")

FIELDS: dict[str, str | Promise] = {
    "name": gettext_lazy("name"),
    "phone": gettext_lazy("phone"),
    "phone_number": gettext_lazy("phone"),
    "email": gettext_lazy("e-mail"),
    "value": gettext_lazy("contact data"),
    "identifier": gettext_lazy("identifier"),
    "content": gettext_lazy("message text"),
    "text": gettext_lazy("text"),
    "conversation": gettext_lazy("conversation number"),
    "who_saw_whom": gettext_lazy("who saw whom"),
    "password": gettext_lazy("password"),
    "second_factor": gettext_lazy("second factor"),
    "explanation": gettext_lazy("explanation"),
    "clinic_explanation": gettext_lazy("explanation"),
    "request_text": gettext_lazy("words of the request"),
    "request_contact": gettext_lazy("contact of the request"),
    "request_answer": gettext_lazy("answer"),
    "request_note": gettext_lazy("reason in words"),
    "request_document": gettext_lazy("document of a representative"),
}
# Models that have no name of their own, because no form shows them.
OBJECTS: dict[str, str | Promise] = {
    "bridge.Effect": gettext_lazy("step"),
    "bridge.IntakeCounter": gettext_lazy("refused calls"),
    "bridge.ObservedContact": gettext_lazy("contact"),
    "bridge.ReconcileDay": gettext_lazy("daily check"),
    "bridge.Suggestion": gettext_lazy("possible duplicate"),
    "bridge.SyncedObject": gettext_lazy("record in Krayin"),
    "bridge.Wish": gettext_lazy("change asked for"),
}
SAID_BY_THE_ACT = {"trail"}
JOBS: dict[str, str | Promise] = {
    "erasure": gettext_lazy("erasures"),
    "exports": gettext_lazy("exports"),
    "consents": gettext_lazy("consents"),
    "lanes": gettext_lazy("sync"),
    "explain": gettext_lazy("command of the server"),
    "export_audit": gettext_lazy("command of the server"),
    "rotate_keys": gettext_lazy("command of the server"),
    "connect": gettext_lazy("command of the server"),
    "account": gettext_lazy("command of the server"),
    "requests": gettext_lazy("requests of titulares"),
    "retention": gettext_lazy("retention"),
    "privacy_page": gettext_lazy("Privacy page"),
}


def action_word(code: str) -> str:
    return str(ACTIONS.get(code, OTHER_ACTION))


def purpose_word(code: str) -> str:
    """Empty for acts that have no purpose of their own."""
    return str(PurposeOfUse(code).label) if code in PurposeOfUse.values else _("other purpose") if code else ""


def outcome_word(code: str) -> str:
    return str(Outcome(code).label)


def reason_word(code: str) -> str:
    return str(REASONS.get(code, _("other reason"))) if code else ""


def object_word(label: str) -> str:
    """Name of a model given as app.Model; empty for acts on nothing in particular."""
    model = model_of(label)
    return str(OBJECTS.get(label, model._meta.verbose_name)) if model else _("other object") if label else ""


def model_of(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def field_words(row: AuditLog) -> list[str]:
    """What the fields of an act are called, without doubles; those that people have no word for are counted."""
    return fields_told(row.fields, row.object_type)


def fields_told(names: Iterable[str], label: str) -> list[str]:
    found = [field_word(name, label) for name in names if name not in SAID_BY_THE_ACT]
    told = list(dict.fromkeys(word for word in found if word))
    technical = found.count("")
    if technical:
        told.append(ngettext("%(n)d technical field", "%(n)d technical fields", technical) % {"n": technical})
    return told


def field_word(name: str, label: str = "") -> str:
    """Of `bridge.ObservedContact.name`, of `name` of the given model, or of the name of anything else; else empty."""
    place, _dot, short = name.rpartition(".")
    if short in FIELDS:
        return str(FIELDS[short])
    model = model_of(place or label)
    try:
        word = str(model._meta.get_field(short).verbose_name) if model else ""  # type: ignore[union-attr]
    except (FieldDoesNotExist, AttributeError):
        return ""
    # A name that Django made up from the column's is no word of ours.
    return "" if word == short.replace("_", " ") else word


def actor_word(row: AuditLog) -> str:
    """Name of the person of the staff, else which kind of program or person acted."""
    if row.actor_type == ActorType.STAFF:
        return str(row.actor) if row.actor else _("account that no longer exists (%(id)s)") % {"id": row.actor_id}
    kind = str(ActorType(row.actor_type).label)
    if row.actor_type == ActorType.SYSTEM:
        job = JOBS.get(row.actor_ref)
        return f"{kind}: {job}" if job else kind
    return f"{kind} {row.actor_ref}".strip()


def object_choices(labels: Iterable[str]) -> list[tuple[str, str]]:
    return sorted(((label, object_word(label)) for label in labels), key=lambda pair: pair[1].casefold())
