"""Keys of people: made once, wrapped by a key-encryption key, fetched together, erased for good."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet
from sqlalchemy import event, text

from chassis.data import personal_keys
from chassis.data.database import Database, new_id
from chassis.data.personal_keys import KeyEncryptionKey, KeyMissing, PersonalKeys, PersonErased
from chassis.environment import SettingsError
from chassis.migrate import migrate_keys
from chassis.testing.postgres import Postgres

OLD, NEW = (personal_keys._parse_keys(Fernet.generate_key().decode())[0] for _ in range(2))


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    url = postgres.create_keys_for("pantry")
    migrate_keys(postgres.url("pantry"), url, "pantry")
    return url


@pytest.fixture
def keys_of(url: str) -> Iterator[Callable[..., PersonalKeys]]:
    """`keys_of(NEW, OLD)` is a process with these key-encryption keys, the newest first."""
    database = Database(url, name="keys", pool_size=8)
    yield lambda *wrapping: PersonalKeys(database, list(wrapping))
    with database.begin() as session:
        session.execute(text("DELETE FROM person_keys"))
    database.close()


def queries_of(keys: PersonalKeys, act: Callable[[], object]) -> int:
    """Count the statements that an act sends to the database of keys."""
    seen: list[Any] = []

    def count(*given: Any) -> None:
        seen.append(given)

    event.listen(keys.database.engine, "before_cursor_execute", count)
    act()
    event.remove(keys.database.engine, "before_cursor_execute", count)
    return len(seen)


def test_key_is_made_once_and_kept_wrapped(keys_of: Callable[..., PersonalKeys]) -> None:
    person = new_id()
    key = keys_of(OLD).ensure(person)
    assert len(key) == 32
    assert keys_of(OLD).ensure(person) == key
    with keys_of(OLD).database.begin() as session:
        assert key not in bytes(session.scalars(text("SELECT wrapped FROM person_keys")).one())


def test_two_at_once_get_the_same_key(keys_of: Callable[..., PersonalKeys]) -> None:
    person = new_id()
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda one: one.ensure(person), [keys_of(OLD) for _ in range(8)]))) == 1


def test_keys_of_hundred_people_come_in_one_query(keys_of: Callable[..., PersonalKeys]) -> None:
    people = [new_id() for _ in range(100)]
    keys_of(OLD).make(people)
    fresh = keys_of(OLD)
    assert queries_of(fresh, lambda: [fresh.find(one, lambda: people) for one in people]) == 1


def test_erased_key_comes_back_to_nobody(keys_of: Callable[..., PersonalKeys]) -> None:
    person, keys = new_id(), keys_of(OLD)
    keys.ensure(person)
    keys.erase([person])
    for process in (keys, keys_of(OLD)):
        assert process.find(person) is None
        with pytest.raises(PersonErased):
            process.ensure(person)
    assert keys.list_erased(personal_keys.NOBODY, 10) == [person]


def test_other_process_forgets_a_key_in_time(keys_of: Callable[..., PersonalKeys], monkeypatch: pytest.MonkeyPatch) -> None:
    person, other = new_id(), keys_of(OLD)
    other.ensure(person)
    keys_of(OLD).erase([person])
    assert other.find(person) is not None
    monkeypatch.setattr(personal_keys, "CACHED_SECONDS", 0.0)
    assert other.find(person) is None


def test_cache_forgets_the_oldest(keys_of: Callable[..., PersonalKeys], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_keys, "MOST_CACHED", 2)
    people, keys = [new_id() for _ in range(3)], keys_of(OLD)
    for one in people:
        keys.ensure(one)
    assert queries_of(keys, lambda: keys.find(people[2])) == 0
    assert queries_of(keys, lambda: keys.find(people[0])) == 1


def test_unknown_key_is_no_erased_one(keys_of: Callable[..., PersonalKeys]) -> None:
    with pytest.raises(KeyMissing):
        keys_of(OLD).find(new_id())


def test_keys_are_wrapped_anew_by_the_newest(keys_of: Callable[..., PersonalKeys], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_keys, "AT_ONCE", 2)
    people = sorted(new_id() for _ in range(5))
    before = [keys_of(OLD).ensure(one) for one in people]
    keys_of(OLD).erase(people[:1])
    assert keys_of(NEW, OLD).rewrap() == 4
    assert keys_of(NEW, OLD).rewrap() == 0
    assert [keys_of(NEW).find(one) for one in people] == [None, *before[1:]]


def test_wrapped_key_of_another_person_is_refused(keys_of: Callable[..., PersonalKeys]) -> None:
    one, other = new_id(), new_id()
    keys_of(OLD).make([one, other])
    with keys_of(OLD).database.begin() as session:
        session.execute(text("UPDATE person_keys SET wrapped = (SELECT wrapped FROM person_keys WHERE person_id = :one)"), {"one": one})
    with pytest.raises(InvalidTag):
        keys_of(OLD).find(other)


def test_key_wrapped_by_an_earlier_release_is_unwrapped() -> None:
    wrapping = KeyEncryptionKey(bytes(range(32)))
    wrapped = "6465666768696a6b6c6d6e6f2370b50d12823df555093483b10e019629a96d61e0079819ccbac72390c8ce230ae97201f751c40806bf0025398fbacb"
    assert wrapping.id.hex() == "e8c5d4f333a26084"
    assert wrapping.unwrap(UUID(int=7), bytes.fromhex(wrapped)) == b"k" * 32
    assert len(wrapping.wrap(UUID(int=7), b"k" * 32)) == len(wrapped) // 2


def test_missing_key_names_whose_it_is(keys_of: Callable[..., PersonalKeys]) -> None:
    person = new_id()
    with pytest.raises(KeyMissing, match=str(person)):
        keys_of(OLD).find(person)


def test_keys_lie_apart_from_what_they_open(postgres: Postgres) -> None:
    with pytest.raises(SettingsError, match="PANTRY_KEYS_DATABASE_URL is the service's own database"):
        migrate_keys(postgres.url("pantry", "pantry"), postgres.url("pantry", "pantry_keys"), "pantry")
