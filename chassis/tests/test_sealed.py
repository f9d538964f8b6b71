"""What is personal cannot be read in the database, and the keys can be changed."""

from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet, InvalidToken
from keeper import House
from pantry.model import Withdrawal
from sqlalchemy import select, text

from chassis import sealed
from chassis.database import new_id
from chassis.sealed import SealedBytes, fingerprint

NAME = "王秀英"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture
def with_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def set_keys(*keys: str) -> None:
        monkeypatch.setenv("SEAL_KEYS", ",".join(keys))
        sealed._keys.cache_clear()

    yield set_keys
    monkeypatch.undo()
    sealed._keys.cache_clear()


def written(house: House) -> bytes:
    with house.database.begin() as session:
        session.add(Withdrawal(region="51", asked_by=new_id(), reason=NAME))
    with house.database.begin() as session:
        return bytes(session.scalar(text("SELECT reason FROM withdrawals ORDER BY id DESC LIMIT 1")))


def read(house: House) -> list[str | None]:
    with house.database.begin() as session:
        return list(session.scalars(select(Withdrawal.reason).order_by(Withdrawal.id)))


def test_what_is_sealed_cannot_be_read_in_the_database(house: House) -> None:
    one, other = written(house), written(house)
    assert NAME.encode() not in one
    assert one != other
    assert read(house) == [NAME, NAME]


def test_the_newest_key_seals_and_older_ones_still_open(house: House, with_keys: Callable[..., None]) -> None:
    with_keys(OLD)
    written(house)
    with_keys(NEW, OLD)
    newest = written(house)
    assert Fernet(NEW).decrypt(newest).decode() == NAME
    assert read(house) == [NAME, NAME]
    with_keys(NEW)
    with pytest.raises(InvalidToken):
        read(house)


def test_bytes_are_sealed_as_text_is(house: House) -> None:
    column, drawing = SealedBytes(), b"\xff\xd8\x00" * 40
    written = column.process_bind_param(drawing, house.database.engine.dialect)
    assert written is not None
    assert drawing not in written
    assert column.process_result_value(written, house.database.engine.dialect) == drawing


def test_a_fingerprint_is_the_same_for_the_same_value_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(NAME)
    assert len(before) == 32
    assert fingerprint(NAME) == before != fingerprint("王秀兰")
    monkeypatch.setenv("FINGERPRINT_KEY", "another")
    sealed._fingerprint_key.cache_clear()
    assert fingerprint(NAME) != before
    sealed._fingerprint_key.cache_clear()
