"""The register of operations is made from the data map and the settings; what changes waits for the DPO."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from factories import clinic, user
from factories import connection as connect

from audit.models import AuditLog
from bridge.models import Connection
from consent import datamap
from consent.datamap import Processing, Recipient
from consent.datamap.shapes import ModelMap, Part
from consent.models import Assessment, Clinic, InternationalTransfer, OperationVersion, Processor, User
from consent.registers import approval
from consent.registers.approval import Change, ChangedMeanwhile, Completion, Difference, Kind
from consent.registers.operations import generate
from consent.registers.papers import Gap, missing, papers
from consent.registers.telling import told
from consent.roles import Role
from insights.models import LanguageSettings

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
TODAY = date(2026, 11, 21)
HASH = "a" * 64


@pytest.fixture
def sol() -> Clinic:
    return clinic("Clínica Sol", cnpj="11222333000181", dpo_name="Dra. Ana Lima", dpo_contact="dpo@sol.exemplo")


@pytest.fixture
def reception(sol: Clinic) -> Connection:
    return connect(sol, preset=Connection.Preset.SUMMARY)


@pytest.fixture
def dpo(sol: Clinic) -> User:
    return user(Role.DPO, sol, name="Ana Lima")


def waiting(of: Clinic) -> dict[Processing, Difference]:
    return {one.operation: one for one in approval.differences(approval.newest(of), generate(of))}


def approve_all(of: Clinic, by: User) -> list[OperationVersion]:
    shown = {operation: one.digest for operation, one in waiting(of).items()}
    return approval.approve(of, shown, by=by, now=NOW)


@pytest.fixture
def approved(sol: Clinic, reception: Connection, dpo: User) -> list[OperationVersion]:
    return approve_all(sol, dpo)


# Made from the map ----------------------------------------------------------------------------------------------------


def test_at_first_every_operation_in_use_waits(sol: Clinic, reception: Connection) -> None:
    found = waiting(sol)
    assert {one.kind for one in found.values()} == {Kind.NEW}
    assert {Processing.CARE_CONTACT, Processing.RIGHTS, Processing.STAFF_ACCESS} <= set(found)
    assert Processing.LANGUAGE_MODEL not in found  # off


def test_what_is_approved_no_longer_waits(sol: Clinic, approved: list[OperationVersion]) -> None:
    assert waiting(sol) == {}
    assert {row.number for row in approved} == {1}
    acts = AuditLog.objects.filter(action="register.approve")
    assert acts.count() == len(approved)
    assert set(acts.values_list("clinic_id", flat=True)) == {sol.pk}


def test_the_content_says_what_the_map_says(approved: list[OperationVersion]) -> None:
    content = next(row for row in approved if row.operation == Processing.MESSAGE_TEXT).content
    assert content["categories"] == content["sensitive"]
    assert "R01" in content["categories"]
    assert content["bases"] == ["A11-II-f"]
    assert content["recipients"] == [Recipient.KRAYIN.value, Recipient.LANGUAGE_MODEL.value]
    assert "bridge.ObservedMessage" in content["stores"]
    assert "encryption" in content["measures"]
    assert content["instructions"] == ["message_text:off"]


def test_no_sensitive_category_stands_on_a_base_of_article_seven(approved: list[OperationVersion]) -> None:
    mixed = [row.operation for row in approved if row.content["sensitive"] and row.content["bases"] == []]
    assert mixed == []
    care = next(row for row in approved if row.operation == Processing.CARE_CONTACT).content
    assert not [base for base in care["bases"] if base.startswith("A7")]


# Differences ----------------------------------------------------------------------------------------------------------


def test_a_setting_that_changes_shows_as_a_difference(
    sol: Clinic, reception: Connection, approved: list[OperationVersion]
) -> None:
    reception.preset, reception.message_text = Connection.Preset.TEXT, Connection.MessageText.EACH
    reception.save()
    found = waiting(sol)
    assert set(found) == {Processing.CARE_CONTACT, Processing.MESSAGE_TEXT}
    assert found[Processing.MESSAGE_TEXT].kind is Kind.CHANGED
    assert found[Processing.MESSAGE_TEXT].changes == [
        Change("instructions", added=["message_text:each"], removed=["message_text:off"])
    ]


def test_a_switch_ends_an_operation_and_resumes_it(
    sol: Clinic, reception: Connection, dpo: User, approved: list[OperationVersion]
) -> None:
    reception.preset = Connection.Preset.CONTACTS
    reception.save()
    assert waiting(sol)[Processing.CONVERSATION_SUMMARY].kind is Kind.ENDED
    approve_all(sol, dpo)
    assert not approval.newest(sol)[Processing.CONVERSATION_SUMMARY].is_in_use
    assert waiting(sol) == {}
    reception.preset = Connection.Preset.SUMMARY
    reception.save()
    assert waiting(sol)[Processing.CONVERSATION_SUMMARY].kind is Kind.RESUMED


def test_the_language_model_brings_its_provider_and_country(
    sol: Clinic, approved: list[OperationVersion], settings: object
) -> None:
    settings.LANGUAGE_MODEL = True  # type: ignore[attr-defined]
    LanguageSettings.objects.create(clinic=sol, is_on=True, kind="anthropic", region="US")
    found = waiting(sol)[Processing.LANGUAGE_MODEL]
    assert found.kind is Kind.NEW
    assert found.now.content["countries"] == ["US"]
    assert found.now.content["instructions"] == ["provider:anthropic"]
    assert found.now.content["bases"] == ["A11-I", "A11-II-f"]


@pytest.fixture
def more_recipients() -> Iterator[None]:
    """Somebody changes the code: attendants' notes go to another system, too."""
    label = "bridge.SensitiveNote"
    before = datamap.entries()[label]
    fields = {**before.fields}
    fields["sensitive_notes"] = replace(fields["sensitive_notes"], recipients=(Recipient.KRAYIN,))
    datamap.register([ModelMap(label, tuple(Part(entry, name) for name, entry in fields.items()))])
    yield
    datamap.register([before])


