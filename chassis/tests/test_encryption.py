"""Encrypted columns, bound to their rows, and the change of their keys."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet, InvalidToken
from keeper import House, unguarded
from pantry.model import Withdrawal
from sqlalchemy import select, text, update
from sqlalchemy.exc import StatementError

from chassis import reseal
from chassis.data import encryption
from chassis.data.database import Database, new_id
from chassis.data.encryption import OF_SERVICE, Ciphertext, EncryptedBytes, EncryptedModel, fingerprint
from chassis.testing.twins import altered

NAME = "王秀英"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def with_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def set_keys(*keys: str) -> None:
        monkeypatch.setenv("SEAL_KEYS", ",".join(keys))
        forget_keys()

    yield set_keys
    monkeypatch.undo()
    forget_keys()


def forget_keys() -> None:
    encryption._settings.cache_clear()


def model() -> EncryptedModel:
    [found] = encryption.encrypted_models("pantry")
    return found


def write(database: Database, *reasons: str | None) -> None:
    with database.begin() as session:
        session.add_all(Withdrawal(region="51", asked_by=new_id(), reason=reason) for reason in reasons)


def write_as_before(house: House, key: str, *reasons: str) -> None:
    """Write rows as the release did that encrypted with Fernet alone."""
    write(house.database, *[None] * len(reasons))
    with house.database.begin() as session:
        ids = session.scalars(select(Withdrawal.id).where(Withdrawal.reason.is_(None)))
        for one, reason in zip(ids.all(), reasons, strict=True):
            token = Ciphertext(Fernet(key).encrypt(reason.encode()))
            session.execute(update(Withdrawal).where(Withdrawal.id == one).values(reason=token))


def stored(database: Database) -> list[bytes]:
    with database.begin() as session:
        return [bytes(one) for one in session.scalars(text("SELECT reason FROM withdrawals WHERE reason IS NOT NULL ORDER BY id"))]


def read(database: Database) -> list[str | None]:
    with database.begin() as session:
        return [row.reason for row in session.scalars(select(Withdrawal).order_by(Withdrawal.id))]


def test_encrypted_text_is_unreadable_in_the_database(house: House) -> None:
    write(house.database, NAME, NAME)
    one, other = stored(house.database)
    assert NAME.encode() not in one
    assert one != other
    assert read(house.database) == [NAME, NAME]


def test_changed_text_is_encrypted_and_unchanged_stays(house: House) -> None:
    write(house.database, NAME)
    [before] = stored(house.database)
    with house.database.begin() as session:
        row = session.scalars(select(Withdrawal)).one()
        assert row.reason == NAME
        row.region, row.reason = "5109", NAME
    assert stored(house.database) == [before]
    with house.database.begin() as session:
        row = session.scalars(select(Withdrawal)).one()
        row.reason = "李秀兰"
        session.flush()
        assert row.reason == "李秀兰"
    assert read(house.database) == ["李秀兰"]


@pytest.mark.parametrize("place", [EncryptedModel.place, unguarded(lambda *_: b"", "without its place, a moved value is read")])
def test_value_moved_to_another_row_is_refused(house: House, monkeypatch: pytest.MonkeyPatch, place: Any) -> None:
    monkeypatch.setattr(EncryptedModel, "place", place)
    write(house.database, NAME, "李秀兰")
    with house.database.begin() as session:
        session.execute(text("UPDATE withdrawals one SET reason = other.reason FROM withdrawals other WHERE one.id <> other.id"))
    moved: object = None
    with suppress(InvalidToken):
        moved = read(house.database)
    assert moved is None


def test_text_is_written_through_its_row_alone(house: House) -> None:
    write(house.database, NAME)
    with house.database.begin() as session, pytest.raises(StatementError, match="through its mapped row"):
        session.execute(update(Withdrawal).values(reason="李秀兰"))
    with house.database.begin() as session:
        assert isinstance(session.scalars(select(Withdrawal.reason)).one(), Ciphertext)


def test_the_newest_key_encrypts_and_older_keys_still_decrypt(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    write(house.database, NAME)
    with_keys(NEW, OLD)
    write(house.database, NAME)
    assert stored(house.database)[1].startswith(encryption.newest_header())
    assert read(house.database) == [NAME, NAME]
    with_keys(NEW)
    with pytest.raises(InvalidToken):
        read(house.database)


def test_release_before_reads_what_is_written_as_before(
    house: House, with_keys: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAL_AS_BEFORE", "1")
    with_keys(NEW, OLD)
    write(house.database, NAME)
    assert Fernet(NEW).decrypt(stored(house.database)[0]).decode() == NAME
    assert read(house.database) == [NAME]


def test_reseal_encrypts_old_rows_with_the_newest_key(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    write_as_before(house, OLD, NAME, NAME)
    write(house.database, NAME, None)
    with_keys(NEW, OLD)
    write(house.database, NAME)
    kept = stored(house.database)[-1]
    assert reseal.rotate_model(house.database, model()) == 3
    assert reseal.rotate_model(house.database, model()) == 0
    with_keys(NEW)
    assert read(house.database) == [NAME, NAME, NAME, None, NAME]
    assert kept in stored(house.database)
    assert all(one.startswith(OF_SERVICE) for one in stored(house.database))


def test_interrupted_reseal_goes_on_page_by_page(house: House, with_keys: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reseal, "AT_ONCE", 2)
    with_keys(OLD)
    write_as_before(house, OLD, *[NAME] * 5)
    with_keys(NEW, OLD)
    with suppress(ZeroDivisionError), house.database.begin() as session:
        reseal._rotate_rows(session, model(), reseal._page(session, model(), None))
        raise ZeroDivisionError
    with house.database.begin() as session:
        reseal._rotate_rows(session, model(), reseal._page(session, model(), None))
    assert reseal.rotate_model(house.database, model()) == 3
    with_keys(NEW)
    assert read(house.database) == [NAME] * 5


@pytest.mark.parametrize("lock", [".with_for_update(skip_locked=True)", unguarded("", "without the lock, it writes the text before back")])
def test_reseal_keeps_a_change_that_was_under_way(
    database_of: Callable[[str, str], str], with_keys: Callable[..., None], monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(reseal, "_page", altered(reseal._page, ".with_for_update(skip_locked=True)", lock))
    database = Database(database_of("pantry", "pantry_reseal"), name="reseal")
    with_keys(OLD)
    write(database, NAME)
    with_keys(NEW, OLD)
    with ThreadPoolExecutor(1) as threads:
        with database.begin() as session:
            session.scalars(select(Withdrawal)).one().reason = "李秀兰"
            session.flush()
            resealing = threads.submit(reseal.rotate_model, database, model())
            time.sleep(0.3)
        resealing.result(20)
    found = read(database)
    database.close()
    assert found == ["李秀兰"]


def test_reseal_stops_at_a_row_that_no_key_decrypts(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    write(house.database, NAME)
    with_keys(NEW)
    with pytest.raises(InvalidToken):
        reseal.rotate_model(house.database, model())


def test_value_written_by_an_earlier_release_is_read(with_keys: Callable[..., None]) -> None:
    with_keys(NEW, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    written = "01fad6d0247aba24f66465666768696a6b6c6d6e6f9a6c1c05f2c1856bf5edee02283e7a1d8aad3d83507b0ce31e"
    withdrawals = model()
    reason, row = withdrawals.columns["reason"], [UUID(int=9)]
    assert withdrawals.decrypt(reason, row, bytes.fromhex(written)) == NAME.encode()
    with pytest.raises(InvalidToken):
        withdrawals.decrypt(reason, [UUID(int=8)], bytes.fromhex(written))
    assert len(withdrawals.encrypt(reason, row, None, NAME.encode())) == len(written) // 2


def test_bytes_are_encrypted_like_text() -> None:
    column, drawing = EncryptedBytes(), b"\xff\xd8\x00" * 40
    assert column.decode(column.encode(drawing)) == drawing


def test_a_fingerprint_is_the_same_for_the_same_value_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(NAME)
    assert len(before) == 32
    assert fingerprint(NAME) == before != fingerprint("王秀兰")
    monkeypatch.setenv("FINGERPRINT_KEY", "another")
    encryption._fingerprint_key.cache_clear()
    assert fingerprint(NAME) != before
    encryption._fingerprint_key.cache_clear()
