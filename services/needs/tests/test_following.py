"""Needs follow their households: they move, change hands, are withdrawn; institutions have needs too."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of, assert_retold
from chassis.testing.simultaneous import PATIENCE_SECONDS, WAITING, meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.needs import NeedMoved, NeedPublished, NeedWithdrawn
from contracts.users import (
    HouseholdChanged,
    HouseholdEnded,
    HouseholdMoved,
    HouseholdRegistered,
    InstitutionEnded,
    InstitutionRegistered,
)
from needs import actions, following
from needs.api import api
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household_in, pending, rice

BESIDE = f"{VILLAGE[:9]}002"
AT = datetime(2026, 3, 1, tzinfo=UTC)


def moved(household: UUID, version: int = 2, account: UUID | None = None, region: str = BESIDE) -> HouseholdMoved:
    return HouseholdMoved(
        version=version, household_id=household, account_id=account, region=region, former_region=VILLAGE, status="registered",
        moved_by=None, moved_at=AT,
    )  # fmt: skip


def ended(household: UUID, version: int = 3, into: UUID | None = None, by: UUID | None = None) -> HouseholdEnded:
    reason: Any = "merged" if into else "died"
    return HouseholdEnded(
        version=version, household_id=household, account_id=None, region=VILLAGE, reason=reason, merged_into=into, ended_by=by, ended_at=AT,
    )  # fmt: skip


def registered(household: UUID, version: int = 1, account: UUID | None = None) -> HouseholdRegistered:
    return HouseholdRegistered(
        version=version, household_id=household, account_id=account, region=VILLAGE, status="registered", registered_by=None,
        registered_at=AT,
    )  # fmt: skip


def hear(database: RolledBack, *events: Any) -> None:
    for event in events:
        with database.begin() as session:
            actions.record_households(session, [event])


def posted(client: Client, village: Person, household: UUID, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/needs", rice(household_id=str(household), consent="slip") | more, by=village)
    assert answer.status_code == 201, answer.json
    need: dict[str, Any] = answer.json
    return need


def published(client: Client, village: Person, town: Person, household: UUID) -> str:
    need = posted(client, village, household)
    assert client.post(f"/v1/needs/{need['id']}/verification", by=town).status_code == 201
    return str(need["id"])


def of(database: RolledBack, kind: type[Any]) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, kind)]


def test_open_needs_move_with_their_household(client: Client, database: RolledBack, household: UUID, village: Person, town: Person) -> None:
    open_need, waiting = published(client, village, town, household), posted(client, village, household)["id"]
    beside = administrator_of(database, BESIDE)
    hear(database, moved(household))
    assert client.get(f"/v1/needs/{waiting}", by=village).status_code == 404
    shown = [client.get(f"/v1/needs/{one}", by=beside).json for one in (open_need, waiting)]
    assert [(one["region"], one["shown"], one["version"]) for one in shown] == [(BESIDE, "region", 3), (BESIDE, "region", 2)]
    [event] = of(database, NeedMoved)
    [live] = of(database, NeedPublished)
    assert (str(event.need_id), event.version, event.region) == (open_need, 3, BESIDE)
    assert (event.published_at, event.posted_at, event.urgency) == (live.published_at, live.posted_at, "urgent")
    hear(database, moved(household))
    assert len(of(database, NeedMoved)) == 1


def test_moved_need_is_listed_in_its_new_region(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    need = published(client, village, town, household)
    hear(database, moved(household, region="510703001003"))
    assert [one["id"] for one in client.get("/v1/needs", region="5107").json["items"]] == [need]
    assert client.get("/v1/needs", region="5109").json["items"] == []


def test_needs_that_are_over_stay_where_they_were(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    need = published(client, village, town, household)
    client.post(f"/v1/needs/{need}/closing", {"reason": "met_elsewhere"}, by=village)
    hear(database, moved(household))
    assert client.get(f"/v1/needs/{need}", by=village).json["region"] == VILLAGE
    assert of(database, NeedMoved) == []


def test_needs_of_an_ended_household_are_withdrawn(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    needs, by = [published(client, village, town, household), posted(client, village, household)["id"]], new_id()
    hear(database, ended(household, by=by))
    for need in needs:
        shown = client.get(f"/v1/needs/{need}", by=village).json
        assert (shown["state"], shown["ended_because"]) == ("withdrawn", "household_ended")
    events = of(database, NeedWithdrawn)
    assert [(str(event.need_id), event.reason, event.withdrawn_by) for event in events] == [(need, "household_ended", by) for need in needs]
    refused = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village)
    assert (refused.status_code, refused.json["code"]) == (422, "unknown_household")


def test_withdrawal_by_the_household_has_no_reason(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    need = published(client, village, town, household)
    assert client.post(f"/v1/needs/{need}/withdrawal", by=village).status_code == 201
    [event] = of(database, NeedWithdrawn)
    assert (event.reason, event.withdrawn_by) == (None, village.id)


def test_needs_go_over_to_the_household_of_a_merge(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    account = Person("household")
    into, need = household_in(database, VILLAGE, account), published(client, village, town, household)
    hear(database, ended(household, into=into))
    [event] = of(database, NeedMoved)
    assert (event.household_id, event.account_id, str(event.need_id)) == (into, account.id, need)
    assert [one["id"] for one in client.get("/v1/needs/mine", by=account).json["items"]] == [need]
    assert client.get(f"/v1/needs/{need}", by=account).json["state"] == "published"
    hear(database, moved(into, account=account.id))
    assert client.get(f"/v1/needs/{need}", by=account).json["region"] == BESIDE


def test_merge_is_followed_when_its_household_is_known(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    into, need = new_id(), published(client, village, town, household)
    hear(database, ended(household, into=into))
    assert of(database, NeedMoved) == []
    hear(database, registered(into))
    assert [(str(one.need_id), one.household_id) for one in of(database, NeedMoved)] == [(need, into)]


def test_needs_of_before_belong_to_an_account_of_later(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    account, need = Person("household"), published(client, village, town, household)
    hear(database, registered(household, 2, account.id))
    assert client.get(f"/v1/needs/{need}", by=account).json["shown"] == "own"
    assert of(database, NeedMoved)[0].account_id == account.id


NEWER = "is_newer = Household.version < rows.excluded.version\n"
ANY = "is_newer = Household.version > 0\n"


@pytest.mark.parametrize("condition", [NEWER, unguarded(ANY, "without the version, a late event brings a household back")])
def test_events_in_any_order_have_one_outcome(database: RolledBack, monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    monkeypatch.setattr(actions, "record_households", altered(actions.record_households, NEWER, condition))
    for order in permutations(range(4)):
        household = new_id()
        changed = HouseholdChanged(
            version=3, household_id=household, account_id=None, region=BESIDE, status="lifted", changed_by=None, changed_at=AT
        )
        events = [registered(household), moved(household), changed, ended(household, 4)]
        hear(database, *(events[place] for place in order))
        query = text("SELECT version, ended FROM households WHERE id = :id")
        assert tuple(database.found(query, id=household)[0]) == (4, True), order


def test_institution_has_needs_without_consent(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    school = new_id()
    stated = {"institution_id": school, "kind": "school", "region": VILLAGE}
    hear(database, InstitutionRegistered(version=1, registered_by=village.id, registered_at=AT, **stated))
    need = client.post("/v1/needs", rice(household_id=str(school)), by=village)
    assert need.status_code == 201, need.json
    assert (
        client.post("/v1/needs", rice(household_id=str(school)), by=administrator_of(database, BESIDE)).json["code"] == "unknown_household"
    )
    assert client.post(f"/v1/needs/{need.json['id']}/verification", by=town).status_code == 201
    assert of(database, NeedPublished)[0].of_institution
    hear(database, InstitutionEnded(version=2, institution_id=school, region=VILLAGE, ended_by=village.id, ended_at=AT))
    [event] = of(database, NeedWithdrawn)
    assert (event.household_id, event.reason) == (school, "household_ended")


def test_moved_needs_are_republished(client: Client, database: RolledBack, household: UUID, village: Person, town: Person) -> None:
    other = household_in(database, VILLAGE)
    needs = [published(client, village, town, one) for one in (household, other)]
    hear(database, moved(household), moved(other))
    client.post(f"/v1/needs/{needs[1]}/closing", {"reason": "other"}, by=administrator_of(database, BESIDE))
    of_before = published(client, village, town, household_in(database, VILLAGE))
    with database.begin() as session:
        session.execute(text("UPDATE needs SET published_version = NULL WHERE id = :id"), {"id": of_before})
    anew = assert_retold(database, SNAPSHOTS, {NeedPublished, NeedMoved})
    assert sorted(event.version for event in anew if isinstance(event, NeedPublished)) == [2, 2, 2]
    assert sorted(event.version for event in anew if isinstance(event, NeedMoved)) == [3, 3]


@pytest.fixture(scope="module")
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_following"), name="tests")
    yield database
    database.close()


LOCK = ', with_for_update={"read": True}'


@pytest.mark.parametrize("lock", [LOCK, unguarded("", "without the lock, a need stays open though its household has ended")])
def test_need_posted_while_its_household_ends_is_withdrawn(
    real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    from chassis.http.app import create_app

    monkeypatch.setattr(actions, "_find_household", altered(actions._find_household, LOCK, lock))
    village, household = administrator_of(real, VILLAGE), household_in(real, VILLAGE)  # type: ignore[arg-type]
    client = Client(create_app("needs", api, database=real, keys=keys).test_client(), keys)

    def end() -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            with real.begin() as session:
                if session.scalar(WAITING):
                    break
            time.sleep(0.005)
        with real.begin() as session:
            actions.record_households(session, [ended(household)])

    body = rice(household_id=str(household), consent="slip")
    held = text("LOCK TABLE needs IN SHARE ROW EXCLUSIVE MODE")
    meet_at_lock(real, held, [lambda: client.post("/v1/needs", body, by=village), end])
    with real.begin() as session:
        states = session.scalars(text("SELECT state FROM needs WHERE household_id = :id"), {"id": household}).all()
    assert set(states) <= {"withdrawn"}


def test_chain_of_merges_ends(client: Client, database: RolledBack, household: UUID, village: Person, town: Person) -> None:
    need, second, third = published(client, village, town, household), new_id(), household_in(database, VILLAGE)
    hear(database, registered(second), ended(second, into=third), ended(household, into=second))
    assert of(database, NeedMoved)[-1].household_id == third
    assert client.get(f"/v1/needs/{need}", by=village).json["household_id"] == str(third)
    one, two = new_id(), new_id()
    hear(database, registered(one), ended(one, into=two), registered(two), ended(two, into=one))
    with database.begin() as session:
        assert following.find_present(session, one) is None
