"""Encrypted columns, and the change of their keys."""

from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet, InvalidToken
from keeper import House, unguarded
from pantry.model import Withdrawal
from sqlalchemy import select, text, update

from chassis import reseal
from chassis.data import encryption
from chassis.data.database import Database, new_id
from chassis.data.encryption import EncryptedBytes, fingerprint
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered

NAME = "王秀英"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def with_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def set_keys(*keys: str) -> None:
        monkeypatch.setenv("SEAL_KEYS", ",".join(keys))
        encryption._keys.cache_clear()

    yield set_keys
    monkeypatch.undo()
    encryption._keys.cache_clear()


def written(house: House) -> bytes:
    with house.database.begin() as session:
        session.add(Withdrawal(region="51", asked_by=new_id(), reason=NAME))
    with house.database.begin() as session:
        return bytes(session.scalar(text("SELECT reason FROM withdrawals ORDER BY id DESC LIMIT 1")))


def read(house: House) -> list[str | None]:
    with house.database.begin() as session:
        return list(session.scalars(select(Withdrawal.reason).order_by(Withdrawal.id)))


def test_encrypted_text_is_unreadable_in_the_database(house: House) -> None:
    one, other = written(house), written(house)
    assert NAME.encode() not in one
    assert one != other
    assert read(house) == [NAME, NAME]


def test_the_newest_key_encrypts_and_older_keys_still_decrypt(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    written(house)
    with_keys(NEW, OLD)
    newest = written(house)
    assert Fernet(NEW).decrypt(newest).decode() == NAME
    assert read(house) == [NAME, NAME]
    with_keys(NEW)
    with pytest.raises(InvalidToken):
        read(house)


def test_reseal_encrypts_old_rows_with_the_newest_key(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    for _ in range(3):
        written(house)
    with_keys(NEW, OLD)
    kept = written(house)
    [table] = reseal.encrypted_tables("pantry")
    assert reseal.rotate_table(house.database, table) == (4, 3)
    assert reseal.rotate_table(house.database, table) == (4, 0)
    with_keys(NEW)
    assert read(house) == [NAME] * 4
    with house.database.begin() as session:
        assert kept in session.scalars(text("SELECT reason FROM withdrawals")).all()


def test_an_interrupted_reseal_continues_page_by_page(
    house: House, with_keys: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reseal, "AT_ONCE", 2)
    with_keys(OLD)
    with house.database.begin() as session:
        session.add_all(Withdrawal(region="51", asked_by=new_id(), reason=reason) for reason in (NAME, None, NAME, NAME, NAME))
    with_keys(NEW, OLD)
    [table] = reseal.encrypted_tables("pantry")
    with house.database.begin() as session:
        assert sum(reseal._rotate_row(session, table, row) for row in reseal._page(session, table, None)) == 1
    assert reseal.rotate_table(house.database, table) == (5, 3)
    with_keys(NEW)
    assert sorted(map(str, read(house))) == sorted(map(str, [NAME, None, NAME, NAME, NAME]))


@pytest.mark.parametrize("lock", [".with_for_update()", unguarded("", "without the lock, reseal writes the text before the change back")])
def test_reseal_keeps_a_change_that_was_under_way(
    database_of: Callable[[str, str], str], with_keys: Callable[..., None], monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(reseal, "_page", altered(reseal._page, ".with_for_update()", lock))
    database = Database(database_of("pantry", "pantry_reseal"), name="reseal")
    with_keys(OLD)
    with database.begin() as session:
        session.add(Withdrawal(region="51", asked_by=new_id(), reason=NAME))
    with_keys(NEW, OLD)
    [table] = reseal.encrypted_tables("pantry")
    meet_at_lock(database, update(Withdrawal).values(reason="李秀兰"), [lambda: reseal.rotate_table(database, table)])
    with database.begin() as session:
        read_again = session.scalar(select(Withdrawal.reason))
    database.close()
    assert read_again == "李秀兰"


def test_reseal_stops_at_a_row_that_no_key_decrypts(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    written(house)
    with_keys(NEW)
    [table] = reseal.encrypted_tables("pantry")
    with pytest.raises(InvalidToken):
        reseal.rotate_table(house.database, table)


def test_bytes_are_encrypted_like_text(house: House) -> None:
    column, drawing = EncryptedBytes(), b"\xff\xd8\x00" * 40
    written = column.process_bind_param(drawing, house.database.engine.dialect)
    assert written is not None
    assert drawing not in written
    assert column.process_result_value(written, house.database.engine.dialect) == drawing


def test_a_fingerprint_is_the_same_for_the_same_value_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(NAME)
    assert len(before) == 32
    assert fingerprint(NAME) == before != fingerprint("王秀兰")
    monkeypatch.setenv("FINGERPRINT_KEY", "another")
    encryption._fingerprint_key.cache_clear()
    assert fingerprint(NAME) != before
    encryption._fingerprint_key.cache_clear()
