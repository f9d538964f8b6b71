"""Listing, counting and reading one's own notices."""

import json
import os
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from chassis.data import items
from chassis.data.database import Database, new_id
from chassis.http.app import create_app
from chassis.http.auth import SIGNED_IN
from chassis.problems import LANGUAGES
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack
from chassis.testing.rows_read import find_scans, rows_read
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.needs import CatalogueChanged, NeedRejected
from notify import actions
from notify.api import api
from notify.model import Notice

from .conftest import example, notices, proposal, write_notices


@pytest.fixture
def donor() -> Person:
    return Person("donor")


@pytest.fixture
def agent() -> Person:
    return Person("staff")


def write_many(database: RolledBack, donor: Person, times: int) -> list[str]:
    """Write notices to the donor; return the ids of all of theirs, newest first."""
    for _ in range(times):
        write_notices(database, proposal(pledger_id=donor.id, poster_id=new_id()))
    return [str(notice.id) for notice in reversed(notices(database)) if notice.recipient_id == donor.id]


def unread(client: Client, by: Person) -> int:
    count: int = client.get("/v1/notices/unread-count", by=by).json["unread"]
    return count


def test_each_side_reads_its_own_notice(client: Client, database: RolledBack, donor: Person, agent: Person) -> None:
    event = proposal(pledger_id=donor.id, poster_id=agent.id)
    with database.begin() as session:
        items.record(session, [example(CatalogueChanged)])
    write_notices(database, event)
    [to_donor] = client.get("/v1/notices", by=donor).json["items"]
    [to_agent] = client.get("/v1/notices", by=agent).json["items"]
    assert (to_donor["kind"], to_donor["side"], to_donor["about"]) == ("match_proposed", "giver", str(event.match_id))
    assert (to_agent["kind"], to_agent["side"], to_agent["about"]) == ("match_proposed", "household", str(event.match_id))
    assert (to_donor["facts"]["region"], to_agent["facts"]["region"]) == ("510903100", "510903100208")
    assert to_donor["facts"]["reasons"] == ["same_county"]
    assert "50 公斤大米" in to_agent["text"]
    assert (to_agent["version"], to_agent["read_at"]) == (1, None)


def test_somebody_else_s_notices_are_not_found(client: Client, database: RolledBack, donor: Person) -> None:
    [notice_id] = write_many(database, donor, 1)
    other = Person("donor")
    assert client.get("/v1/notices", by=other).json["items"] == []
    assert unread(client, other) == 0
    assert client.get(f"/v1/notices/{notice_id}", by=other).status_code == 404
    assert client.post(f"/v1/notices/{notice_id}/reading", by=other).status_code == 404
    assert client.post("/v1/notices/reading", {"until": notice_id}, by=other).status_code == 404
    assert client.post("/v1/notices/reading", by=other).json == {"read": 0, "unread": 0}
    assert unread(client, donor) == 1


@pytest.mark.parametrize("kind", sorted(SIGNED_IN))
def test_every_kind_of_account_may_have_notices(client: Client, database: RolledBack, kind: str) -> None:
    person = Person(kind)
    write_notices(database, proposal(**{"pledger_id": person.id} if kind not in {"household", "staff"} else {"poster_id": person.id}))
    [notice] = client.get("/v1/notices", by=person).json["items"]
    assert client.get(f"/v1/notices/{notice['id']}", by=person).json == notice


def test_notices_need_a_signed_in_caller(client: Client) -> None:
    for path in ("/v1/notices", "/v1/notices/unread-count", f"/v1/notices/{new_id()}"):
        assert client.get(path).status_code == 401
    for path in ("/v1/notices/reading", f"/v1/notices/{new_id()}/reading"):
        assert client.post(path).status_code == 401


def test_reading_a_notice_lowers_the_unread_count_once(client: Client, database: RolledBack, donor: Person) -> None:
    newest, *_ = write_many(database, donor, 3)
    assert unread(client, donor) == 3
    client.get(f"/v1/notices/{newest}", by=donor)
    assert unread(client, donor) == 3
    first = client.post(f"/v1/notices/{newest}/reading", by=donor)
    again = client.post(f"/v1/notices/{newest}/reading", by=donor)
    assert (first.status_code, first.headers["Location"]) == (201, f"/v1/notices/{newest}")
    assert first.json["read_at"] is not None
    assert again.json == first.json == client.get(f"/v1/notices/{newest}", by=donor).json
    assert unread(client, donor) == 2


