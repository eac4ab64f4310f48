"""Consent in the REST API (seed 000: grant, withdraw, check): with evidence, for one purpose, of one contact.

A program first shows the text in force (`show`) and records the answer under the number of that showing: nobody agrees
to what was not shown (lgpd section 4).
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bridge.api import params
from bridge.api.changes import WITH_BODY
from bridge.api.describe import described
from bridge.api.pages import page_of
from bridge.api.problems import Problem
from bridge.api.route import Route
from bridge.api.serializers import Moment, RowSerializer, Whole, page_shape
from bridge.models import ObservedContact, Scope
from consent.consents import ActRefused, Evidence, TextMissing, check, grant, refuse, withdraw
from consent.consents.state import asked_for
from consent.encryption import Actor
from consent.models import ConsentEvent, ConsentRecord, ServedText, TextKind
from consent.texts import NoTextInForce, serve, text_in_force

T = TypeVar("T")
Write = Callable[..., ConsentEvent | None]
EXTERNAL = [one for one in ConsentEvent.Evidence.choices if one[0] != ConsentEvent.Evidence.MESSAGE]


# Shapes ---------------------------------------------------------------------------------------------------------------


class ConsentSerializer(RowSerializer[ConsentRecord]):
    """One act about consent. The newest of a purpose is the person's present will."""

    id = Whole(source="pk")
    contact_id = serializers.SerializerMethodField(help_text=_("Contact in Chatwoot; null if there is none now."))
    consent_type = serializers.ChoiceField(ConsentRecord.Type.choices)
    status = serializers.ChoiceField(ConsentRecord.Status.choices)
    state = serializers.SerializerMethodField()
    granted_at = Moment(allow_null=True)
    withdrawn_at = Moment(allow_null=True)
    valid_until = serializers.SerializerMethodField()
    channel = serializers.SerializerMethodField()
    has_evidence = serializers.SerializerMethodField()
    consent_version = serializers.CharField(help_text=_("Version of the text that was shown."))
    created_at = Moment()

    @extend_schema_field(Whole(allow_null=True))
    def get_contact_id(self, row: ConsentRecord) -> int | None:
        contacts: dict[UUID, int] = self.context["contacts"]
        return contacts.get(row.subject_id)

    @extend_schema_field(serializers.ChoiceField(ConsentEvent.State.choices, allow_null=True))
    def get_state(self, row: ConsentRecord) -> str | None:
        return row.event.state if hasattr(row, "event") else None

    @extend_schema_field(Moment(allow_null=True))
    def get_valid_until(self, row: ConsentRecord) -> Any:
        until = row.event.valid_until if hasattr(row, "event") else None
        return Moment().to_representation(until) if until else None

    @extend_schema_field(serializers.ChoiceField(ConsentEvent.Channel.choices, allow_null=True))
    def get_channel(self, row: ConsentRecord) -> str | None:
        return row.event.channel if hasattr(row, "event") else None

    def get_has_evidence(self, row: ConsentRecord) -> bool:
        return hasattr(row, "event") and bool(row.event.evidence_kind)


class ConsentParams(params.PageParams):
    connection_id = params.Number()
    contact_id = params.Number(help_text=_("Contact in Chatwoot; only with connection_id."))
    consent_type = serializers.ChoiceField(ConsentRecord.Type.choices, required=False)


