"""Doors of accepted matches: both sides see the collection point and a contact, from the acceptance until the end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold, auditor_of
from chassis.testing.twins import altered, unguarded
from contracts.event import Event
from contracts.generate import example_of
from contracts.matching import DisputeOpened, DisputeSettled, MatchAccepted, MatchClosed, MatchDeclined, MatchReceived, MatchSent
from contracts.users import HandoverPlaceChanged
from users.consents.texts import load_texts
from users.handovers import actions, queries
from users.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household, pending, person_of, phone
from .test_places import COUNTY, ELSEWHERE, POINT, TOWN, add, change, dismiss, proposed, settle

TEXT = list(load_texts()["contact"])[-1]


class Scene:
    """A household in a village, its village's administrator with an account, a giver, and a match between them."""

    def __init__(self, client: Client, database: RolledBack) -> None:
        self.client, self.database = client, database
        self.agent = person_of(client, kind="staff", name="陈立春")
        self.giver_phone, self.household_phone = phone(), phone()
        self.giver = person_of(client, kind="donor", name="冯知微", phone=self.giver_phone)
        appointed = administrator_of(database, VILLAGE)
        with database.begin() as session:
            session.execute(
                text("UPDATE appointments SET user_id = :id WHERE user_id = :other"), {"id": self.agent.id, "other": appointed.id}
            )
        wanted = household(phone=self.household_phone)
        self.household_id = client.post("/v1/households", wanted, by=self.agent).json["id"]
        self.owner = person_of(client, kind="donor", phone=self.household_phone)
        self.owner.kind = "household"
        with database.begin() as session:
            session.execute(text("UPDATE households SET account_id = :id WHERE id = :one"), {"id": self.owner.id, "one": self.household_id})
        self.match_id = new_id()

    def event(self, kind: type[Event], version: int, **changes: Any) -> Any:
        ids = {"household_id": self.household_id, "account_id": self.owner.id, "pledger_id": self.giver.id, "poster_id": self.agent.id}
        people: dict[str, Any] = {name: UUID(str(value)) for name, value in ids.items()}
        named = ("accepted_at", "sent_at", "received_at", "closed_at", "declined_at", "opened_at", "settled_at")
        times = {name: datetime.now(UTC) for name in named}
        stated = {"match_id": self.match_id, "version": version, "region": VILLAGE} | people | times | changes
        return replace(example_of(kind), **{name: value for name, value in stated.items() if name in kind.__struct_fields__})

    def hear(self, *events: Event) -> None:
        with self.database.begin() as session:
            actions.hear_matches(session, events)  # type: ignore[arg-type]

    def hear_disputes(self, *events: Event) -> None:
        with self.database.begin() as session:
            actions.hear_disputes(session, events)  # type: ignore[arg-type]

    def look(self, by: Person | None) -> Any:
        return self.client.get(f"/v1/handovers/{self.match_id}", by=by)

    def consent(self, by: Person | None = None, **more: Any) -> Any:
        body = {"household_id": self.household_id, "purpose": "contact", "text_version": TEXT, "way": "slip"} | more
        return self.client.post("/v1/consents", body, by=by or self.agent)

    def whole_way(self) -> list[Any]:
        return [self.event(kind, version) for version, kind in enumerate((MatchAccepted, MatchSent, MatchReceived, MatchClosed), start=2)]

    def tell(self) -> list[HandoverPlaceChanged]:
        """Tell givers until nothing is left; return the events."""
        before = len(told(self.database))
        for _ in range(20):
            with self.database.begin() as session:
                actions.tell_givers(session)
        return told(self.database)[before:]


def told(database: RolledBack) -> list[HandoverPlaceChanged]:
    return [event for event in pending(database) if isinstance(event, HandoverPlaceChanged)]


@pytest.fixture
def scene(client: Client, database: RolledBack) -> Scene:
    return Scene(client, database)


