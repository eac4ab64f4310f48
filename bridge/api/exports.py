"""The data-export API (seed 000): begin a copy of one person's data, see how far it is, have it handed over.

A program never gets the file itself: it gets an address that opens once and a code, for the person (lgpd section 9).
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from bridge.api import params
from bridge.api.changes import WITH_BODY
from bridge.api.consents import StrictBody
from bridge.api.describe import described
from bridge.api.problems import Problem, invalid
from bridge.api.route import Route
from bridge.api.serializers import Moment, Whole
from bridge.models import ObservedContact, Scope
from consent.encryption import Actor
from consent.export import control
from consent.export.manifest import exclusions
from consent.models import ExportPackage

IDENTITY = [
    ("two_channels", _("codes on two channels")),
    ("in_person", _("in person")),
    ("fact", _("code and one fact")),
]


# Shapes ---------------------------------------------------------------------------------------------------------------


class ExportWantedSerializer(StrictBody):
    """Whose data, under which protocol, as which rights."""

    connection_id = params.Number(required=True)
    contact_id = params.Number(required=True, help_text=_("Contact in Chatwoot."))
    protocol = serializers.CharField(max_length=40)
    rights = serializers.ListField(
        child=serializers.ChoiceField(list(control.RIGHTS)), min_length=1, default=["T03"], help_text=_("lgpd 5.1.")
    )
    identity = serializers.ChoiceField(IDENTITY, required=False, help_text=_("How you verified the person."))


class ExportSystemSerializer(serializers.Serializer):
    """One system that was asked."""

    name = serializers.CharField()
    version = serializers.CharField(allow_blank=True)
    snapshot_at = serializers.CharField()
    status = serializers.ChoiceField(["ok", "away", "differs"])
    errors = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]  # a member, not the form's


class ExportExclusionSerializer(serializers.Serializer):
    """Something the package does not hold, and why."""

    what = serializers.CharField()
    count = Whole()
    reason_code = serializers.CharField()
    article = serializers.CharField(allow_blank=True)
    text_pt = serializers.CharField()


class ExportSerializer(serializers.ModelSerializer):
    """A package and how far it is. Nothing of its content."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(ExportPackage.State.choices)
    parts_read = Whole(source="done")
    parts = Whole(source="total")
    systems = ExportSystemSerializer(many=True)
    exclusions = serializers.SerializerMethodField()
    records = serializers.SerializerMethodField(help_text=_("Records by kind."))
    bytes = Whole(source="file_bytes", allow_null=True)
    built_at = Moment(allow_null=True)
    released_at = Moment(allow_null=True)
    delivered_at = Moment(allow_null=True)
    expires_at = Moment(allow_null=True)

    class Meta:
        model = ExportPackage
        fields = (
            "id", "protocol", "rights", "state", "cause", "parts_read", "parts", "is_complete", "has_health", "systems",
            "records", "exclusions", "bytes", "manifest_sha256", "built_at", "released_at", "delivered_at", "expires_at",
        )  # fmt: skip

    @extend_schema_field(ExportExclusionSerializer(many=True))
    def get_exclusions(self, row: ExportPackage) -> list[dict[str, Any]]:
        return exclusions(row)

    @extend_schema_field(serializers.DictField(child=Whole()))
    def get_records(self, row: ExportPackage) -> dict[str, int]:
        return dict(row.counts.get("read", {}))


class ExportLinkSerializer(serializers.Serializer):
    """Give the address and the code to the person by two different ways. Neither is shown again."""

    address = serializers.URLField()
    code = serializers.CharField()
    expires_at = Moment()


# Addresses ------------------------------------------------------------------------------------------------------------


class ExportRoute(Route):
    """An address about the exports of the key's clinic."""

    is_sensitive = True

    def actor(self) -> Actor:
        return Actor("remote", self.caller.key.prefix)

    def package(self, export_id: UUID) -> ExportPackage:
        """Raises Problem 404, also for another clinic's."""
        rows = ExportPackage.objects.select_related("clinic", "subject", "signing_key")
        found = rows.filter(pk=export_id, clinic=self.caller.key.clinic_id).first()
        if found is None:
            raise Problem("not_found")
        return found