class StrictBody(serializers.Serializer):
    """A body in which a misspelt member is refused instead of ignored."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError(
                {str(name): [_("Nothing of this name is known here.")] for name in unknown}
            )
        return super().to_internal_value(data)


class AboutConsentSerializer(StrictBody):
    """Whose consent, to what."""

    connection_id = params.Number(required=True)
    contact_id = params.Number(required=True, help_text=_("Contact in Chatwoot."))
    consent_type = serializers.ChoiceField(ConsentRecord.Type.choices)


class ConsentEvidenceSerializer(StrictBody):
    """What proves the act. The caller keeps it; Ponte keeps its fingerprint."""

    kind = serializers.ChoiceField(EXTERNAL)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", help_text=_("Of the form as sent, or of the file."))
    reference = serializers.RegexField(
        r"^[A-Za-z0-9._:-]{0,100}$", required=False, default="", allow_blank=True, help_text=_("Your own id of it.")
    )


class WithdrawnConsentSerializer(AboutConsentSerializer):
    evidence = ConsentEvidenceSerializer()


class AnsweredConsentSerializer(WithdrawnConsentSerializer):
    served_id = serializers.UUIDField(help_text=_("`served_id` of the showing that was answered."))


class ServedConsentSerializer(serializers.Serializer):
    """The exact text to show now. What happens to who says no is part of it."""

    served_id = serializers.UUIDField(source="pk")
    text = serializers.CharField(source="shown")
    sha256 = serializers.CharField()
    version = Whole(source="version.number")
    served_at = Moment()


class ConsentCheckSerializer(serializers.Serializer):
    """Whether consent allows the purpose now."""

    allows = serializers.BooleanField(source="is_valid")
    state = serializers.ChoiceField(ConsentEvent.State.choices)
    since = Moment(allow_null=True)
    valid_until = Moment(allow_null=True)


# Addresses ------------------------------------------------------------------------------------------------------------


class ConsentRoute(Route):
    """An address about the consents of the key's clinic."""

    def contact(self, connection_id: int, contact_id: int) -> ObservedContact:
        """Raises Problem 404, also for another clinic's."""
        rows = ObservedContact.objects.filter(
            connection__clinic=self.caller.key.clinic_id, connection=connection_id, chatwoot_contact_id=contact_id
        )
        found: ObservedContact | None = rows.select_related("subject__clinic", "connection").first()
        if found is None:
            raise Problem("not_found")
        return found

    def actor(self) -> Actor:
        return Actor("remote", self.caller.key.prefix)

    def body(self, request: Request, shape: type[serializers.Serializer]) -> dict[str, Any]:
        params.read(request, params.NoParams)
        read = shape(data=request.data)
        read.is_valid(raise_exception=True)
        return dict(read.validated_data)

    def attempt(self, act: Callable[[], T]) -> T:
        """Raises Problem 409 with the code of the refusal."""
        try:
            return act()
        except ActRefused as refused:
            raise Problem("conflict", detail=str(refused), reason=refused.code) from refused


@described(
    "get",
    name="listConsents",
    tag="consents",
    summary=_("Acts about consent, newest first"),
    params=ConsentParams,
    answers={200: page_shape(ConsentSerializer)},
)
class Consents(ConsentRoute):
    scope = Scope.READ_CONSENTS

    def get(self, request: Request) -> Response:
        asked = params.read(request, ConsentParams)
        page = page_of(self.rows(asked), by="created_at", cursor=asked["cursor"], limit=asked["limit"])
        contacts = ObservedContact.objects.filter(subject__in={row.subject_id for row in page.rows})
        context = {"contacts": dict(contacts.values_list("subject", "chatwoot_contact_id"))}
        shaped = ConsentSerializer(page.rows, many=True, context=context)
        return Response({"results": shaped.data, "next_cursor": page.next_cursor})

    def rows(self, asked: Any) -> QuerySet[ConsentRecord]:
        rows = ConsentRecord.objects.filter(subject__clinic=self.caller.key.clinic_id).select_related("event")
        if "contact_id" in asked:
            if "connection_id" not in asked:
                raise Problem(
                    "invalid", errors=[{"field": "connection_id", "message": str(_("Needed with contact_id."))}]
                )
            rows = rows.filter(subject=self.contact(asked["connection_id"], asked["contact_id"]).subject_id)
        elif "connection_id" in asked:
            rows = rows.filter(
                subject__in=ObservedContact.objects.filter(
                    connection=asked["connection_id"], connection__clinic=self.caller.key.clinic_id
                ).values("subject")
            )
        return rows.filter(consent_type=asked["consent_type"]) if "consent_type" in asked else rows


@described(
    "post",
    name="showConsentText",
    tag="consents",
    summary=_("Show a person the text in force"),
    description=_("Show exactly `text`, then record the answer with `served_id`."),
    body=AboutConsentSerializer,
    answers={201: ServedConsentSerializer},
    problems=WITH_BODY,
)
class ShowText(ConsentRoute):
    scope = Scope.WRITE_CONSENTS

    def post(self, request: Request) -> Response:
        asked = self.body(request, AboutConsentSerializer)
        subject = self.contact(asked["connection_id"], asked["contact_id"]).subject

        def show() -> ServedText:
            now, purpose = timezone.now(), asked_for(subject, asked["consent_type"]).purpose
            try:
                text = text_in_force(subject.clinic, TextKind.CONSENT, purpose=purpose, now=now)
            except NoTextInForce as error:
                raise TextMissing from error
            return serve(text, subject, channel=ServedText.Channel.API, now=now, reference=self.caller.key.prefix)

        return Response(ServedConsentSerializer(self.attempt(show)).data, 201)