def test_giver_sees_point_and_village_from_acceptance_to_the_end(scene: Scene) -> None:
    add(scene.client, scene.agent)
    assert scene.look(scene.giver).status_code == 404
    scene.hear(scene.event(MatchAccepted, 2))
    shown = scene.look(scene.giver)
    assert (shown.status_code, shown.json["side"], shown.json["quantity"]) == (200, "giver", 50)
    assert {name: shown.json["place"][name] for name in POINT} == POINT
    assert shown.json["village_contact"] == {"name": "陈立春", "telephone": POINT["telephone"]}
    assert (shown.json["household_contact"], shown.json["giver_contact"]) == (None, None)
    for event in scene.whole_way()[1:3]:
        scene.hear(event)
        assert scene.look(scene.giver).status_code == 200
    scene.hear(scene.event(MatchClosed, 5, reason="delivered"))
    assert scene.look(scene.giver).status_code == 404


@pytest.mark.parametrize(
    "end",
    [
        (MatchClosed, {"reason": "giver_no_show"}),
        (MatchClosed, {"reason": "giver_withdrew"}),
        (MatchClosed, {"reason": "nothing_arrived"}),
        (MatchDeclined, {"was_accepted": True}),
    ],
)
def test_every_end_shuts_the_door(scene: Scene, end: tuple[type[Event], dict[str, Any]]) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    scene.hear(scene.event(end[0], 3, **end[1]))
    for person in (scene.giver, scene.owner, scene.agent):
        assert scene.look(person).status_code == 404


def test_declined_proposal_makes_no_door(scene: Scene) -> None:
    scene.hear(scene.event(MatchDeclined, 2, was_accepted=False))
    with scene.database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM handovers")) == 0


