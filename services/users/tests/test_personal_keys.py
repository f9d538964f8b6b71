"""Personal data of users: each person's key opens it, in its own place alone, and nothing does once the key is erased."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import InvalidToken
from sqlalchemy import event, select, text, update

from chassis import reseal
from chassis.data import encryption
from chassis.data.database import Database, new_id, now
from chassis.data.encryption import OF_PERSON, Ciphertext, EncryptedModel, encrypted_models, fingerprint
from chassis.data.personal_keys import PersonalKeys, PersonErased, personal_keys
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.postgres import Postgres
from chassis.testing.twins import unguarded
from users.accounts.model import Account
from users.erasure import actions as erasure
from users.erasure.rules import DONE_AFTER
from users.households.model import Household

from .conftest import VILLAGE, client_of, enter_account, household, me_of, national_id, phone, sign_up

MODELS = {model.table.name: model for model in encrypted_models("users")}
NAMES = ("冯知微", "欧阳守田")


def an_account(name: str = NAMES[0]) -> Account:
    return Account(kind="donor", phone="+8613800000000", phone_fingerprint=fingerprint(str(new_id())), name=name, region="")


def a_household(name: str = NAMES[1]) -> Household:
    number = national_id()
    return Household(name=name, national_id=number, national_id_fingerprint=fingerprint(number), status="registered", region="510903001001")


def added(database: Database, *rows: Any) -> list[UUID]:
    with database.begin() as session:
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def test_every_encrypted_table_says_whose_data_it_holds() -> None:
    assert [name for name, model in MODELS.items() if model.person is None] == []


def test_values_are_encrypted_by_the_key_of_their_person(client: Client, database: RolledBack, village: Person) -> None:
    account = enter_account(client, name=NAMES[0]).json["id"]
    made = client.post("/v1/households", household(name=NAMES[1], phone="13800000000"), by=village).json["id"]
    for table, one in {"accounts": account, "households": made}.items():
        columns = ", ".join(column.name for column in MODELS[table].columns.values())
        [row] = database.found(text(f"SELECT {columns} FROM {table} WHERE id = :id"), id=one)
        values = [bytes(value) for value in row if value is not None]
        assert len(values) >= 2
        assert all(value.startswith(OF_PERSON + UUID(one).bytes) for value in values)
        assert len({value[17:29] for value in values}) == len(values)


MOVES = {
    "to another row": "UPDATE accounts SET name = (SELECT name FROM accounts WHERE id = :other) WHERE id = :one",
    "to another column": "UPDATE accounts SET name = phone WHERE id = :one",
    "to another table": "UPDATE households SET name = (SELECT name FROM accounts WHERE id = :one) WHERE id = :home",
}


@pytest.mark.parametrize("place", [EncryptedModel.place, unguarded(lambda *_: b"", "without its place, a moved value is read")])
@pytest.mark.parametrize("move", MOVES)
def test_moved_value_cannot_be_read(database: RolledBack, monkeypatch: pytest.MonkeyPatch, move: str, place: Any) -> None:
    monkeypatch.setattr(EncryptedModel, "place", place)
    one, other, home = added(database, an_account(), an_account("李秀兰"), a_household())
    with database.begin() as session:
        session.execute(text(MOVES[move]), {"one": one, "other": other, "home": home})
    read: object = None
    with suppress(InvalidToken), database.begin() as session:
        read = session.get_one(Household, home).name if "table" in move else session.get_one(Account, one).name
    assert read is None


def test_hundred_households_are_listed_with_one_query_for_keys(client: Client, database: RolledBack, village: Person) -> None:
    added(database, *(a_household() for _ in range(100)))
    keys = personal_keys("users")
    keys._cached._kept.clear()
    seen: list[Any] = []

    def note(*given: Any) -> None:
        seen.append(given)

    event.listen(keys.database.engine, "before_cursor_execute", note)
    page = client.get("/v1/households", by=village, limit=100)
    event.remove(keys.database.engine, "before_cursor_execute", note)
    assert len(page.json["items"]) == 100
    assert all(item["name"] == f"{NAMES[1][0]}**" or item["name"] == NAMES[1] for item in page.json["items"])
    assert len(seen) == 1


def test_row_that_is_not_written_leaves_a_key_and_nothing_else(database: RolledBack) -> None:
    account = an_account()
    with suppress(ZeroDivisionError), database.begin() as session:
        session.add(account)
        session.flush()
        raise ZeroDivisionError
    assert personal_keys("users").find(account.id) is not None


def test_erased_person_reads_as_empty_and_is_written_no_more(database: RolledBack) -> None:
    [one, other] = added(database, an_account(), an_account())
    personal_keys("users").erase([one])
    with database.begin() as session:
        accounts = {account.id: account for account in session.scalars(select(Account).where(Account.id.in_([one, other])))}
        assert (accounts[one].name, accounts[one].phone, accounts[other].name) == ("", "", NAMES[0])
    with pytest.raises(PersonErased), database.begin() as session:
        session.get_one(Account, one).name = "又来"


def everything(database: Database) -> bytes:
    """Return all rows of a database as text, and the bytes of their columns."""
    with database.begin() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'region%'")).all()
        rows = "\n".join(row for table in tables for row in session.scalars(text(f"SELECT t::text FROM {table} t")))
    return rows.encode() + b"".join(bytes.fromhex(one) for one in re.findall(r"\\x((?:[0-9a-f]{2})+)", rows))


ERASE = PersonalKeys.erase


@pytest.mark.parametrize("erase", [ERASE, unguarded(lambda *_: None, "without erasing keys, an old copy opens")])
def test_copy_of_before_an_erasure_stays_closed(
    postgres: Postgres, database_of: Callable[[str, str], str], signing: Any, monkeypatch: pytest.MonkeyPatch, erase: Any
) -> None:
    """The copy is read with all settings of before, the key-encryption key among them."""
    monkeypatch.setattr(PersonalKeys, "erase", erase)
    original = Database(database_of("users", "users_original"), name="original")
    client, number, card = client_of(original, signing), phone(), national_id()
    village = administrator_of(original, VILLAGE)
    wanted = household(phone=number, name=NAMES[1], national_id=card)
    made = UUID(client.post("/v1/households", wanted, by=village).json["id"])
    account = UUID(me_of(client, sign_up(client, kind="household", phone=number, name=NAMES[0]))["id"])
    other = UUID(enter_account(client, name="邻居").json["id"])
    original.close()
    postgres.drop("users_copy")
    postgres.create_for("users", "users_copy", template="users_original")
    copy = Database(postgres.url("users_copy", "users"), name="copy")
    assert [mark for mark in (*NAMES, number, card) if mark.encode() in everything(copy)] == []
    erasing = {"purpose": "consent_withdrawn", "reason": "asked_in_person"}
    assert client.post(f"/v1/households/{made}/erasure", erasing, by=village).status_code == 202
    monkeypatch.setattr(erasure, "now", lambda: now() + DONE_AFTER)
    with original.begin() as session:
        assert erasure.finish_erasures(session) == 1
    personal_keys("users")._cached._kept.clear()
    with copy.begin() as session:
        home, owner = session.get_one(Household, made), session.get_one(Account, account)
        assert [home.name, home.national_id, home.contact_phone, owner.name, owner.phone] == [""] * 5
        assert session.get_one(Account, other).name == "邻居"
    for database in (original, copy):
        database.close()


@pytest.fixture
def before(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    """A database whose values the release before encrypted."""
    database = Database(database_of("users", "users_of_before"), name="before")
    with database.begin() as session:
        rows = [an_account(f"{NAMES[0]}{number}") for number in range(25)] + [a_household(f"{NAMES[1]}{number}") for number in range(25)]
        session.add_all(rows)
    key = encryption._settings().keys[0].fernet
    with database.begin() as session:
        for entity in (Account, Household):
            for row in session.scalars(select(entity)):
                columns = MODELS[entity.__tablename__].columns
                old = {name: Ciphertext(key.encrypt(value.encode())) for name in columns if (value := getattr(row, name)) is not None}
                session.execute(update(entity).where(entity.id == row.id).values(old).execution_options(synchronize_session=False))
    yield database
    database.close()


def names(database: Database) -> list[str]:
    with database.begin() as session:
        return [row.name for entity in (Account, Household) for row in session.scalars(select(entity).order_by(entity.id))]


def old_values(database: Database) -> int:
    with database.begin() as session:
        counts = (f"SELECT count(*) FROM {table} WHERE substr(name, 1, 1) <> '\\x02'" for table in ("accounts", "households"))
        return sum(session.scalar(text(count)) or 0 for count in counts)


def test_several_reseals_at_once_encrypt_each_old_value_once(before: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reseal, "AT_ONCE", 7)
    read = names(before)
    with ThreadPoolExecutor(3) as threads:
        for table in ("accounts", "households"):
            assert sum(threads.map(lambda model: reseal.rotate_model(before, model), [MODELS[table]] * 3)) == 25
    assert (names(before), old_values(before)) == (read, 0)
