"""Correcting the register: facts, telephones, accounts; each change is a version; nobody learns who stands elsewhere."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.users import HouseholdChanged, HouseholdRegistered, HouseholdTransferRequested
from users.households import actions, claims
from users.sessions.tokens import SigningKeys

from .conftest import VILLAGE, client_of, household, me_of, national_id, pending, phone, sign_up

BESIDE, FAR = f"{VILLAGE[:9]}002", "510703001003"


def register(client: Client, by: Person, **changes: Any) -> Any:
    answer = client.post("/v1/households", household(**changes), by=by)
    assert answer.status_code == 201, answer.json
    return answer.json


def edit(client: Client, by: Person, household_id: str, seen: str | None = "*", **changes: Any) -> Any:
    return client.patch(f"/v1/households/{household_id}", changes, by=by, seen=seen)


def versions(client: Client, by: Person, household_id: str) -> Any:
    return client.get(f"/v1/households/{household_id}/versions", by=by).json["items"]


def test_correction_is_a_version_with_who_and_why(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made, number = register(client, village), national_id()
    wanted = {"name": "欧阳守天", "national_id": number, "address": "二组", "size": 3, "status": "lifted"}
    answer = edit(client, village, made["id"], reason="corrected", note="身份证上是“天”", **wanted)
    assert answer.status_code == 200, answer.json
    assert {name: answer.json[name] for name in wanted} == wanted
    assert answer.json["version"] == 2
    first, changed = versions(client, village, made["id"])[::-1]
    assert (first["act"], first["changed_by"], first["fields_changed"]) == ("register_household", str(village.id), [])
    assert (changed["act"], changed["reason"], changed["note"]) == ("edit_household", "corrected", "身份证上是“天”")
    assert changed["fields_changed"] == sorted(wanted)
    assert (changed["before"]["name"], changed["after"]["name"]) == ("欧阳守田", "欧阳守天")
    [event] = [one for one in pending(database) if isinstance(one, HouseholdChanged)]
    assert (event.version, event.status, event.changed_by, event.region) == (2, "lifted", village.id, VILLAGE)
    masked = versions(client, town, made["id"])[0]
    assert (masked["before"], masked["after"], masked["note"], masked["fields_changed"]) == (None, None, None, sorted(wanted))


def test_same_values_make_no_version(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village, address="二组")
    answer = edit(client, village, made["id"], name=made["name"], address="二组", national_id=made["national_id"])
    assert (answer.status_code, answer.json["version"]) == (200, 1)
    assert len(pending(database)) == 1


CHECK = "    preconditions.check_if_match(session, household)\n"


@pytest.mark.parametrize("check", [CHECK, unguarded("    session.info.pop('seen', None)\n", "without the check, a late form wins")])
def test_edit_of_an_old_version_is_refused(client: Client, village: Person, monkeypatch: pytest.MonkeyPatch, check: str) -> None:
    monkeypatch.setattr(actions, "lock_for_act", altered(actions.lock_for_act, CHECK, check))
    made = register(client, village)
    seen = client.get(f"/v1/households/{made['id']}", by=village).headers["ETag"]
    assert edit(client, village, made["id"], seen, address="二组").status_code == 200
    answer = edit(client, village, made["id"], seen, address="三组")
    assert (answer.status_code, answer.json.get("code")) == (412, "stale")
    assert edit(client, village, made["id"], None, address="三组").json["code"] == "precondition_needed"


@pytest.mark.parametrize("guard", [None, unguarded(lambda *_: True, "without regions, anybody corrects any register")])
def test_only_administrators_of_the_region_correct(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, guard: Any
) -> None:
    made = register(client, village)
    if guard:
        monkeypatch.setattr(Caller, "within", lambda self, column: column.is_not(None))
        monkeypatch.setattr(Caller, "manages", guard)
    for by, status in (
        (administrator_of(database, BESIDE), 404),
        (administrator_of(database, "5107"), 404),
        (auditor_of(database, VILLAGE[:6]), 403),
        (Person("donor"), 403),
    ):
        assert edit(client, by, made["id"], address="二组").status_code == status
    assert len(versions(client, village, made["id"])) == 1


@pytest.mark.parametrize("has_factor", [False, unguarded(True, "with a factor, the township may")])
def test_township_needs_its_second_factor(client: Client, village: Person, town: Person, has_factor: bool) -> None:
    made = register(client, village)
    town.claims = {"mfa": 1} if has_factor else {}
    assert edit(client, town, made["id"], address="二组").json.get("code") == "second_factor_needed"
    look = {"purpose": "visit", "reason": "入户核实"}
    assert client.post(f"/v1/households/{made['id']}/reveal", look, by=town).json.get("code") == "second_factor_needed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"phone": "13800001234", "phone_kind": "landline"}, "phone_kind_wrong"),
        ({"phone": "08255422118", "phone_kind": "own"}, "phone_kind_wrong"),
        ({"phone_kind": "neighbour"}, "phone_kind_wrong"),
        ({"phone": "13800001234", "phone_kind": "none"}, "phone_kind_wrong"),
        ({"phone": "5422118"}, "invalid"),
        ({"phone_kind": "uncle"}, "invalid"),
        ({"size": 0}, "invalid"),
        ({"name": None}, "invalid"),
        ({"region": BESIDE}, "invalid"),
    ],
)
def test_wrong_correction_changes_nothing(
    client: Client, database: RolledBack, village: Person, changes: dict[str, Any], code: str
) -> None:
    made = register(client, village)
    answer = edit(client, village, made["id"], **changes)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert client.get(f"/v1/households/{made['id']}", by=village).json == made
    assert len(pending(database)) == 1


def test_telephone_is_added_later_and_gives_the_account(client: Client, database: RolledBack, village: Person) -> None:
    made, number = register(client, village), phone()
    assert (made["contact_phone"], made["phone_kind"]) == (None, None)
    assert sign_up(client, kind="household", phone=number, name="欧阳守田").json["code"] == "household_unknown"
    added = edit(client, village, made["id"], phone=number, reason="completed").json
    assert (added["contact_phone"], added["phone_kind"]) == (number, "own")
    me = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))
    assert me["household_id"] == made["id"]
    assert [one["act"] for one in versions(client, village, made["id"])] == ["prove_registration", "edit_household", "register_household"]
    [*_, given] = pending(database)
    assert isinstance(given, HouseholdRegistered)
    assert (given.version, str(given.account_id)) == (3, me["id"])


def test_one_telephone_of_two_households_is_shared(client: Client, village: Person) -> None:
    number = phone()
    first, second = (register(client, village, phone=number, name=name) for name in ("黄守田", "黄秀英"))
    assert second["phone_kind"] == "shared"
    assert client.get(f"/v1/households/{first['id']}", by=village).json["phone_kind"] == "shared"
    assert {one["phone_kind"] for one in client.get("/v1/households", by=village).json["items"]} == {"shared"}
    assert edit(client, village, second["id"], phone=None).json["phone_kind"] is None
    assert client.get(f"/v1/households/{first['id']}", by=village).json["phone_kind"] == "own"


def test_telephone_of_another_place_is_not_called_shared(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    register(client, administrator_of(database, FAR), phone=number, region=FAR)
    assert register(client, village, phone=number)["phone_kind"] == "own"


@pytest.mark.parametrize(("kind", "number"), [("neighbour", None), ("landline", "08255422118"), (None, "0816-2345678")])
def test_neighbours_phone_and_landline_prove_nothing(client: Client, village: Person, kind: str | None, number: str | None) -> None:
    wanted = {"phone": number or phone()} | ({"phone_kind": kind} if kind else {})
    made = register(client, village, **wanted)
    assert made["phone_kind"] == (kind or "landline")
    if not number:
        assert sign_up(client, kind="household", phone=wanted["phone"], name="欧阳守田").json["code"] == "household_unknown"


def test_telephone_is_taken_away(client: Client, village: Person) -> None:
    made = register(client, village, phone=phone())
    assert edit(client, village, made["id"], phone_kind="neighbour").json["phone_kind"] == "neighbour"
    gone = edit(client, village, made["id"], phone_kind="none").json
    assert (gone["contact_phone"], gone["phone_kind"]) == (None, "none")


def test_account_is_linked_later(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    former = register(client, village, phone=number)
    account = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))["id"]
    assert client.post(f"/v1/households/{former['id']}/end", {"reason": "error"}, by=village).status_code == 201
    made = register(client, village, national_id=former["national_id"])
    assert "link_household_account" in made["allowed"]
    answer = client.post("/v1/households/account-links", {"household_id": made["id"], "phone": number}, by=village)
    assert (answer.status_code, answer.json["account_id"]) == (201, account)
    [*_, event] = pending(database)
    assert isinstance(event, HouseholdRegistered)
    assert (event.version, str(event.account_id)) == (2, account)
    again = client.post("/v1/households/account-links", {"household_id": made["id"], "phone": number}, by=village)
    assert again.json["code"] == "state_conflict"


def test_account_of_another_place_or_household_is_not_linked(client: Client, database: RolledBack, village: Person) -> None:
    made, taken, far = register(client, village), phone(), phone()
    register(client, village, phone=taken)
    register(client, administrator_of(database, FAR), phone=far, region=FAR)
    for number in (taken, far):
        me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))
    me_of(client, sign_up(client, phone=(giver := phone())))
    answers = [
        client.post("/v1/households/account-links", {"household_id": made["id"], "phone": number}, by=village)
        for number in (taken, far, giver, phone())
    ]
    assert {(one.status_code, one.json["code"]) for one in answers} == {(422, "unknown_household_account")}
    assert len({one.json["title"] for one in answers}) == 1


def told(answer: Any) -> Any:
    """Return an answer without what differs between any two households."""
    own = {"id", "national_id", "sex", "registered_at", "instance"}
    return answer.status_code, {name: value for name, value in answer.json.items() if name not in own}


REFUSING = "if caller.manages(standing.region) and not is_own:"
ANSWERS_ALL = unguarded("if not is_own:", "without the region, a refusal tells that somebody stands elsewhere")


@pytest.mark.parametrize("guard", [REFUSING, ANSWERS_ALL])
def test_answers_tell_nobody_who_stands_elsewhere(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(claims, "require_free_number", altered(claims.require_free_number, REFUSING, guard))
    far = administrator_of(database, FAR)
    heads, others = ([register(client, village)["national_id"] for _ in range(4)] for _ in range(2))
    member, own = national_id(), register(client, village)
    added = client.post(f"/v1/households/{own['id']}/members", {"name": "王秀英", "relation": "spouse", "national_id": member}, by=village)
    assert added.status_code == 201
    for standing, free in zip([*heads, member], [national_id() for _ in range(5)], strict=True):
        both = [client.post("/v1/households", household(national_id=one, region=FAR), by=far) for one in (standing, free)]
        assert told(both[0]) == told(both[1])
        assert both[0].status_code == 201
    theirs = register(client, far, region=FAR)
    for standing, free in ((others[0], national_id()), (others[1], national_id())):
        edited = [edit(client, far, register(client, far, region=FAR)["id"], national_id=one) for one in (standing, free)]
        assert told(edited[0]) == told(edited[1])
    named = {"name": "王秀英", "relation": "spouse"}
    pairs = [(f"/v1/households/{theirs['id']}/members", named), (f"/v1/households/{theirs['id']}/head", {"name": "王", "reason": "died"})]
    for path, body in pairs:
        with database.case():
            standing_answer = client.post(path, body | {"national_id": others[2]}, by=far)
        with database.case():
            free_answer = client.post(path, body | {"national_id": national_id()}, by=far)
        assert standing_answer.status_code == free_answer.status_code == 201
        assert standing_answer.json.keys() == free_answer.json.keys()
    assert client.post("/v1/households/search", {"national_id": others[3]}, by=village).json["items"]
    assert client.get("/v1/household-transfers", by=far).json["items"] == []


def test_place_where_somebody_stands_is_asked(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    standing = register(client, village)
    far = administrator_of(database, FAR)
    entry = register(client, far, national_id=standing["national_id"], region=FAR, name="欧阳守田")
    [asked] = [one for one in pending(database) if isinstance(one, HouseholdTransferRequested)]
    assert (str(asked.household_id), asked.region, asked.version) == (standing["id"], VILLAGE, 1)
    for by in (village, town):
        [transfer] = client.get("/v1/household-transfers", by=by).json["items"]
        assert (transfer["id"], transfer["household_id"], transfer["state"]) == (str(asked.transfer_id), standing["id"], "waiting")
    for by in (far, administrator_of(database, "5107"), administrator_of(database, BESIDE)):
        assert client.get("/v1/household-transfers", by=by).json["items"] == []
        assert client.get(f"/v1/household-transfers/{asked.transfer_id}", by=by).status_code == 404
    assert entry["id"] != standing["id"]


@pytest.fixture(scope="module")
def committed(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", "users_register_at_once"), name="tests")
    yield database
    database.close()


LOCKING = "    lock_numbers(session, fingerprint)\n"


@pytest.mark.parametrize("lock", [LOCKING, unguarded("", "without the lock, neither village is asked about the other's entry")])
def test_of_two_simultaneous_entries_one_asks(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(claims, "require_free_number", altered(claims.require_free_number, LOCKING, lock))
    number = national_id()
    pairs = [(client_of(committed, signing), administrator_of(committed, region), region) for region in (VILLAGE, FAR)]
    acts = [
        lambda client=client, by=by, region=region: client.post("/v1/households", household(national_id=number, region=region), by=by)
        for client, by, region in pairs
    ]
    held = text("LOCK TABLE outbox IN SHARE MODE")
    assert [answer.status_code for answer in meet_at_lock(committed, held, acts)] == [201, 201]
    with committed.begin() as session:
        asked = session.scalar(text("SELECT count(*) FROM household_transfers"))
        session.execute(text("DELETE FROM household_transfers"))
    assert asked == 1


def test_same_number_at_once_in_one_village_is_one_household(committed: Database, signing: SigningKeys) -> None:
    number, by = national_id(), administrator_of(committed, VILLAGE)
    clients = [client_of(committed, signing) for _ in range(2)]
    acts = [lambda client=client: client.post("/v1/households", household(national_id=number), by=by) for client in clients]
    answers = meet_at_lock(committed, text("LOCK TABLE outbox IN SHARE MODE"), acts)
    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_two_corrections_at_once_with_one_version_give_one(committed: Database, signing: SigningKeys) -> None:
    by, client = administrator_of(committed, VILLAGE), client_of(committed, signing)
    made = register(client, by)
    clients = [client_of(committed, signing) for _ in range(2)]
    acts = [
        lambda client=client, place=place: client.patch(f"/v1/households/{made['id']}", {"address": f"{place}组"}, by=by, seen='"1"')
        for place, client in enumerate(clients)
    ]
    held = text("SELECT FROM households WHERE id = :id FOR UPDATE")
    answers = meet_at_lock(committed, held, acts, id=made["id"])
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert preconditions.stale.status == 412
    assert len(versions(client, by, made["id"])) == 2


def test_unknown_household_is_not_found(client: Client, village: Person) -> None:
    for path in (f"/v1/households/{new_id()}/versions", f"/v1/households/{new_id()}/reveals", f"/v1/households/{new_id()}/members"):
        assert client.get(path, by=village).status_code == 404
