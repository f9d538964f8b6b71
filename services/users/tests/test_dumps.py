"""Dumps of the databases of users, as operators make them: nothing can be read in them, and those of before an erasure stay closed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from chassis.data.database import Database, now
from chassis.data.encryption import Ciphertext, EncryptedModel
from chassis.data.personal_keys import personal_keys
from chassis.testing.dumps import dump, find_readable, restore
from chassis.testing.fixtures import Client, Person, administrator_of
from chassis.testing.postgres import Postgres, keys_role
from chassis.testing.twins import unguarded
from users.accounts.model import Account
from users.erasure import actions as erasure
from users.erasure.rules import DONE_AFTER
from users.households.model import Household

from .conftest import VILLAGE, client_of, enter_account, household, me_of, national_id, phone, sign_up

NAME, ACCOUNT_NAME, ADDRESS, NOTE, NEIGHBOUR = "尉迟砚秋", "慕容听雨", "桂花巷老井台旁四十一号", "补记新门牌", "拓跋疏影"
SHIPPED = ("regions", "region_aliases", "region_spellings")
ORIGINAL = "users_dumped"


@dataclass
class Kept:
    """What a database of users holds about one household, its account, and a neighbour."""

    client: Client
    village: Person
    household_id: UUID
    account_id: UUID
    neighbour_id: UUID
    values: list[str]


@pytest.fixture
def original(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", ORIGINAL), name="original")
    yield database
    database.close()


def keep(original: Database, signing: Any) -> Kept:
    """Let a village register a household, complete it, and the household prove its phone."""
    client, number, card = client_of(original, signing), phone(), national_id()
    village = administrator_of(original, VILLAGE)
    made = client.post("/v1/households", household(phone=number, name=NAME, national_id=card), by=village).json["id"]
    change = {"address": ADDRESS, "reason": "completed", "note": NOTE}
    assert client.patch(f"/v1/households/{made}", change, by=village).status_code == 200
    account = me_of(client, sign_up(client, kind="household", phone=number, name=ACCOUNT_NAME))["id"]
    neighbour = enter_account(client, name=NEIGHBOUR).json["id"]
    values = [NAME, ACCOUNT_NAME, ADDRESS, NOTE, NEIGHBOUR, number, card]
    return Kept(client, village, UUID(made), UUID(account), UUID(neighbour), values)


def in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write values as they are."""
    monkeypatch.setattr(EncryptedModel, "_encryptor", lambda *_: lambda place, plain: Ciphertext(plain))
    monkeypatch.setattr(EncryptedModel, "decrypt", lambda _, column, ids, value, *beside: value)


@pytest.mark.parametrize(
    "write",
    [lambda monkeypatch: None, unguarded(in_the_clear, "without encryption, the dump shows everything")],
    ids=["encrypted", "in the clear"],
)
def test_nothing_can_be_read_in_a_dump(
    postgres: Postgres, original: Database, signing: Any, monkeypatch: pytest.MonkeyPatch, write: Callable[[Any], None]
) -> None:
    write(monkeypatch)
    kept = keep(original, signing)
    dumped = {name: dump(postgres.url(name), SHIPPED) for name in (ORIGINAL, keys_role("users"))}
    assert str(kept.household_id).encode() in dumped[ORIGINAL]
    assert {name: find_readable(content, kept.values) for name, content in dumped.items()} == {name: [] for name in dumped}


USERS_ALONE, WITH_KEYS = ("users",), ("users", "keys")


@pytest.mark.parametrize("kept_together", [USERS_ALONE, unguarded(WITH_KEYS, "without a database of their own, keys come back too")])
def test_dump_of_before_an_erasure_stays_closed(
    postgres: Postgres, original: Database, signing: Any, monkeypatch: pytest.MonkeyPatch, kept_together: tuple[str, ...]
) -> None:
    """The dump is restored and read with all settings of before, the key-encryption key among them."""
    kept, keys = keep(original, signing), keys_role("users")
    dumps = {name: dump(postgres.url({"users": ORIGINAL, "keys": keys}[name]), SHIPPED) for name in kept_together}
    wanted = {"purpose": "consent_withdrawn", "reason": "asked_in_person"}
    assert kept.client.post(f"/v1/households/{kept.household_id}/erasure", wanted, by=kept.village).status_code == 202
    monkeypatch.setattr(erasure, "now", lambda: now() + DONE_AFTER)
    with original.begin() as session:
        assert erasure.finish_erasures(session) == 1
    for name, content in dumps.items():
        postgres.drop(f"{name}_restored")
        postgres.create(f"{name}_restored")
        restore(content, postgres.url(f"{name}_restored"))
    restored = Database(postgres.url("users_restored"), name="restored")
    with monkeypatch.context() as patch:
        if "keys" in dumps:
            patch.setenv("USERS_KEYS_DATABASE_URL", postgres.url("keys_restored"))
        personal_keys.cache_clear()
        try:
            with restored.begin() as session:
                home, owner = session.get_one(Household, kept.household_id), session.get_one(Account, kept.account_id)
                read = [home.name, home.national_id, home.contact_phone, home.address, owner.name, owner.phone]
                neighbour = session.get_one(Account, kept.neighbour_id).name
        finally:
            personal_keys.cache_clear()
            restored.close()
    assert neighbour == NEIGHBOUR
    assert [value for value in read if value] == []
