"""Simultaneous requests, on a database that commits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from chassis.data.database import Database
from chassis.testing.fixtures import Client, administrator_of
from users.tokens import SigningKeys

from .conftest import VILLAGE, client_of, donor, household, person_of


@pytest.fixture(scope="module")
def committed(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", "users_at_once"), name="tests")
    yield database
    database.close()


def at_once(committed: Database, signing: SigningKeys, count: int, act: Callable[[Client, int], Any]) -> list[Any]:
    # Each thread calls its own application, made beforehand: Python 3.11 compiles routes in one thread at a time only.
    clients = [client_of(committed, signing) for _ in range(count)]
    barrier = Barrier(count)

    def together(number: int) -> Any:
        barrier.wait()
        return act(clients[number], number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(together, range(count)))


def codes(answers: list[Any]) -> list[str]:
    return sorted(str(answer.json.get("code", answer.status_code)) for answer in answers)


def test_simultaneous_refreshes_get_the_same_next_token(committed: Database, signing: SigningKeys) -> None:
    client, wanted = client_of(committed, signing), donor()
    client.post("/v1/accounts", wanted)
    signed_in = client.post("/v1/sessions", {"phone": wanted["phone"], "password": wanted["password"]}).json
    body = {"refresh_token": signed_in["refresh_token"]}
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/sessions/refresh", body))
    [second] = {answer.json["refresh_token"] for answer in answers}
    assert client.post("/v1/sessions/refresh", {"refresh_token": second}).status_code == 201


def test_simultaneous_guesses_are_limited_to_ten(committed: Database, signing: SigningKeys) -> None:
    wanted = donor()
    client_of(committed, signing).post("/v1/accounts", wanted)
    guess = {"phone": wanted["phone"], "password": "not-the-password"}
    answers = at_once(committed, signing, 16, lambda client, _: client.post("/v1/sessions", guess))
    assert codes(answers) == ["too_many_attempts"] * 6 + ["wrong_credentials"] * 10


def test_one_of_six_simultaneous_registrations_succeeds(committed: Database, signing: SigningKeys) -> None:
    wanted = donor()
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/accounts", wanted))
    assert codes(answers) == ["201"] + ["phone_taken"] * 5


def test_one_of_six_simultaneous_households_is_registered(committed: Database, signing: SigningKeys) -> None:
    village, wanted = administrator_of(committed, VILLAGE), household()
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/households", wanted, by=village))
    assert codes(answers) == ["201"] + ["household_registered"] * 5


def test_one_of_six_simultaneous_appointments_succeeds(committed: Database, signing: SigningKeys) -> None:
    county, person = administrator_of(committed, "510903"), person_of(client_of(committed, signing), kind="staff")
    wanted = {"account_id": person.id, "region": VILLAGE}
    answers = at_once(committed, signing, 6, lambda client, _: client.post("/v1/appointments", wanted, by=county))
    assert codes(answers) == ["201"] + ["already_appointed"] * 5
    [path] = {answer.headers["Location"] for answer in answers if answer.status_code == 201}
    answers = at_once(committed, signing, 6, lambda client, _: client.post(f"{path}/dismissal", by=county))
    assert codes(answers) == ["201"] + ["state_conflict"] * 5
