"""A9: both lists side by side, the rule between them, and who may change them."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from factories import clinic, connection, signed_in
from screens.pages import main_of

from audit.models import AuditLog
from bridge.models import Connection, DirectoryEntry, KrayinLead, Owner, OwnerLink, OwnerRule, SyncedObject
from bridge.queries.stuck import stuck
from bridge.team import edit
from consent.roles import Role

pytestmark = [pytest.mark.django_db(databases=["default", "audit"]), pytest.mark.usefixtures("in_english")]

LIST = reverse("admin:bridge_ownerrule_changelist")


@pytest.fixture
def here() -> Connection:
    """Two people of Chatwoot, three users of Krayin, one pair by e-mail, six open opportunities."""
    made, now = connection(), timezone.now()
    for key, name in (("21", "Rafael Nogueira"), ("22", "Camila Freitas")):
        DirectoryEntry.objects.create(connection=made, kind="agent", key=key, name=name, mask="r•••@•••", seen_at=now)
    DirectoryEntry.objects.create(connection=made, kind="team", key="2", name="recepção", seen_at=now)
    for number, name in ((4, "Rafael N."), (5, "Camila F."), (6, "Ana Souza")):
        Owner.objects.create(connection=made, number=number, name=name, mask="r•••@•••", seen_at=now)
    OwnerLink.objects.create(
        connection=made, kind="agent", key="21", owner=Owner.objects.get(number=4), found_by="email"
    )
    OwnerRule.objects.create(connection=made, rule="assignee", read_at=now)
    for lead_id, owner in ((1, 4), (2, 4), (3, 5), (4, None), (5, None), (6, 99)):
        opportunity(made, lead_id, owner)
    return made


def opportunity(of: Connection, lead_id: int, owner: int | None, **fields: object) -> None:
    SyncedObject.objects.create(
        connection=of, krayin=of.krayin, kind="lead", ref=f"ponte-{of.ref_code}-c{lead_id}-l1", lane_key="c:1",
        foreign_id=lead_id, synced_at=timezone.now(),
    )  # fmt: skip
    KrayinLead.objects.create(krayin=of.krayin, lead_id=lead_id, owner_id=owner, **fields)


@pytest.fixture
def manager(here: Connection) -> Client:
    return signed_in(Role.CLINIC_MANAGER, here.clinic)


def post(client: Client, of: Connection, **said: object) -> list[str]:
    response = client.post(reverse("admin:bridge_ownerrule_act", args=[of.pk]), said)
    assert response.status_code == 302
    return [str(message) for message in get_messages(response.wsgi_request)][-1:]


def owner(number: int) -> Owner:
    return Owner.objects.get(number=number)


def entry(key: str) -> DirectoryEntry:
    return DirectoryEntry.objects.get(key=key)


def test_the_answer_counts_pairs_and_opportunities_without_owner(manager: Client, here: Connection) -> None:
    opportunity(here, 7, None, closed_at=timezone.now())
    KrayinLead.objects.create(krayin=here.krayin, lead_id=8)  # of another connection or of nobody
    text = main_of(manager.get(LIST))
    assert "1 of 2 people of Chatwoot have a pair in Krayin · 2 open opportunities have no owner." in text
    assert "users that are not in this list" in text
    assert "no pair" in text
    assert "clinica" not in text.split("@")[1]


def test_before_the_lists_are_read_the_page_says_what_reading_costs(here: Connection) -> None:
    fresh = connection(here.clinic, "Nova")
    client = signed_in(Role.CLINIC_MANAGER, here.clinic)
    text = main_of(client.get(f"{LIST}?connection={fresh.pk}"))
    assert "are not known here yet: read the lists." in text
    assert "Read the people of Chatwoot and Krayin · 4 calls" in text


def test_the_rule_and_its_default_are_saved_and_audited(manager: Client, here: Connection) -> None:
    before = OwnerRule.objects.get().since
    said = post(manager, here, do="rule", rule="round_robin", default=owner(6).pk)
    assert said == ["The rule is saved. It counts from what happens next."]
    rule = OwnerRule.objects.get()
    assert (rule.rule, rule.default_owner) == ("round_robin", owner(6))
    assert rule.since > before
    row = AuditLog.objects.filter(object_type="bridge.OwnerRule", action="update").latest("timestamp")
    assert (row.clinic_id, row.fields) == (here.clinic_id, ["default_owner", "rule", "since"])
    assert "Nobody in the rotation is there" in main_of(manager.get(LIST))


def test_another_default_alone_does_not_begin_anew(manager: Client, here: Connection) -> None:
    before = OwnerRule.objects.get().since
    post(manager, here, do="rule", rule="assignee", default=owner(6).pk)
    assert OwnerRule.objects.get().since == before


def test_a_rule_there_is_not_and_a_stranger_are_refused(manager: Client, here: Connection) -> None:
    other = Owner.objects.create(connection=connection(), number=4, name="Fora", seen_at=timezone.now())
    assert post(manager, here, do="rule", rule="first") == ["Choose one of the rules and somebody of the list."]
    said = post(manager, here, do="rule", rule="assignee", default=other.pk)
    assert said == ["Choose one of the rules and somebody of the list."]
    post(manager, here, do="pairs", **{f"pair-{entry('22').pk}": other.pk})
    assert OwnerRule.objects.get(connection=here).default_owner is None
    assert OwnerLink.objects.count() == 1


def test_pairs_are_made_changed_and_taken_apart_by_hand(manager: Client, here: Connection) -> None:
    same = {f"pair-{entry('21').pk}": owner(4).pk, f"pair-{entry('22').pk}": "", f"pair-{entry('2').pk}": ""}
    assert post(manager, here, do="pairs", **same) == ["Nothing was changed."]
    changed = {
        f"pair-{entry('21').pk}": "",
        f"pair-{entry('22').pk}": owner(5).pk,
        f"pair-{entry('2').pk}": owner(6).pk,
    }
    assert post(manager, here, do="pairs", **changed) == ["3 changes saved."]
    links = {(link.key, link.owner and link.owner.number, link.found_by) for link in OwnerLink.objects.all()}
    assert links == {("21", None, "manual"), ("22", 5, "manual"), ("2", 6, "manual")}
    rows = AuditLog.objects.filter(object_type="bridge.OwnerLink", clinic_id=here.clinic_id)
    assert sorted(rows.values_list("action", flat=True)) == ["create", "create", "create", "update"]


def test_absence_and_rotation_are_saved_for_the_people_shown(manager: Client, here: Connection) -> None:
    day = timezone.now().date() + timedelta(days=10)
    four, five = owner(4), owner(5)
    said = post(
        manager, here, do="people", person=[four.pk, five.pk],
        **{f"turn-{four.pk}": "on", f"absent-{five.pk}": "on", f"until-{five.pk}": day.isoformat()},
    )  # fmt: skip
    assert said == ["2 changes saved."]
    assert owner(4).takes_turns
    assert (owner(5).is_absent, owner(5).absent_until) == (True, day)
    assert "absent until" in main_of(manager.get(LIST))
    post(manager, here, do="people", person=[five.pk])
    assert (owner(5).is_absent, owner(5).absent_until) == (False, None)
    assert owner(4).takes_turns


def test_an_absence_that_is_over_is_refused(manager: Client, here: Connection) -> None:
    five = owner(5)
    said = post(
        manager, here, do="people", person=[five.pk], **{f"absent-{five.pk}": "on", f"until-{five.pk}": "2020-01-01"}
    )
    assert said[0] == "Camila F.: the last day of the absence is already over."
    assert not owner(5).is_absent


def test_who_left_krayin_is_told_here_and_among_what_is_to_solve(manager: Client, here: Connection) -> None:
    Owner.objects.filter(number=4).update(gone_at=timezone.now())
    assert "Krayin no longer has somebody the rule names: Rafael N.." in main_of(manager.get(LIST))
    (group,) = stuck([here]).failures
    assert (group.cause, list(group.details)) == ("KRAYIN_TARGET_GONE", ["user_id"])
    text = manager.get(reverse("admin:bridge_failedwebhook_changelist")).content.decode()
    assert f"{LIST}?connection={here.pk}" in text
    assert "Choose another pair or default owner" in text
    edit.set_rule(here, "round_robin", None)
    assert stuck([Connection.objects.get(pk=here.pk)]).failures == []


def test_who_may_only_look_sees_no_button_and_changes_nothing(here: Connection) -> None:
    looker = signed_in(Role.SUPERVISOR, here.clinic)
    page = looker.get(LIST).content.decode().split("<main")[-1]
    assert "Your role looks only" in page
    assert 'name="do"' not in page
    said = {"do": "rule", "rule": "keep"}
    assert looker.post(reverse("admin:bridge_ownerrule_act", args=[here.pk]), said).status_code == 404
    assert OwnerRule.objects.get().rule == "assignee"


def test_another_clinics_team_is_not_there(here: Connection) -> None:
    stranger = signed_in(Role.CLINIC_MANAGER, clinic("Clínica Lua"))
    assert "Rafael" not in stranger.get(f"{LIST}?connection={here.pk}").content.decode()
    for do in ("fetch", "rule", "pairs", "people"):
        assert stranger.post(reverse("admin:bridge_ownerrule_act", args=[here.pk]), {"do": do}).status_code == 404
    assert stranger.get(reverse("admin:bridge_ownerrule_change", args=[here.pk])).status_code == 404
    assert OwnerRule.objects.get().rule == "assignee"


def test_the_page_asks_the_same_number_of_queries_however_many_people_there_are(
    manager: Client, here: Connection
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            db,
        ) as found:
            assert manager.get(LIST).status_code == 200
        return len(found)

    few = queries()
    now = timezone.now()
    for number in range(100, 130):
        made = Owner.objects.create(connection=here, number=number, name=f"P{number}", seen_at=now)
        DirectoryEntry.objects.create(connection=here, kind="agent", key=str(number), name=f"P{number}", seen_at=now)
        OwnerLink.objects.create(connection=here, kind="agent", key=str(number), owner=made, found_by="manual")
    assert queries() == few <= 30