@described(
    "post",
    name="checkConsent",
    tag="consents",
    summary=_("Whether a person's consent allows a purpose now"),
    body=AboutConsentSerializer,
    answers={200: ConsentCheckSerializer},
    problems=WITH_BODY,
)
class CheckConsent(ConsentRoute):
    scope = Scope.READ_CONSENTS

    def post(self, request: Request) -> Response:
        asked = self.body(request, AboutConsentSerializer)
        subject = self.contact(asked["connection_id"], asked["contact_id"]).subject
        found = self.attempt(lambda: check(subject, asked["consent_type"], now=timezone.now()))
        return Response(ConsentCheckSerializer(found).data)


class Answer(ConsentRoute):
    """A yes or a no to a text that was shown."""

    scope = Scope.WRITE_CONSENTS
    write: ClassVar[Write]

    def post(self, request: Request) -> Response:
        asked = self.body(request, AnsweredConsentSerializer)
        contact = self.contact(asked["connection_id"], asked["contact_id"])
        served = ServedText.objects.filter(pk=asked["served_id"], subject=contact.subject_id).select_related("version")
        event = self.attempt(
            lambda: type(self).write(
                contact.subject, asked["consent_type"], evidence=evidence_of(asked["evidence"]), served=served.first(),
                channel=ConsentEvent.Channel.API, actor=self.actor(), now=timezone.now(),
            )
        )  # fmt: skip
        return Response(shaped(event, contact), 201)


@described("post", name="grantConsent", tag="consents", summary=_("Record that a person says yes"),
           body=AnsweredConsentSerializer, answers={201: ConsentSerializer}, problems=WITH_BODY)  # fmt: skip
class Grant(Answer):
    write = staticmethod(grant)


@described("post", name="refuseConsent", tag="consents", summary=_("Record that a person says no"),
           body=AnsweredConsentSerializer, answers={201: ConsentSerializer}, problems=WITH_BODY)  # fmt: skip
class Refuse(Answer):
    write = staticmethod(refuse)


@described(
    "post",
    name="withdrawConsent",
    tag="consents",
    summary=_("Record that a person takes a consent back"),
    description=_("In force at once. Saying it again changes nothing."),
    body=WithdrawnConsentSerializer,
    answers={201: ConsentSerializer},
    problems=WITH_BODY,
)
class Withdraw(ConsentRoute):
    scope = Scope.WRITE_CONSENTS

    def post(self, request: Request) -> Response:
        asked = self.body(request, WithdrawnConsentSerializer)
        contact = self.contact(asked["connection_id"], asked["contact_id"])
        event = self.attempt(
            lambda: withdraw(
                contact.subject, asked["consent_type"], evidence=evidence_of(asked["evidence"]),
                channel=ConsentEvent.Channel.API, actor=self.actor(), now=timezone.now(),
            )
        )  # fmt: skip
        if event is None:
            rows = ConsentRecord.objects.filter(subject=contact.subject, consent_type=asked["consent_type"])
            return Response(as_shape(rows.select_related("event").latest("created_at"), contact), 201)
        return Response(shaped(event, contact), 201)


def evidence_of(told: dict[str, str]) -> Evidence:
    return Evidence(told["kind"], bytes.fromhex(told["sha256"]), told["reference"] and f"api:{told['reference']}")


def shaped(event: ConsentEvent | None, contact: ObservedContact) -> Any:
    if event is None or event.record is None:
        raise Problem("conflict")
    return as_shape(ConsentRecord.objects.select_related("event").get(event=event), contact)


def as_shape(record: ConsentRecord, contact: ObservedContact) -> Any:
    return ConsentSerializer(record, context={"contacts": {contact.subject_id: contact.chatwoot_contact_id}}).data


ROOT = "v1/consents"
ROUTES = [
    (ROOT, Consents, "api-consents"),
    (f"{ROOT}/show", ShowText, "api-consents-show"),
    (f"{ROOT}/check", CheckConsent, "api-consents-check"),
    (f"{ROOT}/grant", Grant, "api-consents-grant"),
    (f"{ROOT}/refuse", Refuse, "api-consents-refuse"),
    (f"{ROOT}/withdraw", Withdraw, "api-consents-withdraw"),
]