CHECK = "versions.check_if_match(session, notice)"


@pytest.mark.parametrize("check", [CHECK, unguarded("pass", "without the check, a reader changes a version they have not seen")])
def test_stale_reading_changes_nothing(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    monkeypatch.setattr(actions, "read_notice", altered(actions.read_notice, CHECK, check))
    [notice] = write_many(database, donor, 1)
    path = f"/v1/notices/{notice}"
    stale = client.post(f"{path}/reading", by=donor, headers={"If-Match": '"7"'})
    assert (stale.status_code, unread(client, donor)) == (412, 1)
    assert client.post(f"{path}/reading", by=donor, headers={"If-Match": '"1"'}).status_code == 201


TO_CHANGE = ", to_change=True"


@pytest.mark.parametrize("lock", [TO_CHANGE, unguarded("", "without the lock, both readings change the notice")])
def test_of_two_readings_that_meet_one_changes_the_notice(
    database_of: Callable[[str, str], str], keys: KnownKeys, donor: Person, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(actions, "read_notice", altered(actions.read_notice, TO_CHANGE, lock))
    real = Database(database_of("notify", "notify_at_once"), name="at_once")
    clients = [Client(create_app("notify", api, database=real, keys=keys).test_client(), keys) for _ in range(2)]
    [notice] = write_many(real, donor, 1)  # type: ignore[arg-type]
    acts = [lambda client=client: client.post(f"/v1/notices/{notice}/reading", by=donor) for client in clients]
    first, second = meet_at_lock(real, text("SELECT FROM notices FOR UPDATE"), acts)
    with real.begin() as session:
        version = session.scalar(text("SELECT version FROM notices WHERE id = :id"), {"id": notice})
    real.close()
    assert (first.status_code, second.status_code, version) == (201, 201, 2)
    assert first.json == second.json


def test_all_notices_up_to_the_newest_seen_are_marked_read(client: Client, database: RolledBack, donor: Person) -> None:
    ids = write_many(database, donor, 5)
    answer = client.post("/v1/notices/reading", {"until": ids[1]}, by=donor)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/notices/unread-count")
    assert answer.json == {"read": 4, "unread": 1}
    assert [notice["id"] for notice in client.get("/v1/notices", by=donor, unread="true").json["items"]] == ids[:1]
    assert client.post("/v1/notices/reading", by=donor).json == {"read": 1, "unread": 0}
    assert client.post("/v1/notices/reading", by=donor).json == {"read": 0, "unread": 0}
    assert len(client.get("/v1/notices", by=donor).json["items"]) == 5


def test_repeated_reading_marks_nothing_that_came_between(client: Client, database: RolledBack, donor: Person) -> None:
    write_many(database, donor, 2)
    once = {"Idempotency-Key": "a"}
    assert client.post("/v1/notices/reading", by=donor, headers=once).json == {"read": 2, "unread": 0}
    write_many(database, donor, 1)
    again = client.post("/v1/notices/reading", by=donor, headers=once)
    assert (again.status_code, again.json) == (201, {"unread": 1})


def test_pages_of_notices_have_no_gaps(client: Client, database: RolledBack, donor: Person) -> None:
    ids = write_many(database, donor, 7)
    client.post(f"/v1/notices/{ids[2]}/reading", by=donor)
    for only_unread, expected in (("false", ids), ("true", ids[:2] + ids[3:])):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3, "unread": only_unread}
        while True:
            page = client.get("/v1/notices", by=donor, **query).json
            seen += [notice["id"] for notice in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert seen == expected


FULL = """
    INSERT INTO notices (id, version, recipient_id, kind, side, about, about_version, facts, channel, state, created_at, read_at)
    SELECT gen_random_uuid(), 1, CASE WHEN place % 10 = 0 THEN recipient_id ELSE gen_random_uuid() END, kind, side, gen_random_uuid(), 1,
        facts, channel, state, created_at, CASE WHEN place % 40 > 0 THEN now() END
    FROM notices, generate_series(1, :many) AS place WHERE id = :like
"""
MANY, AT_ONCE = 1_000_000 if "CAMPAIGN" in os.environ else 40_000, 40_000
"""Notices in the table. A tenth is one person's: 100,000 in the whole check. Of these, a quarter is unread."""
PLANS = {
    "/v1/notices": ("Index Scan", "Backward", "notices_recipient_id"),
    "/v1/notices?unread=true": ("Index Scan", "Backward", "notices_unread"),
    "/v1/notices/unread-count": ("Index Only Scan", "Forward", "notices_unread"),
}
"""The kept plans of somebody's inbox: each is one range of one index, however many notices there are."""


def make_full_inbox(database: Database, recipient: UUID, many: int) -> None:
    """Write so many notices, a tenth of them to one person, a quarter of those unread; let PostgreSQL count them."""
    with database.begin() as session:
        # VACUUM marks no page as visible to all before the commit has reached the disk.
        session.execute(text("SET LOCAL synchronous_commit = on"))
        actions.write_notices(session, [proposal(pledger_id=recipient, poster_id=new_id())])
        like = session.scalars(select(Notice.id).where(Notice.recipient_id == recipient)).one()
    for _ in range(many // AT_ONCE):
        with database.begin() as session:
            session.execute(text("SET LOCAL synchronous_commit = on"))
            session.execute(text(FULL), {"like": like, "many": AT_ONCE})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE notices"))


without_index = unguarded(
    "DROP INDEX notices_unread", "without its index, the unread notices of one person are looked for among all of theirs"
)


@pytest.mark.parametrize("first", ["", without_index])
def test_full_inbox_is_read_as_ranges_of_indexes(
    database_of: Callable[[str, str], str], keys: KnownKeys, donor: Person, first: str
) -> None:
    real = Database(database_of("notify", "notify_full"), name="full")
    make_full_inbox(real, donor.id, MANY)
    with real.begin() as session:
        session.execute(text(first or "SELECT"))
    client, found, rows = Client(create_app("notify", api, database=real, keys=keys).test_client(), keys), {}, {}
    for path in PLANS:
        with rows_read(real.engine) as reading:
            assert client.get(path, by=donor).status_code == 200
        scans = [scan for _, plan in reading.plans for scan in find_scans(plan) if scan.get("Relation Name") == "notices"]
        found[path], rows[path] = [(one["Node Type"], one.get("Scan Direction"), one.get("Index Name")) for one in scans], reading.rows
    real.close()
    assert found == {path: [plan] for path, plan in PLANS.items()}
    assert list(rows.values()) == [21, 21, MANY // 40 + 1]


@pytest.mark.parametrize("value", ["1", "True", "yes", "", "null"])
def test_unread_filter_takes_true_and_false_only(client: Client, donor: Person, value: str) -> None:
    answer = client.get("/v1/notices", by=donor, unread=value)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "not_true_or_false")


@pytest.mark.parametrize("body", [{"until": "nonsense"}, {"until": None}, {"until": 1}, {"since": str(new_id())}, []])
def test_malformed_reading_is_refused(client: Client, database: RolledBack, donor: Person, body: Any) -> None:
    write_many(database, donor, 1)
    assert client.post("/v1/notices/reading", body, by=donor).status_code == 422
    assert unread(client, donor) == 1


def test_words_follow_the_reader_s_language(client: Client, database: RolledBack, agent: Person, keys: Any) -> None:
    write_notices(database, example(NeedRejected, poster_id=agent.id))
    headers = {"Authorization": f"Bearer {keys.token(agent.id, agent.kind)}"}

    def title(language: str | None) -> str:
        answer = client.flask.get("/v1/notices", headers=headers | ({"Accept-Language": language} if language else {}))
        words: str = answer.json["items"][0]["title"]
        return words

    assert title("en") == title("en-GB,en;q=0.9") == "The need was not approved"
    assert title(None) == title("zh") == title("zh-TW") == title("fr") == "需求未通过审核"


def test_shown_notices_name_nobody(client: Client, database: RolledBack, donor: Person, agent: Person) -> None:
    account = new_id()
    event = proposal(pledger_id=donor.id, poster_id=agent.id, account_id=account)
    write_notices(database, event)
    for reader in (donor, agent):
        shown = json.dumps(client.get("/v1/notices", by=reader).json)
        people: list[UUID] = [event.household_id, account, donor.id, agent.id]
        assert not any(str(person) in shown for person in people)


def test_item_outside_the_catalogue_is_shown_by_its_code(client: Client, database: RolledBack, donor: Person) -> None:
    write_notices(
        database, proposal(pledger_id=donor.id, poster_id=new_id(), category="food.caviar", unit="caskful", region="510903001999")
    )
    for language in LANGUAGES:
        [notice] = client.get("/v1/notices", by=donor, headers={"Accept-Language": language}).json["items"]
        assert "50 caskful food．caviar" in notice["text"], "and is no link"