def test_household_side_sees_the_giver(scene: Scene) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    for person in (scene.owner, scene.agent, administrator_of(scene.database, COUNTY)):
        shown = scene.look(person).json
        assert (shown["side"], shown["giver_contact"]) == ("household", {"name": "冯知微", "telephone": scene.giver_phone})
        assert shown["household_contact"] is None
    assert shown["village_contact"]["name"] == "陈立春"


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the sides, whoever knows the number of a match sees its people")])
def test_nobody_else_sees_anything(scene: Scene, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    if not is_guarded:
        monkeypatch.setattr(queries, "find_side", lambda caller, handover, household: "giver")
    scene.hear(scene.event(MatchAccepted, 2))
    strangers = [Person(kind) for kind in ("donor", "household", "volunteer")]
    staff = [administrator_of(scene.database, region) for region in ("510904", "5107", "510903001002")]
    for person in (*strangers, *staff, auditor_of(scene.database, COUNTY)):
        assert scene.look(person).status_code == 404
    assert scene.look(None).status_code == 401


def test_dismissed_agent_sees_nothing_any_more(scene: Scene) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    dismiss(scene.database, scene.agent)
    assert scene.look(scene.agent).status_code == 404
    assert scene.look(scene.giver).json["village_contact"] is None


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the consent, givers see every household's telephone")])
def test_household_contact_needs_its_consent(scene: Scene, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    if not is_guarded:
        monkeypatch.setattr(queries, "has_consented", lambda session, household_id, purpose: True)
    scene.hear(scene.event(MatchAccepted, 2))
    assert scene.look(scene.giver).json["household_contact"] is None
    consent = scene.consent()
    assert (consent.status_code, consent.json["way"], consent.json["text_version"]) == (201, "slip", TEXT)
    assert scene.look(scene.giver).json["household_contact"] == {"name": "欧阳守田", "telephone": scene.household_phone}
    withdrawn = scene.client.post(f"{consent.headers['Location']}/withdrawal", by=scene.agent)
    assert (withdrawn.status_code, withdrawn.json["allowed"], withdrawn.json["version"]) == (201, [], 2)
    assert scene.look(scene.giver).json["household_contact"] is None


def test_nearest_open_point_counts(scene: Scene) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    town, county = (administrator_of(scene.database, region) for region in (TOWN, COUNTY))
    paths = {}
    for region, by in ((VILLAGE, scene.agent), (TOWN, town), (COUNTY, county)):
        answer = add(scene.client, by, region=region, name=f"{len(region)} 位代码的服务站")
        assert answer.json["state"] == "open"
        paths[region] = answer.headers["Location"]
    for region, by in ((VILLAGE, scene.agent), (TOWN, town), (COUNTY, county)):
        assert scene.look(scene.giver).json["place"]["region"] == region
        assert change(scene.client, by, paths[region], state="closed").status_code == 200
    shown = scene.look(scene.giver).json
    assert shown["place"] is None
    assert shown["village_contact"]["name"] == "陈立春"


def looks(database: RolledBack, actor: Person) -> list[UUID | None]:
    """The persons of whom the audit log says that somebody saw them."""
    query = select(AuditEntry).where(AuditEntry.act == "get_handover", AuditEntry.actor_id == actor.id)
    with database.begin() as session:
        return [entry.person_id for entry in session.scalars(query)]


def test_every_look_is_recorded_with_those_it_showed(scene: Scene) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    scene.consent()
    for person in (scene.giver, scene.owner, scene.agent, scene.agent):
        assert scene.look(person).status_code == 200
    giver, agent = UUID(str(scene.giver.id)), UUID(str(scene.agent.id))
    assert set(looks(scene.database, scene.giver)) == {agent, UUID(str(scene.owner.id))}
    assert set(looks(scene.database, scene.owner)) == {agent, giver}
    assert looks(scene.database, scene.agent) == [giver, giver]


@pytest.mark.parametrize(
    "is_guarded", [True, unguarded(False, "without the versions, an acceptance that comes late opens the door of a match that is over")]
)
def test_door_is_shut_after_the_end_in_any_order(scene: Scene, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    if not is_guarded:
        monkeypatch.setattr(actions, "_record", altered(actions._record, ", where=newer"))
    for order in permutations(scene.whole_way()):
        scene.match_id = new_id()
        for event in order:
            scene.hear(replace(event, match_id=scene.match_id))
        assert scene.look(scene.giver).status_code == 404


def test_doors_are_right_after_users_was_restored(scene: Scene) -> None:
    stories = []
    for steps in (1, 2, 3, 4):
        scene.match_id = new_id()
        stories.append((scene.match_id, steps, [replace(event, match_id=scene.match_id) for event in scene.whole_way()[:steps]]))
    everything: list[Any] = [event for _, _, events in stories for event in events]
    scene.hear(*everything[:3])
    for seed in (1, 2, 3):
        Random(seed).shuffle(everything)
        scene.hear(*everything[:4])
        for event in everything:
            scene.hear(event)
        for scene.match_id, steps, _ in stories:
            assert scene.look(scene.giver).status_code == (404 if steps == 4 else 200)
        with scene.database.begin() as session:
            assert session.scalar(text("SELECT count(*) FROM handovers")) == len(stories)
            session.execute(text("DELETE FROM handovers"))


@pytest.mark.parametrize(("days", "status"), [(27, 200), (29, 404)])
def test_door_shuts_when_the_time_for_a_dispute_is_over(scene: Scene, days: int, status: int) -> None:
    scene.hear(scene.event(MatchReceived, 4, received_at=datetime.now(UTC) - timedelta(days=days)))
    assert scene.look(scene.giver).status_code == status


LATE = timedelta(days=29)
KEEPS = "or_(Handover.shuts_at > at, and_(Handover.dispute_version > 0, in_dispute))"


@pytest.mark.parametrize("keeps", [KEEPS, unguarded("Handover.shuts_at > at", "without it, the door shuts while the county decides")])
def test_late_dispute_keeps_the_door_open_until_its_end(scene: Scene, monkeypatch: pytest.MonkeyPatch, keeps: str) -> None:
    changed = altered(queries.is_open, KEEPS, keeps)
    monkeypatch.setattr(queries, "is_open", changed)
    at = datetime.now(UTC)
    scene.hear(scene.event(MatchReceived, 4, received_at=at - LATE))
    assert scene.look(scene.giver).status_code == 404
    scene.hear_disputes(scene.event(DisputeOpened, 1, opened_at=at - LATE + timedelta(days=28)))
    for person in (scene.giver, scene.owner, scene.agent):
        shown = scene.look(person)
        assert (shown.status_code, shown.json.get("disputed")) == (200, True)
        assert datetime.fromisoformat(shown.json["shuts_at"]) > at + timedelta(days=6)
    assert scene.look(Person("donor")).status_code == 404
    # The county may take longer than its fourteen days.
    with scene.database.begin() as session:
        session.execute(text("UPDATE handovers SET shuts_at = shuts_at - interval '300 days'"))
    assert scene.look(scene.giver).status_code == 200
    scene.hear_disputes(scene.event(DisputeSettled, 4, settled_at=at - timedelta(days=6)))
    shown = scene.look(scene.giver).json
    assert (shown["disputed"], datetime.fromisoformat(shown["shuts_at"])) == (False, at + timedelta(days=1))
    scene.hear_disputes(scene.event(DisputeSettled, 5, settled_at=at - timedelta(days=8)))
    assert scene.look(scene.giver).status_code == 404


def test_closing_shuts_the_door_of_a_disputed_match(scene: Scene) -> None:
    dispute = [scene.event(DisputeOpened, 1), scene.event(DisputeSettled, 3)]
    for order in permutations([*scene.whole_way()[2:], *dispute]):
        scene.match_id = new_id()
        for event in order:
            told_event = replace(event, match_id=scene.match_id)
            (scene.hear_disputes if event in dispute else scene.hear)(told_event)
        assert scene.look(scene.giver).status_code == 404, order


def test_dispute_in_any_order_has_one_outcome(scene: Scene) -> None:
    at = datetime.now(UTC)
    old = {"sent_at": at - timedelta(days=99), "received_at": at - LATE, "settled_at": at - timedelta(days=2)}
    events = [scene.event(kind, version, **old) for kind, version in ((MatchReceived, 4), (DisputeOpened, 1), (DisputeSettled, 3))]
    for order in permutations(events):
        scene.match_id = new_id()
        for event in order:
            heard = replace(event, match_id=scene.match_id)
            (scene.hear if isinstance(event, MatchReceived) else scene.hear_disputes)(heard)
        shown = scene.look(scene.giver)
        assert (shown.status_code, shown.json.get("disputed")) == (200, False)
        assert datetime.fromisoformat(shown.json["shuts_at"]) == at + timedelta(days=5)


def test_giver_under_way_is_told_once_of_another_address(scene: Scene) -> None:
    town, point = administrator_of(scene.database, TOWN), add(scene.client, scene.agent).headers["Location"]
    scene.hear(scene.event(MatchAccepted, 2))
    assert scene.tell() == []
    proposal = proposed(scene.client, scene.agent, point)
    assert scene.tell() == []
    assert settle(scene.client, town, point, proposal).status_code == 201
    [event] = scene.tell()
    assert (event.match_id, str(event.pledger_id), event.version) == (scene.match_id, str(scene.giver.id), 1)
    assert f"/v1/places/{event.place_id}" == point
    assert scene.tell() == []
    assert scene.look(scene.giver).json["place"]["address"] == ELSEWHERE["address"]
    change(scene.client, scene.agent, point, do_not_bring="药品")
    assert scene.tell() == []
    change(scene.client, scene.agent, point, state="closed")
    [closed] = scene.tell()
    assert (closed.version, closed.place_id) == (2, None)


def test_only_givers_under_way_are_told(scene: Scene) -> None:
    point = add(scene.client, scene.agent).headers["Location"]
    for steps in (1, 2, 3, 4):
        scene.match_id = new_id()
        scene.hear(*(replace(event, match_id=scene.match_id) for event in scene.whole_way()[:steps]))
    change(scene.client, scene.agent, point, hours="每天 8:00—12:00")
    assert len(scene.tell()) == 2


def test_many_givers_are_told_batch_by_batch(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "TOLD_AT_ONCE", 2)
    point = add(scene.client, scene.agent).headers["Location"]
    matches = [new_id() for _ in range(5)]
    scene.hear(*(replace(scene.event(MatchAccepted, 2), match_id=match_id) for match_id in matches))
    change(scene.client, scene.agent, point, hours="每天 8:00—12:00")
    with scene.database.begin() as session:
        assert actions.tell_givers(session) == 2
    change(scene.client, scene.agent, point, hours="每天 9:00—12:00")
    assert len(scene.tell()) == 5
    assert {event.match_id for event in told(scene.database)} == set(matches)


def test_institution_needs_no_consent(scene: Scene) -> None:
    school = {"kind": "school", "name": "河沙镇小学", "region": VILLAGE, "telephone": "0825-2661111"}
    made = scene.client.post("/v1/institutions", school, by=scene.agent)
    assert made.status_code == 201, made.json
    scene.hear(scene.event(MatchAccepted, 2, household_id=UUID(made.json["id"])))
    assert scene.look(scene.giver).json["household_contact"] == {"name": "河沙镇小学", "telephone": "0825-2661111"}
    assert looks(scene.database, scene.giver) == [UUID(str(scene.agent.id))]


def test_neighbour_s_number_is_not_the_household_s(scene: Scene) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    scene.consent()
    with scene.database.begin() as session:
        session.execute(text("UPDATE households SET account_id = NULL, phone_kind = 'neighbour'"))
    assert scene.look(scene.giver).json["household_contact"] == {"name": "欧阳守田", "telephone": None}


def test_points_and_their_changes_are_republished(scene: Scene) -> None:
    point = add(scene.client, scene.agent).headers["Location"]
    scene.hear(scene.event(MatchAccepted, 2))
    change(scene.client, scene.agent, point, hours="每天 8:00—12:00")
    assert len(scene.tell()) == 1
    proposed(scene.client, scene.agent, point)
    own = [one for one in SNAPSHOTS if one.event.__name__ in {"PlaceChanged", "PlaceChangeProposed", "HandoverPlaceChanged"}]
    with scene.database.begin() as session:
        session.execute(text("DELETE FROM outbox WHERE name NOT IN ('place_changed', 'place_change_proposed', 'handover_place_changed')"))
    assert len(assert_retold(scene.database, own)) == 3


def consents(scene: Scene, by: Person | None) -> Sequence[Any]:
    items: Sequence[Any] = scene.client.get("/v1/consents", by=by).json["items"]
    return items


def test_consent_names_its_text_and_its_way(scene: Scene) -> None:
    [present] = [one for one in scene.client.get("/v1/consents/texts").json["items"] if one["present"]]
    assert (present["purpose"], present["text_version"]) == ("contact", TEXT)
    assert scene.consent(text_version="2017-01").json["code"] == "old_text"
    assert scene.consent(way="signed_in").json["code"] == "not_allowed"
    assert scene.consent(way="telepathy").status_code == 422
    for way in ("sms", "signature"):
        answer = scene.consent(way=way)
        assert (answer.status_code, answer.json["way"], answer.json["recorded_by"]) == (201, way, str(scene.agent.id))
        assert scene.consent(way=way).json["code"] == "already_consented"
        assert scene.client.post(f"{answer.headers['Location']}/withdrawal", by=scene.agent).status_code == 201
        assert scene.client.post(f"{answer.headers['Location']}/withdrawal", by=scene.agent).json["code"] == "state_conflict"
    assert len(consents(scene, scene.agent)) == 2


def test_only_the_household_side_records_consents(scene: Scene) -> None:
    outside = administrator_of(scene.database, "5107")
    assert scene.consent(by=outside).status_code == 404
    assert scene.consent(by=auditor_of(scene.database, COUNTY)).status_code == 403
    assert scene.consent(by=scene.giver).status_code == 403
    assert scene.consent(by=Person("household"), way="signed_in").status_code == 404
    made = scene.consent()
    assert scene.client.get(made.headers["Location"], by=outside).status_code == 404
    assert scene.client.post(f"{made.headers['Location']}/withdrawal", by=outside).status_code == 404
    assert consents(scene, outside) == []


def test_household_consents_in_its_own_account(scene: Scene) -> None:
    owner = scene.owner
    assert scene.consent(by=owner, way="slip").json["code"] == "not_allowed"
    made = scene.consent(by=owner, way="signed_in")
    assert (made.status_code, made.json["allowed"]) == (201, ["withdraw_consent"])
    assert [one["id"] for one in consents(scene, owner)] == [made.json["id"]]
    assert scene.client.post(f"{made.headers['Location']}/withdrawal", by=owner).status_code == 201


def test_open_hand_over_follows_a_household_that_moves(scene: Scene, town: Person) -> None:
    beside = f"{VILLAGE[:9]}002"
    add(scene.client, scene.agent)
    scene.hear(scene.event(MatchAccepted, 2))
    moved = scene.client.post(f"/v1/households/{scene.household_id}/move", {"to_region": beside}, by=town)
    assert moved.status_code == 201, moved.json
    [event] = told(scene.database)
    assert (event.match_id, event.region, event.place_id) == (scene.match_id, beside, None)
    assert scene.look(scene.giver).json["place"] is None
    assert scene.look(scene.agent).status_code == 404
    assert scene.look(administrator_of(scene.database, beside)).status_code == 200
    scene.hear(scene.event(MatchSent, 3))
    assert scene.look(scene.agent).status_code == 404


HERE = "present = {event.match_id: living.get(event.household_id, (event.household_id, event.region)) for event, _ in newest.values()}"
THERE = "present = {event.match_id: (event.household_id, event.region) for event, _ in newest.values()}"


@pytest.mark.parametrize("known", [HERE, unguarded(THERE, "without the register, nobody tells the giver that the new point changed")])
def test_acceptance_of_a_moved_need_opens_the_present_place(
    scene: Scene, town: Person, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    monkeypatch.setattr(actions, "_record", altered(actions._record, HERE, known))
    beside = f"{VILLAGE[:9]}002"
    add(scene.client, scene.agent)
    new = administrator_of(scene.database, beside)
    point = add(scene.client, new, region=beside, name="新村服务站").headers["Location"]
    assert scene.client.post(f"/v1/households/{scene.household_id}/move", {"to_region": beside}, by=town).status_code == 201
    # Matching has not heard of the move yet.
    scene.hear(scene.event(MatchAccepted, 2, region=VILLAGE))
    shown = scene.look(scene.giver).json
    assert (shown["region"], shown["place"]["name"], shown["place"]["region"]) == (beside, "新村服务站", beside)
    assert scene.look(scene.agent).status_code == 404
    change(scene.client, new, point, hours="每天 8:00—12:00")
    assert [(event.match_id, event.region) for event in scene.tell()] == [(scene.match_id, beside)]


def test_hand_over_of_a_merged_household_goes_on(scene: Scene) -> None:
    scene.hear(scene.event(MatchAccepted, 2))
    into = scene.client.post("/v1/households", household(name="司马春", phone=phone()), by=scene.agent).json["id"]
    scene.client.post("/v1/households/merges", {"household_id": scene.household_id, "into_id": into}, by=scene.agent)
    assert scene.consent(household_id=into).status_code == 201
    assert scene.look(scene.giver).json["household_contact"] == {"name": "司马春", "telephone": scene.household_phone}
    scene.hear(scene.event(MatchSent, 3))
    assert scene.look(scene.giver).json["household_contact"]["name"] == "司马春"
