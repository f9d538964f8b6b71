"""Guessing passwords: strangers guess slowly, from one address and from many, and keep nobody out."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, RolledBack
from chassis.testing.twins import altered, unguarded
from users.throttling import actions
from users.throttling.rules import ADDRESS, KEPT_FOR, KNOWN_FOR, PAIR, PHONE, Throttle

from .conftest import PASSWORD, donor, enter_account, phone

WRONG = "not-the-password"
STRANGER, HOME, ELSEWHERE = "203.0.113.7", "198.51.100.20", "192.0.2.99"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def number(client: Client) -> str:
    """The phone of an administrator."""
    wanted = donor(kind="staff")
    enter_account(client, **wanted)
    return str(wanted["phone"])


def sign_in(client: Client, number: str, password: str = PASSWORD, address: str = HOME) -> Any:
    body = {"phone": number, "password": password}
    return client.flask.post("/v1/sessions", json=body, environ_overrides={"REMOTE_ADDR": address})


def guess(client: Client, number: str, address: str, times: int = 1) -> list[int]:
    return [sign_in(client, number, WRONG, address).status_code for _ in range(times)]


def pass_time(database: RolledBack, by: timedelta) -> None:
    moved = ", ".join(f"{column} = {column} - :by" for column in ("since", "last_at", "known_until"))
    with database.begin() as session:
        session.execute(text(f"UPDATE wrong_passwords SET {moved}"), {"by": by})


def addresses() -> Iterator[str]:
    return (f"203.0.{high}.{low}" for high in range(256) for low in range(256))


BY_ADDRESS = 'fingerprint(f"pair {phone} {address}")'


@pytest.mark.parametrize(
    "pair", [BY_ADDRESS, unguarded('fingerprint(f"pair {phone}")', "counted by phone alone, a stranger keeps an administrator out")]
)
def test_stranger_keeps_no_administrator_out(client: Client, number: str, monkeypatch: pytest.MonkeyPatch, pair: str) -> None:
    monkeypatch.setattr(actions, "begin_attempt", altered(actions.begin_attempt, BY_ADDRESS, pair))
    assert guess(client, number, STRANGER, 7) == [401] * 5 + [429] * 2
    assert sign_in(client, number, address=HOME).status_code == 201


def test_stranger_waits_longer_and_longer(client: Client, database: RolledBack, number: str) -> None:
    guess(client, number, STRANGER, 5)
    waits = []
    for _ in range(8):
        refused = sign_in(client, number, address=STRANGER)
        assert (refused.status_code, refused.json["code"]) == (429, "too_many_attempts"), "even with the right password"
        waits.append(int(refused.headers["Retry-After"]))
        pass_time(database, timedelta(seconds=waits[-1]))
        assert guess(client, number, STRANGER) == [401]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128]
    assert "短信验证码" in refused.json["title"]


def test_tries_are_forgotten_one_an_hour(client: Client, database: RolledBack, number: str) -> None:
    assert guess(client, number, HOME, 6) == [401] * 5 + [429]
    pass_time(database, timedelta(hours=3))
    assert guess(client, number, HOME, 4) == [401] * 3 + [429]
    pass_time(database, timedelta(hours=9))
    assert guess(client, number, HOME, 6) == [401] * 5 + [429]


def test_right_password_resets_the_tries_of_its_address(client: Client, number: str) -> None:
    for _ in range(2):
        assert guess(client, number, HOME, 4) == [401] * 4
        assert sign_in(client, number).status_code == 201


def test_phone_without_an_account_waits_alike(client: Client) -> None:
    assert guess(client, phone(), STRANGER, 6) == [401] * 5 + [429]


LOOK = "wait := max(_wait(row, throttle, at) for row, throttle in counted)"


@pytest.mark.parametrize("look", [LOOK, unguarded("wait := _wait(first, PAIR, at)", "counted by pair alone, many addresses guess freely")])
def test_guesses_from_many_addresses_are_bounded(
    client: Client, database: RolledBack, number: str, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    monkeypatch.setattr(actions, "begin_attempt", altered(actions.begin_attempt, LOOK, look))
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET password_hash = NULL"))
    monkeypatch.setattr("users.accounts.passwords.is_password", lambda stored, password: False)
    answers = [guess(client, number, address)[0] for address, _ in zip(addresses(), range(60), strict=False)]
    assert answers == [401] * 50 + [429] * 10


def test_known_address_is_let_in_during_guesses_from_many(client: Client, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sign_in(client, number, address=HOME).status_code == 201
    with monkeypatch.context() as quick:
        quick.setattr("users.accounts.passwords.is_password", lambda stored, password: False)
        for address, _ in zip(addresses(), range(51), strict=False):
            guess(client, number, address)
    assert sign_in(client, number, address=HOME).status_code == 201
    assert sign_in(client, number, address=ELSEWHERE).status_code == 429


def test_address_is_known_for_ninety_days(client: Client, database: RolledBack, number: str) -> None:
    assert sign_in(client, number).status_code == 201
    for days, known in ((89, 1), (2, 0)):
        pass_time(database, timedelta(days=days))
        with database.begin() as session:
            actions.delete_old(session)
            assert session.scalar(text("SELECT count(*) FROM wrong_passwords")) == known


def test_one_address_tries_few_passwords_on_many_phones(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("users.accounts.passwords.is_password", lambda stored, password: False)
    assert [guess(client, phone(), STRANGER)[0] for _ in range(102)] == [401] * 100 + [429] * 2
    assert guess(client, phone(), HOME) == [401]


def test_neighbours_in_one_ipv6_network_count_as_one_address(client: Client, number: str) -> None:
    assert [guess(client, number, f"2001:db8:1:2::{host:x}")[0] for host in range(6)] == [401] * 5 + [429]
    assert guess(client, number, "2001:db8:1:3::1") == [401]


@pytest.mark.parametrize("proxies", [0, 1])
def test_address_behind_a_proxy_is_that_of_the_caller(client_behind: Callable[[int], Client], number: str, proxies: int) -> None:
    client = client_behind(proxies)

    def tried(forwarded: str) -> int:
        body = {"phone": number, "password": WRONG}
        return client.flask.post("/v1/sessions", json=body, headers={"X-Forwarded-For": forwarded}).status_code

    assert [tried(STRANGER) for _ in range(6)] == [401] * 5 + [429]
    assert tried(HOME) == (401 if proxies else 429), "without a trusted proxy, the header is anybody's word"


def test_counts_are_deleted_once_they_are_forgotten(client: Client, database: RolledBack, number: str) -> None:
    guess(client, number, STRANGER, 5)
    for left, by in ((3, KEPT_FOR - timedelta(minutes=1)), (0, timedelta(minutes=2))):
        pass_time(database, by)
        with database.begin() as session:
            actions.delete_old(session)
            assert session.scalar(text("SELECT count(*) FROM wrong_passwords")) == left


def test_counts_tell_nobody_who_signs_in_from_where(client: Client, database: RolledBack, number: str) -> None:
    guess(client, number, STRANGER)
    with database.begin() as session:
        stored = [bytes(key) for key in session.scalars(text("SELECT phone_fingerprint FROM wrong_passwords"))]
    assert all(len(key) == 32 for key in stored)
    assert not any(word.encode() in b"".join(stored) for word in (number, STRANGER))


# Without a database: the most that anybody can guess.


def tries_within(throttle: Throttle, time: timedelta) -> list[int]:
    """Try as soon as it is allowed, for `time`; return how many tries each day saw."""
    tries, since, last_at, now, days = 0, NOW, NOW - DAY, NOW, [0] * -(-time // DAY)
    while now < NOW + time:
        left, since = throttle.forget(tries, since, now)
        if wait := throttle.wait(left, last_at, now):
            now += wait
            continue
        days[(now - NOW) // DAY] += 1
        tries, last_at = left + 1, now
    return days


@pytest.mark.parametrize(
    ("throttle", "first_day", "later"), [(PAIR, 41, 24), (PHONE, 109, 48), (ADDRESS, 1547, 1440)], ids=["pair", "phone", "address"]
)
def test_guesses_of_a_day_are_bounded(throttle: Throttle, first_day: int, later: int) -> None:
    days = tries_within(throttle, 4 * DAY)
    assert days[0] <= first_day
    assert max(days[1:]) <= later
    assert days[0] >= first_day - 5, "the figure of the guide is the real one"


def test_two_addresses_never_use_up_the_tries_of_a_phone() -> None:
    for day in range(1, 31):
        assert sum(tries_within(PAIR, day * DAY)) * 2 - int(day * DAY / PHONE.drain) < PHONE.free


@pytest.mark.parametrize("throttle", [PAIR, PHONE, ADDRESS], ids=["pair", "phone", "address"])
def test_all_tries_are_forgotten_when_their_count_is_deleted(throttle: Throttle) -> None:
    most = throttle.free + 24
    assert throttle.forget(most, NOW, NOW + KEPT_FOR)[0] == 0


def test_forgotten_tries_leave_no_head_start() -> None:
    later = NOW + 2.5 * PAIR.drain
    assert PAIR.forget(2, NOW, later) == (0, later)
    assert PAIR.forget(3, NOW, later) == (1, NOW + 2 * PAIR.drain)


def test_times_are_those_of_the_guide() -> None:
    assert (KNOWN_FOR.days, PAIR.drain.seconds, PHONE.drain.seconds, ADDRESS.drain.seconds) == (90, 3600, 1800, 60)