def test_code_that_changes_shows_as_a_difference(
    sol: Clinic, approved: list[OperationVersion], more_recipients: None
) -> None:
    found = waiting(sol)
    assert set(found) == {Processing.HEALTH_NOTES}
    assert found[Processing.HEALTH_NOTES].changes == [Change("recipients", added=["krayin"], removed=[])]


def test_another_clinics_settings_are_no_matter(sol: Clinic, approved: list[OperationVersion]) -> None:
    connect(clinic("Clínica Lua"), preset=Connection.Preset.TEXT)
    assert waiting(sol) == {}


# Approval -------------------------------------------------------------------------------------------------------------


def test_what_changed_since_it_was_shown_is_not_approved(
    sol: Clinic, reception: Connection, dpo: User, approved: list[OperationVersion]
) -> None:
    reception.preset, reception.message_text = Connection.Preset.TEXT, Connection.MessageText.GROUPED
    reception.save()
    shown = {operation: one.digest for operation, one in waiting(sol).items()}
    reception.message_text = Connection.MessageText.EACH
    reception.save()
    with pytest.raises(ChangedMeanwhile):
        approval.approve(sol, shown, by=dpo, now=NOW)
    assert OperationVersion.objects.filter(number__gt=1).count() == 0


def test_versions_are_never_changed_or_removed(approved: list[OperationVersion]) -> None:
    row = approved[0]
    for change in (lambda: OperationVersion.objects.filter(pk=row.pk).update(notes="x"), row.delete):
        with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
            change()
    assert OperationVersion.objects.count() == len(approved)


def test_the_table_cannot_be_emptied() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ponte.retention = 'off'")
        with pytest.raises(IntegrityError, match="insert-only"), transaction.atomic():
            cursor.execute("TRUNCATE operation_versions")
        cursor.execute("SET LOCAL ponte.retention = 'on'")


def test_notes_make_the_next_version_and_survive_an_approval(
    sol: Clinic, reception: Connection, dpo: User, approved: list[OperationVersion]
) -> None:
    said = Completion(notes="Só a recepção usa.", risk="high", volume="hundreds")
    row = approval.complete(sol, Processing.MESSAGE_TEXT, said, seen=1, by=dpo, now=NOW)
    assert (row.number, row.notes, row.risk, row.volume) == (2, said.notes, "high", "hundreds")
    assert approval.complete(sol, Processing.MESSAGE_TEXT, said, seen=2, by=dpo, now=NOW).pk == row.pk
    with pytest.raises(ChangedMeanwhile):
        approval.complete(sol, Processing.MESSAGE_TEXT, Completion(), seen=1, by=dpo, now=NOW)
    reception.preset, reception.message_text = Connection.Preset.TEXT, Connection.MessageText.EACH
    reception.save()
    approve_all(sol, dpo)
    newest = approval.newest(sol)[Processing.MESSAGE_TEXT]
    assert (newest.number, newest.notes) == (3, said.notes)


# In words -------------------------------------------------------------------------------------------------------------


