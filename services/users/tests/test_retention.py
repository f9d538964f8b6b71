"""What the register no longer needs is erased in time, and nothing before its time."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from chassis.data.database import Database, now
from chassis.data.encryption import encrypted_models
from chassis.data.personal_keys import personal_keys
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted
from users.erasure import retention
from users.erasure.model import Erasure

from .conftest import VILLAGE, client_of, household
from .test_erasure import finish, later, readable
from .test_handovers import Scene
from .test_members import WIDOW
from .test_monitoring import enter
from .test_self_reports import facts
from .test_visits import visit

TERM = timedelta(days=1095)
DAY = timedelta(days=1)
KEPT = {
    "accounts": "their account is in use; closed and unproven ones: erase_old_accounts",
    "code_requests": "a day",
    "household_helps": "texts",
    "household_labels": "texts",
    "household_members": "members who left; the others with their household",
    "household_reveals": "texts",
    "household_versions": "texts",
    "household_visits": "texts",
    "households": "ended ones",
    "import_parts": "seven days",
    "import_rows": "seven days",
    "imports": "seven days",
    "person_reveals": "texts",
    "organisations": "with their account",
    "second_factors": "with their account",
    "self_reports": "from the decision on",
    "sign_ins": "a day after their end",
}
"""How long the encrypted values of each table are kept."""


def pass_by(database: Database, monkeypatch: pytest.MonkeyPatch, by: timedelta, at_once: int = 1) -> None:
    """Let time pass, and erase what is over."""
    with monkeypatch.context() as patched:
        patched.setattr(retention, "now", lambda: now() + by)
        for _ in range(at_once):
            with database.begin() as session:
                retention.erase_old_register(session)


def everything_about(client: Client, by: Person, above: Person) -> UUID:
    """Register a household with a member, a visit, a label that ended, a look and a correction."""
    made = client.post("/v1/households", household(address="村东头第三家"), by=by).json["id"]
    path = f"/v1/households/{made}"
    assert client.post(f"{path}/members", WIDOW, by=by).status_code == 201
    assert client.post("/v1/household-visits", visit(made), by=by).status_code == 201
    label = enter(client, by, made, note="户主住院").json["id"]
    assert client.post(f"/v1/household-labels/{label}/exit", {"reason": "stable"}, by=by).status_code == 201
    assert client.post(f"{path}/reveal", {"purpose": "visit", "reason": "入户核实"}, by=above).status_code == 201
    assert client.patch(path, {"address": "村西头", "note": "搬到新房"}, by=by).status_code == 200
    return UUID(made)


def tables_of(database: RolledBack, household_id: UUID) -> set[str]:
    """The tables in which something about a household and its people can be read."""
    with database.begin() as session:
        related = text(
            "SELECT id FROM household_members WHERE household_id = :id UNION SELECT id FROM household_visits WHERE household_id = :id"
        )
        people = {household_id, *session.scalars(related, {"id": household_id})}
    return {place.partition(".")[0] for place in readable(database, people)}


def end(client: Client, by: Person, household_id: UUID) -> None:
    assert client.post(f"/v1/households/{household_id}/end", {"reason": "moved_away"}, by=by).status_code == 201


def test_every_encrypted_table_has_its_time() -> None:
    assert {model.table.name for model in encrypted_models("users")} == KEPT.keys()


OLD = "Household.ended_at < limit"


@pytest.mark.parametrize("over", [OLD, unguarded("Household.ended_at.is_not(None)", "without the term, what ended yesterday is gone")])
def test_ended_household_is_erased_with_its_people_in_time(
    client: Client, database: RolledBack, village: Person, town: Person, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    monkeypatch.setattr(retention, "erase_ended_households", altered(retention.erase_ended_households, OLD, over))
    made, stands = everything_about(client, village, town), everything_about(client, village, town)
    whole = tables_of(database, made)
    assert whole == {f"household{one}" for one in ("s", "_members", "_visits", "_helps", "_labels", "_reveals", "_versions")}
    end(client, village, made)
    pass_by(database, monkeypatch, TERM - DAY)
    assert tables_of(database, made) == whole
    pass_by(database, monkeypatch, TERM + 2 * DAY)
    assert tables_of(database, made) == set()
    assert tables_of(database, stands) == {"households", "household_members"}
    numbers = text("SELECT count(*) FROM households WHERE id = :id AND national_id_fingerprint = sha256(uuid_send(id))")
    assert database.found(numbers, id=made)[0][0] == 1
    later(monkeypatch)
    [told] = finish(database)
    assert (told.person_id, told.household_id, told.account_id) == (made, made, None)
    with database.begin() as session:
        erasure = session.get_one(Erasure, made)
        assert (erasure.purpose, erasure.reason, erasure.requested_by) == ("retention_over", "by_rule", None)
        assert {personal_keys("users").find(one) for one in erasure.people} == {None}
    pass_by(database, monkeypatch, TERM + DAY)
    assert len(finish(database)) == 1


def test_merged_households_are_erased_once(client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, into = (UUID(client.post("/v1/households", household(), by=village).json["id"]) for _ in range(2))
    merging = {"household_id": str(gone), "into_id": str(into)}
    assert client.post("/v1/households/merges", merging, by=village).status_code == 201
    end(client, village, into)
    with database.begin() as session:
        # The other order: the one that took the other in is older.
        session.execute(text("UPDATE households SET ended_at = ended_at - interval '1 day' WHERE id = :id"), {"id": into})
    pass_by(database, monkeypatch, TERM + DAY)
    assert readable(database, {gone, into}) == []
    later(monkeypatch)
    assert {event.person_id for event in finish(database)} == {gone, into}


WAITS = ", ~in_handover"


@pytest.mark.parametrize("waits", [WAITS, unguarded("", "without it, a household under way is erased while its giver looks for it")])
def test_household_in_an_open_hand_over_waits(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, waits: str) -> None:
    monkeypatch.setattr(retention, "erase_ended_households", altered(retention.erase_ended_households, WAITS, waits))
    scene = Scene(client, database)
    end(client, scene.agent, UUID(scene.household_id))
    scene.hear(scene.event(MatchAccepted, 2, accepted_at=now() + TERM))
    pass_by(database, monkeypatch, TERM + DAY)
    assert "households" in tables_of(database, UUID(scene.household_id))
    pass_by(database, monkeypatch, TERM + 200 * DAY)
    assert tables_of(database, UUID(scene.household_id)) == set()


LEFT = "Member.left_at < limit"


@pytest.mark.parametrize("over", [LEFT, unguarded("Member.left_at.is_not(None)", "without the term, nobody knows who left a year ago")])
def test_member_who_left_is_forgotten_in_time(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    monkeypatch.setattr(retention, "forget_former_members", altered(retention.forget_former_members, LEFT, over))
    made = client.post("/v1/households", household(), by=village).json["id"]
    left, stays = (
        UUID(client.post(f"/v1/households/{made}/members", WIDOW | {"name": name}, by=village).json["id"])
        for name in ("王秀英", "欧阳小禾")
    )
    assert client.post(f"/v1/household-members/{left}/leaving", {"reason": "married"}, by=village).status_code == 201
    pass_by(database, monkeypatch, TERM - DAY)
    assert readable(database, {left})
    pass_by(database, monkeypatch, TERM + DAY)
    assert readable(database, {left}) == []
    assert personal_keys("users").find(left) is None
    assert readable(database, {stays}) == ["household_members.name"]
    [row] = client.get(f"/v1/households/{made}/members", by=village, left="true").json["items"]
    assert (row["id"], row["name"], row["left_because"]) == (str(left), "", "married")


def test_decided_self_report_is_emptied_in_time(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/self-reports", facts())
    report_id = UUID(client.get("/v1/self-reports", by=village).json["items"][0]["id"])
    made = client.post("/v1/households", household(), by=village).json["id"]
    path = f"/v1/self-reports/{report_id}"
    assert client.post(f"{path}/visit", {}, by=village).status_code == 201
    assert client.post(f"{path}/decision", {"outcome": "admitted", "household_id": made}, by=village).status_code == 201
    with database.begin() as session:
        session.execute(text("UPDATE self_reports SET decided_at = decided_at + interval '100 days'"))
    pass_by(database, monkeypatch, TERM + 99 * DAY)
    assert readable(database, {report_id})
    pass_by(database, monkeypatch, TERM + 101 * DAY)
    assert readable(database, {report_id}) == []
    assert personal_keys("users").find(report_id) is None
    assert client.get(path, by=village).json["people"] == 3


def test_withdrawn_consent_is_deleted_in_time(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(client, database)
    gone = scene.consent().headers["Location"]
    assert client.post(f"{gone}/withdrawal", by=scene.agent).status_code == 201
    stands = scene.consent().headers["Location"]
    pass_by(database, monkeypatch, TERM - DAY)
    assert client.get(gone, by=scene.agent).status_code == 200
    pass_by(database, monkeypatch, TERM + DAY)
    assert [client.get(path, by=scene.agent).status_code for path in (gone, stands)] == [404, 200]


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", "users_retention"), name="retention", lock_timeout_ms=2_000)
    yield database
    database.close()


def test_locked_household_waits_and_the_others_do_not(real: Database, signing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, village = client_of(real, signing), administrator_of(real, VILLAGE)
    ids = [UUID(client.post("/v1/households", household(), by=village).json["id"]) for _ in range(3)]
    for one in ids:
        end(client, village, one)
    with real.begin() as session:
        session.execute(text("SELECT FROM households WHERE id = :id FOR UPDATE"), {"id": ids[0]})
        pass_by(real, monkeypatch, TERM + DAY)
    erased = select(Erasure.id).order_by(Erasure.id)
    with real.begin() as session:
        assert list(session.scalars(erased)) == sorted(ids[1:])
    pass_by(real, monkeypatch, TERM + DAY)
    with real.begin() as session:
        assert list(session.scalars(erased)) == sorted(ids)


def test_many_are_erased_batch_by_batch(client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "EMPTIED_AT_ONCE", 2)
    ids = {UUID(client.post("/v1/households", household(), by=village).json["id"]) for _ in range(5)}
    for one in ids:
        end(client, village, one)
    pass_by(database, monkeypatch, TERM + DAY)
    with database.begin() as session:
        assert len(session.scalars(select(Erasure.id)).all()) == 2
    pass_by(database, monkeypatch, TERM + DAY, at_once=3)
    assert readable(database, ids) == []
