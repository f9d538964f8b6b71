"""Division codes in a service: changes in any order, codes in requests and late events, rows that follow their region."""

import time as clock
from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pytest
from apiflask import APIBlueprint
from keeper import unguarded
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data import region_moves, regions
from chassis.data.appointments import regions_of
from chassis.data.audit_log import OPERATOR, Entry, record
from chassis.data.database import new_id
from chassis.data.region_moves import RegionMove, move_column, move_due
from chassis.data.regions import find_predecessors, resolve_region, resolve_regions
from chassis.http.app import create_app
from chassis.http.auth import ANYONE, Caller
from chassis.http.fields import Region, Strict
from chassis.http.routes import access
from chassis.messaging import inbox
from chassis.messaging.inbox import Received
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of, auditor_of, database_fixtures
from chassis.testing.twins import altered_sql
from contracts.users import AdministratorAppointed, RegionListed, RegionSucceeded

engine, database = database_fixtures("pantry")

A, B, C = "510903", "510905", "510906"
DAY, AT = date(2026, 1, 1), datetime(2026, 3, 1, tzinfo=UTC)


def listed(code: str, name: str = "新区", version: int = 1) -> RegionListed:
    return RegionListed(version=version, region_id=regions.id_of(code), code=code, region_name=name, valid_from=DAY)


def ended(code: str, *successors: str, version: int = 1) -> RegionSucceeded:
    return RegionSucceeded(
        version=version, region_id=regions.id_of(code), code=code, region_name="旧区", valid_until=DAY, successors=list(successors)
    )


def happen(database: RolledBack, *events: RegionListed | RegionSucceeded) -> None:
    for event in events:
        with database.begin() as session:
            regions.record(session, [event])


def codes(database: RolledBack, *asked: str) -> list[str]:
    with database.begin() as session:
        return [resolve_region(session, code).code for code in asked]


@pytest.mark.parametrize("order", list(permutations([ended(A, B), ended(B, C), listed(C)])))
def test_a_chain_ends_at_its_last_code_in_any_order(database: RolledBack, order: tuple[Any, ...]) -> None:
    happen(database, *order, *order)
    assert codes(database, A, B, C) == [C, C, C]


NEWER_WINS = "WHERE region_changes.version < excluded.version"


@pytest.mark.parametrize("without", [None, unguarded(NEWER_WINS, "without the version, an older event would bring a code back")])
def test_an_older_version_changes_nothing(database: RolledBack, monkeypatch: pytest.MonkeyPatch, without: str | None) -> None:
    if without:
        monkeypatch.setattr(regions, "_RECORD", altered_sql(regions._RECORD, without))
    happen(database, listed(B), ended(A, B, version=2), listed(A, version=1))
    assert codes(database, A) == [B]


def test_versions_of_one_code_in_one_batch_leave_the_newest(database: RolledBack) -> None:
    with database.begin() as session:
        regions.record(session, [ended(A, B, version=2), listed(A, version=3), listed(A, version=1)])
    assert codes(database, A) == [A]


def test_many_codes_are_resolved_with_one_query(database: RolledBack) -> None:
    happen(database, ended(A, C), listed(C))
    with database.begin() as session:
        looks = []
        found = regions.find_changes

        def look(session: Session, asked: Any) -> Any:
            looks.append(asked)
            return found(session, asked)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(regions, "find_changes", look)
            got = resolve_regions(session, ["5109", "330104", *(f"51090{n}" for n in range(1, 10)), "x", ""])
    assert got["510903"].code == C
    assert len(looks) <= 2


def make_api() -> APIBlueprint:
    api = APIBlueprint("places", __name__, url_prefix="/v1")

    class PlaceIn(Strict):
        region = Region((6, 9))

    @api.get("/places")
    @access(who=ANYONE, x_view="public")
    @api.input(PlaceIn, location="query")
    @api.output({})
    def get_place(session: Session, caller: Caller | None, query_data: dict[str, Any]) -> Any:
        return query_data

    return api


@pytest.fixture
def client(database: RolledBack, keys: KnownKeys) -> Client:
    return Client(create_app("pantry", make_api(), database=database, keys=keys).test_client(), keys)


def refused(client: Client, region: str, language: str = "zh-CN") -> tuple[str, str]:
    answer = client.get("/v1/places", region=region, headers={"Accept-Language": language})
    assert answer.status_code == 422
    [error] = answer.json["errors"]
    return error["code"], error["message"]


@pytest.mark.parametrize(("asked", "read"), [(A, A), ("510626", "510604"), ("510922000000", "510981"), ("510903001000", "510903001")])
def test_a_request_gets_the_present_code(client: Client, asked: str, read: str) -> None:
    assert client.get("/v1/places", region=asked).json == {"region": read}


def test_a_request_gets_the_code_of_a_change(client: Client, database: RolledBack) -> None:
    happen(database, ended(A, B), listed(B))
    assert client.get("/v1/places", region=A).json == client.get("/v1/places", region=B).json == {"region": B}


