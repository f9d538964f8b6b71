"""Request deadlines and rate limits."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from keeper import House, Serve, unguarded
from pantry import api as pantry_api
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http import deadlines, rate_limits
from chassis.http.app import create_app
from chassis.problems import Problem
from chassis.settings import Settings, WebSettings
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack

Make = Callable[..., Client]


@pytest.fixture(scope="module")
def address(database_of: Callable[[str, str], str]) -> str:
    return database_of("pantry", "pantry_deadlines")


@pytest.fixture
def database(address: str) -> Iterator[RolledBack]:
    database = RolledBack(address, name="tests")
    with database.trial():
        yield database
    database.close()


@pytest.fixture
def client_of(database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> Make:
    """`client_of(request_seconds=1)` calls an application with this setting."""

    def make(**settings: object) -> Client:
        for name, value in settings.items():
            monkeypatch.setenv(name.upper(), str(value))
        return Client(create_app("pantry", pantry_api.api, database=database, keys=keys).test_client(), keys)

    return make


def timed(ask: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    return ask(), time.monotonic() - started


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the deadline each statement gets the whole time")])
def test_a_statement_gets_the_rest_of_the_request_deadline(
    client_of: Make, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(deadlines, "_shorten", lambda *_: None)
    client = client_of(request_seconds=1)
    answer, seconds = timed(lambda: client.post("/v1/naps", {"milliseconds": 300, "times": 5}))
    assert (answer.status_code, answer.json.get("code"), answer.headers.get("Retry-After")) == (503, "unavailable", "2")
    assert seconds > 0.9
    assert client.post("/v1/naps", {"milliseconds": 1}).status_code == 200


def test_a_statement_never_exceeds_the_statement_timeout(client_of: Make, database: RolledBack) -> None:
    client = client_of(request_seconds=1)
    answer, seconds = timed(lambda: client.post("/v1/naps", {"milliseconds": 5000}))
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert 0.9 < seconds < 4.5


def test_no_statement_begins_after_the_deadline(client_of: Make, database: RolledBack) -> None:
    client_of()
    over = deadlines._ends_at.set(time.monotonic() - 1)
    try:
        with pytest.raises(Problem) as found, database.begin() as session:
            session.execute(text("SELECT 1"))
    finally:
        deadlines._ends_at.reset(over)
    assert (found.value.code, found.value.retry_after_seconds) == ("unavailable", 2)


def test_next_request_has_the_whole_time_again(address: str, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_SECONDS", "2")
    database = Database(address, name="hurried", pool_size=1)
    client = Client(create_app("pantry", pantry_api.api, database=database, keys=keys).test_client(), keys)
    assert client.post("/v1/naps", {"milliseconds": 10, "times": 2}).status_code == 200
    with database.begin() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "20s"
    database.close()


@pytest.mark.parametrize("otherwise", [None, unguarded(",with_any_number_of_threads", "without the bound nobody waits for a thread")])
def test_a_request_that_waited_too_long_gets_503_before_any_work(house: House, serve: Serve, otherwise: str | None) -> None:
    _, client = serve(otherwise=f"with_naps_in_the_process{otherwise or ''}", request_seconds=1, web_threads=1)
    with ThreadPoolExecutor(1) as pool:
        sleeper = pool.submit(client.post, "/v1/naps", json={"milliseconds": 4000})
        time.sleep(0.5)
        late = client.post("/v1/withdrawals", json={"region": "51"})
        healthy = client.get("/livez").status_code
        assert not sleeper.done()
    assert (late.status_code, late.json().get("code"), late.headers.get("Retry-After")) == (503, "unavailable", "2")
    assert healthy == sleeper.result().status_code == 200
    assert house.count("withdrawals") == 0
    assert client.post("/v1/counts", json={"quantity": 1}).status_code == 200


def test_a_request_that_waits_for_a_row_lock_times_out(address: str, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"PANTRY_DATABASE_URL": address, "LOCK_TIMEOUT_MS": "300"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    database = Database.of_web(Settings.of("pantry"), WebSettings.of_environment())
    holder = Database(address, name="holder")
    client = Client(create_app("pantry", pantry_api.api, database=database, keys=keys).test_client(), keys)
    with holder.begin() as session:
        session.execute(text("LOCK TABLE withdrawals IN EXCLUSIVE MODE"))
        answer, seconds = timed(lambda: client.post("/v1/withdrawals", {"region": "51"}, by=Person("donor")))
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert seconds < 9
    database.close()
    holder.close()


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without rate limits a caller is never refused")])
def test_a_caller_over_the_rate_limit_gets_429_with_retry_after(client_of: Make, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(rate_limits.RateLimiter, "count", lambda self, what, who: None)
    client, donor, other = client_of(rate_writes="3/day"), Person("donor"), Person("donor")
    answers = [client.post("/v1/withdrawals", {"region": "51"}, by=donor) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[3].json["code"] == "too_many"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 2 * 86_400
    assert client.post("/v1/withdrawals", {"region": "51"}, by=other).status_code == 201
    assert client.get(answers[0].headers["Location"], by=donor).status_code == 200


def test_a_repeated_request_counts_once_against_the_rate_limit(client_of: Make) -> None:
    client, donor = client_of(rate_writes="3/day"), Person("donor")
    sent = [client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers={"Idempotency-Key": "k"}) for _ in range(4)]
    assert [answer.status_code for answer in sent] == [201, 201, 201, 429]


def test_a_forbidden_request_counts_against_the_rate_limit(client_of: Make) -> None:
    client, staff = client_of(rate_writes="2/day"), Person("staff")
    tried = [client.post("/v1/gifts", {"quantity": 1}, by=staff) for _ in range(3)]
    assert [answer.status_code for answer in tried] == [403, 403, 429]


def guests(client: Client, *forwarded: str) -> list[int]:
    """Send one guest request per forwarded address; return the statuses."""
    asked = [client.post("/v1/counts", {"quantity": 1}, headers={"X-Forwarded-For": one}) for one in forwarded]
    return [answer.status_code for answer in asked]


def test_guests_are_counted_by_the_address_the_proxy_saw(client_of: Make) -> None:
    assert guests(client_of(rate_guests="2/day"), "198.51.100.1", "198.51.100.2", "198.51.100.3") == [200, 200, 429]
    trusting = client_of(trusted_proxies=1)
    assert guests(trusting, "203.0.113.9, 198.51.100.1", "198.51.100.1", "198.51.100.2", "198.51.100.1") == [200, 200, 200, 429]
    assert guests(trusting, "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:1::1") == [200, 200, 429, 200]


@pytest.mark.parametrize(
    "said",
    [
        ("::ffff:198.51.100.1", "198.51.100.1", "::ffff:c633:6401", "::ffff:198.51.100.2"),
        ("198.51.100.1:5678", "198.51.100.1", "198.51.100.1:80", "198.51.100.2:5678"),
        ("[2001:db8::1]:5678", "2001:db8::2", "[2001:db8::3]", "[2001:db8:1::1]:5678"),
    ],
)
def test_spellings_of_one_address_share_one_counter(client_of: Make, said: tuple[str, ...]) -> None:
    assert guests(client_of(rate_guests="2/day", trusted_proxies=1), *said) == [200, 200, 429, 200]


def test_an_invalid_token_counts_against_the_guest_limit(client_of: Make) -> None:
    client = client_of(rate_guests="2/day")
    tried = [client.post("/v1/withdrawals", {"region": "51"}, headers={"Authorization": "Bearer a.b.c"}) for _ in range(3)]
    assert [answer.status_code for answer in tried] == [401, 401, 429]


def test_without_the_rate_store_each_process_counts_alone(client_of: Make, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(rate_guests="2/day", rate_limit_store="redis://127.0.0.1:9")
    assert guests(client, *[""] * 3) == [200, 200, 429]
    assert [record.message for record in caplog.records if record.name == "chassis.rates"] == [
        "the store of rates is away, this process counts alone"
    ]


@pytest.mark.parametrize("figure", ["many", "0", "10/fortnight"])
def test_an_invalid_rate_stops_the_start(client_of: Make, figure: str) -> None:
    with pytest.raises(ValueError):
        client_of(rate_reads=figure)