def test_the_eight_fields_name_controller_processor_and_officer(sol: Clinic, approved: list[OperationVersion]) -> None:
    Processor.objects.create(clinic=sol, name="Nuvem Clara", kind="crm", country="BR", started_on=TODAY)
    row = approval.newest(sol)[Processing.CARE_CONTACT]
    eight = dict(told(sol, row, papers(sol, NOW)).eight)
    assert [name.partition(".")[0] for name in eight] == ["I", "II", "III", "IV", "V", "VI", "VII", "VIII"]
    contacts = next(iter(eight.values()))
    assert "11222333000181" in contacts
    assert "Nuvem Clara" in contacts
    assert "Dra. Ana Lima" in contacts
    assert "Krayin (CRM) (BR)" in eight["IV. Compartilhamento"]
    assert "Art. 11, II, f: tutela da saúde" in eight["VII. Finalidade e hipótese legal"]
    assert "5 anos" in eight["VI. Período de armazenamento"]


def test_the_processors_view_adds_the_controllers_instructions(sol: Clinic, approved: list[OperationVersion]) -> None:
    Processor.objects.create(
        clinic=sol, name="Ponte Serviços", kind="bridge", started_on=TODAY, instructions="Nada fora do contrato."
    )
    row = approval.newest(sol)[Processing.MESSAGE_TEXT]
    own, theirs = (dict(told(sol, row, papers(sol, NOW), as_processor=one).complete) for one in (False, True))
    added = set(theirs) - set(own)
    assert len(added) == 1
    assert "Ponte Serviços: Nada fora do contrato." in theirs[added.pop()]


# Papers ---------------------------------------------------------------------------------------------------------------


def transfer(of: Clinic, **fields: object) -> InternationalTransfer:
    values = {
        "importer": "Cloud Inc.", "country": "US", "operations": ["care_contact"], "categories": ["R02"],
        "mechanism": "SCC", "document": "Contrato 12", "document_sha256": HASH, "started_on": TODAY,
        "review_on": date(2027, 11, 21),
    }  # fmt: skip
    return InternationalTransfer(clinic=of, **{**values, **fields})


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"country": "BR"}, "country"),
        ({"country": "Brasil"}, "country"),
        ({"country": "US", "mechanism": "ADEQUACY"}, "mechanism"),
        ({"document": ""}, "document"),
        ({"document_sha256": ""}, "document_sha256"),
        ({"document_sha256": "x" * 64}, "document_sha256"),
        ({"operations": ["gossip"]}, "operations"),
        ({"categories": ["R99"]}, "categories"),
    ],
)
def test_a_transfer_without_ground_is_refused(sol: Clinic, fields: dict[str, object], where: str) -> None:
    with pytest.raises(ValidationError) as error:
        transfer(sol, **fields).full_clean()
    assert where in error.value.message_dict


def test_transfers_with_ground_are_kept(sol: Clinic) -> None:
    for fields in ({}, {"country": "PT", "mechanism": "ADEQUACY", "document": "", "document_sha256": ""}):
        row = transfer(sol, **fields)
        row.full_clean()
        row.save()
    assert AuditLog.objects.filter(object_type="consent.InternationalTransfer", action="create").count() == 2


def test_the_database_wants_the_paper_too(sol: Clinic) -> None:
    with pytest.raises(IntegrityError, match="chk_transfers_paper"), transaction.atomic():
        transfer(sol, document="").save()
    assert not InternationalTransfer.objects.exists()


def test_what_is_missing_or_late_is_named(sol: Clinic, approved: list[OperationVersion]) -> None:
    abroad = Processor.objects.create(clinic=sol, name="Cloud Inc.", kind="hosting", country="US", started_on=TODAY)
    gaps = {one.gap for one in missing(papers(sol, NOW), approval.newest(sol))}
    assert gaps == {Gap.TRANSFER, Gap.BALANCING, Gap.IMPACT}
    transfer(sol, processor=abroad, review_on=date(2026, 11, 20)).save()
    Assessment.objects.create(
        clinic=sol, kind="balancing", operation="reliability", title="Logs", decision="approved", decided_on=TODAY,
        review_on=date(2027, 11, 20),
    )  # fmt: skip
    for operation in ("care_contact", "message_text", "health_notes"):
        Assessment.objects.create(
            clinic=sol, kind="impact", operation=operation, title="RIPD", review_on=date(2027, 1, 1)
        )
    left = missing(papers(sol, NOW), approval.newest(sol))
    assert [(one.gap, one.since) for one in left] == [(Gap.TRANSFER_REVIEW, date(2026, 11, 20))]