@pytest.mark.parametrize("seconds", [3600.0, unguarded(0.0, "without memory a guest sees it at once")])
def test_a_guest_may_see_a_code_as_it_was_just_now(
    database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(database, "remembered_seconds", seconds)
    client = Client(create_app("pantry", make_api(), database=database, keys=keys).test_client(), keys)
    assert client.get("/v1/places", region=A).json == {"region": A}
    happen(database, ended(A, B), listed(B))
    assert client.get("/v1/places", by=Person("donor"), region=A).json == {"region": B}, "whoever is signed in sees it at once"
    assert client.get("/v1/places", region=A).json == {"region": A}
    later = clock.monotonic() + 2 * seconds
    monkeypatch.setattr(regions.time, "monotonic", lambda: later)
    assert client.get("/v1/places", region=A).json == {"region": B}


def test_a_split_county_is_refused_with_its_successors(client: Client) -> None:
    assert refused(client, "330104") == ("region_ended", "330104（江干区）已于 2021 年撤销，现为 330102 上城区、330114 钱塘区，请从中选择")
    words = "330104 (江干区) ended in 2021; choose from its successors: 330102 上城区, 330114 钱塘区"
    assert refused(client, "330104", "en") == ("region_ended", words)


def test_a_village_below_an_ended_county_is_refused(client: Client) -> None:
    code, words = refused(client, "330104999999")
    assert code == "region_ended"
    assert "330104999999 属于 330104（江干区）" in words
    assert "330102 上城区、330114 钱塘区" in words


def test_a_code_of_another_edition_is_refused_with_its_area(client: Client) -> None:
    for code, name in (("133100", "雄安新区"), ("500157", "两江新区")):
        assert refused(client, code)[0] == "region_ended"
        assert name in refused(client, code)[1]
    assert "130629 容城县、130632 安新县、130638 雄县" in refused(client, "133100")[1]
    assert "500105 江北区、500112 渝北区" in refused(client, "500157")[1]


def test_a_change_with_several_successors_names_them(client: Client, database: RolledBack) -> None:
    happen(database, ended(A, B, C), listed(B, "东区"), listed(C, "西区"))
    assert refused(client, A) == ("region_ended", f"{A}（旧区）已于 2026 年撤销，现为 {B} 东区、{C} 西区，请从中选择")
    happen(database, ended("510904"))
    assert refused(client, "510904") == ("region_ended", "510904（旧区）已于 2026 年撤销，请重新选择所在区划")


def test_a_code_of_another_level_is_named_as_such(client: Client) -> None:
    assert refused(client, "5109") == ("unknown_region", "5109 是市级区划，这里须选到县级、乡级（6 / 9 位代码）")
    assert refused(client, "5109", "en")[1] == "5109 is the code of a city; choose that of a county or town (6 / 9 digits)"


def test_a_code_that_never_was_is_unknown(client: Client) -> None:
    assert refused(client, "519999") == ("unknown_region", "没有这个区划代码，请重新选择")


def appointed(region: str) -> AdministratorAppointed:
    return AdministratorAppointed(version=1, appointment_id=new_id(), user_id=new_id(), region=region, appointed_by=None, appointed_at=AT)


def hear(database: RolledBack, event: AdministratorAppointed) -> list[str]:
    from pantry.worker import Worker

    inbox.handle(database, "users.administrator_appointed", [Received(new_id(), event)], Worker().on_administrator_appointed)
    with database.begin() as session:
        return regions_of(session, event.user_id)


def as_it_came(session: Session, events: Any) -> Any:
    return events


@pytest.mark.parametrize("without", [None, unguarded(as_it_came, "without it, a late event brings an ended code back")])
def test_a_late_event_has_the_present_code(database: RolledBack, monkeypatch: pytest.MonkeyPatch, without: Any) -> None:
    if without:
        monkeypatch.setattr(inbox, "with_present_codes", without)
    happen(database, ended(A, B), ended(B, C), listed(C))
    assert hear(database, appointed(A)) == [C]


def test_a_late_event_of_a_split_region_stays(database: RolledBack) -> None:
    happen(database, ended(A, B, C), listed(B), listed(C))
    assert hear(database, appointed(A)) == [A]


def move(database: RolledBack, moves: tuple[RegionMove, ...] = ()) -> int:
    with database.begin() as session:
        return move_due(session, moves)


def held(database: RolledBack, person: Person) -> list[str]:
    with database.begin() as session:
        return regions_of(session, person.id)


@pytest.mark.parametrize("order", list(permutations([ended(A, B), ended(B, C), listed(C)])))
def test_rows_follow_a_chain_to_its_end(database: RolledBack, order: tuple[Any, ...]) -> None:
    first, second, other = (administrator_of(database, region) for region in (A, B, "510904"))
    for event in order:
        happen(database, event)
        move(database)
    assert [held(database, person) for person in (first, second, other)] == [[C], [C], ["510904"]]
    assert move(database) == 0


def test_rows_of_a_split_region_stay(database: RolledBack) -> None:
    person = administrator_of(database, A)
    happen(database, ended(A, B, C), listed(B), listed(C))
    assert (move(database), held(database, person)) == (0, [A])


def test_rows_stay_until_a_correction_names_one_successor(database: RolledBack) -> None:
    person = administrator_of(database, A)
    happen(database, ended(A), listed(B))
    assert (move(database), held(database, person)) == (0, [A])
    happen(database, ended(A, B, version=2))
    assert (move(database), held(database, person)) == (1, [B])


def test_many_rows_move_in_batches_of_a_transaction(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_moves, "ROWS", 2)
    monkeypatch.setattr(region_moves, "BATCHES", 2)
    people = [administrator_of(database, A) for _ in range(9)]
    happen(database, ended(A, B), listed(B))
    assert [move(database) for _ in range(5)] == [4, 4, 1, 0, 0]
    assert [held(database, person) for person in people] == [[B]] * 9


SECOND_LOOK = "recorded_at + :settled_after > now()"


@pytest.mark.parametrize("without", [None, unguarded(SECOND_LOOK, "without a second look, a row of a slow transaction stays behind")])
def test_a_row_of_a_slow_transaction_follows_later(database: RolledBack, monkeypatch: pytest.MonkeyPatch, without: str | None) -> None:
    if without:
        monkeypatch.setattr(region_moves, "_SETTLE", altered_sql(region_moves._SETTLE, without, f"{SECOND_LOOK} AND false"))
    happen(database, ended(A, B), listed(B))
    move(database)
    late = administrator_of(database, A)
    pass_minutes(database)
    move(database)
    assert held(database, late) == [B]


def pass_minutes(database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(
            text("UPDATE region_changes SET due_at = due_at - interval '6 minutes', recorded_at = recorded_at - interval '6 minutes'")
        )


def test_a_change_is_settled_in_the_end(database: RolledBack) -> None:
    happen(database, ended(A, B), listed(B))
    move(database)
    pass_minutes(database)
    move(database)
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM region_changes WHERE due_at IS NOT NULL")) == 0


@pytest.fixture
def setting(database: RolledBack) -> RegionMove:
    """A table of settings by region, of which a region has one."""
    from sqlalchemy import Column, MetaData, String, Table

    with database.begin() as session:
        session.execute(text('CREATE TABLE settings (region varchar(12) COLLATE "C" PRIMARY KEY, word text)'))
    table = Table("settings", MetaData(), Column("region", String(12), primary_key=True))
    return move_column(table.c.region, unless="EXISTS (SELECT FROM settings AS there WHERE there.region = change.after)", is_setting=True)


def set_words(database: RolledBack, words: Mapping[str, str]) -> None:
    with database.begin() as session:
        session.execute(
            text("INSERT INTO settings VALUES (:region, :word)"), [{"region": one, "word": word} for one, word in words.items()]
        )


def words_of(database: RolledBack) -> dict[str, str]:
    with database.begin() as session:
        return dict(session.execute(text("SELECT region, word FROM settings")).all())


def test_a_setting_moves_unless_the_successor_has_one(database: RolledBack, setting: RegionMove) -> None:
    set_words(database, {A: "a", "510904": "other", "510921": "own"})
    happen(database, ended(A, B), ended("510904", "510921"), listed(B))
    move(database, (setting,))
    assert words_of(database) == {B: "a", "510904": "other", "510921": "own"}


def test_settings_of_merged_regions_do_not_collide(database: RolledBack, setting: RegionMove) -> None:
    set_words(database, {A: "first", "510904": "second"})
    happen(database, ended(A, B), ended("510904", B), listed(B))
    move(database, (setting,))
    assert words_of(database) == {B: "first", "510904": "second"}


def test_predecessors_are_those_outside_without_those_below_them(database: RolledBack) -> None:
    below, elsewhere = "510903001", "510704001001"
    happen(database, ended(A, B), ended(below, f"{B}001"), ended(elsewhere, f"{B}001001"), ended("510904", B, C), listed(B), listed(C))
    with database.begin() as session:
        assert find_predecessors(session, B) == [A, elsewhere]
        assert find_predecessors(session, "51") == []
        assert find_predecessors(session, "") == []


def test_an_auditor_reads_entries_under_an_earlier_code(client: Client, database: RolledBack) -> None:
    auditor = auditor_of(database, B)
    with database.begin() as session:
        record(
            session, OPERATOR, Entry(act="look", subject="card", region=f"{A}001001"), Entry(act="look", subject="card", region="510904")
        )
    assert client.get("/v1/pantry/audit", by=auditor).json["items"] == []
    happen(database, ended(A, B), listed(B))
    assert [one["region"] for one in client.get("/v1/pantry/audit", by=auditor).json["items"] if one["act"] == "look"] == [f"{A}001001"]


def test_region_codes_listed_later_are_plain_in_the_audit_log(database: RolledBack) -> None:
    with database.begin() as session:
        record(session, OPERATOR, Entry(act="look", subject="card", details={"region": "500157"}))
        with pytest.raises(ValueError, match="ids and codes only"):
            record(session, OPERATOR, Entry(act="look", subject="card", details={"region": "13800000000"}))