@described(
    "post",
    name="startExport",
    tag="exports",
    summary=_("Begin a copy of everything known of a person"),
    description=_("It is made in the background; people release it. One at a time for each protocol."),
    body=ExportWantedSerializer,
    answers={202: ExportSerializer},
    problems=WITH_BODY,
)
class Exports(ExportRoute):
    scope = Scope.WRITE_EXPORTS

    def post(self, request: Request) -> Response:
        params.read(request, params.NoParams)
        asked = ExportWantedSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        rows = ObservedContact.objects.filter(
            connection__clinic=self.caller.key.clinic_id, connection=said["connection_id"],
            chatwoot_contact_id=said["contact_id"],
        )  # fmt: skip
        contact = rows.select_related("subject__clinic").first()
        if contact is None:
            raise Problem("not_found")
        method = said.get("identity", "")
        try:
            row = control.ask(
                contact.subject, protocol=said["protocol"], rights=said["rights"], actor=self.actor(),
                identity_method=method, identity_at=timezone.now() if method else None,
            )  # fmt: skip
        except control.NotPossible as error:
            raise Problem("conflict", detail=str(error)) from error
        except ValueError as error:
            raise invalid("protocol", str(error)) from error
        row.refresh_from_db()
        where = reverse("api-export", args=[row.pk])
        return Response(ExportSerializer(row).data, 202, headers={"Location": where})


@described(
    "get",
    name="getExport",
    tag="exports",
    summary=_("How far a copy is, and what it holds"),
    answers={200: ExportSerializer},
)
class OneExport(ExportRoute):
    scope = Scope.READ_EXPORTS
    is_sensitive = False

    def get(self, request: Request, export_id: UUID) -> Response:
        params.read(request, params.NoParams)
        return Response(ExportSerializer(self.package(export_id)).data)


@described(
    "post",
    name="cancelExport",
    tag="exports",
    summary=_("Cancel a copy that is being made"),
    answers={200: ExportSerializer},
    problems=WITH_BODY,
)
class CancelExport(ExportRoute):
    scope = Scope.WRITE_EXPORTS

    def post(self, request: Request, export_id: UUID) -> Response:
        params.read(request, params.NoParams)
        row = self.package(export_id)
        try:
            control.cancel(row, actor=self.actor())
        except control.NotPossible as error:
            raise Problem("conflict", detail=str(error), reason=row.state) from error
        return Response(ExportSerializer(row).data)


@described(
    "post",
    name="handOverExport",
    tag="exports",
    summary=_("An address and a code that open a released copy once"),
    description=_("Only when people released it and the person's identity was verified. Earlier links end."),
    answers={201: ExportLinkSerializer},
    problems=WITH_BODY,
)
class HandOver(ExportRoute):
    scope = Scope.WRITE_EXPORTS

    def post(self, request: Request, export_id: UUID) -> Response:
        params.read(request, params.NoParams)
        row = self.package(export_id)
        try:
            issued = control.issue_link(row, channel="api", actor=self.actor(), now=timezone.now())
        except control.NotPossible as error:
            raise Problem("conflict", detail=str(error), reason=row.state) from error
        address = f"{settings.PUBLIC_URL}{reverse('export-enter', args=[issued.token])}"
        told = {"address": address, "code": issued.code, "expires_at": issued.link.expires_at}
        return Response(ExportLinkSerializer(told).data, 201)


ONE = "v1/exports/<uuid:export_id>"
ROUTES = [
    ("v1/exports", Exports, "api-exports"),
    (ONE, OneExport, "api-export"),
    (f"{ONE}/cancel", CancelExport, "api-export-cancel"),
    (f"{ONE}/links", HandOver, "api-export-links"),
]
