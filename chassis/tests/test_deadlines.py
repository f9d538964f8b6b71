"""Request deadlines and rate limits."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from keeper import Serve, soon, unguarded
from pantry import actions
from pantry import api as pantry_api
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http import deadlines, rate_limits
from chassis.http.app import create_app
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


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the check a request is served after its caller has left")])
def test_a_request_that_waited_too_long_gets_503_before_any_work(
    client_of: Make, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(deadlines.FairSemaphore, "acquire", lambda self, seconds: True)
    asleep, awake = threading.Event(), threading.Event()

    def nap(*_: object, **__: object) -> None:
        asleep.set()
        awake.wait(60)

    monkeypatch.setattr(actions, "nap", nap)
    client = client_of(request_seconds=0.5, web_threads=1)
    other = client_of()
    sleeper = threading.Thread(target=lambda: client.post("/v1/naps", {"milliseconds": 1}))
    sleeper.start()
    assert asleep.wait(60)
    answer, seconds = timed(lambda: client.post("/v1/withdrawals", {"region": "51"}, by=Person("donor")))
    healthy = client.get("/livez").status_code
    awake.set()
    sleeper.join()
    assert (answer.status_code, answer.json.get("code")) == (503, "unavailable")
    assert seconds > 0.4
    assert healthy == 200
    assert other.post("/v1/counts", {"quantity": 1}).status_code == client.post("/v1/counts", {"quantity": 1}).status_code == 200
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM withdrawals")) == 0


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


def test_the_semaphore_is_first_in_first_out_and_leaks_nothing() -> None:
    places = deadlines.FairSemaphore(1)
    came: list[int] = []

    def wait(number: int) -> None:
        if places.acquire(60):
            came.append(number)
            places.release()

    assert places.acquire(0)
    waiting = [threading.Thread(target=wait, args=[number]) for number in range(5)]
    for number, one in enumerate(waiting, 1):
        one.start()
        assert soon(lambda number=number: len(places._waiting) == number)
    assert not places.acquire(0.05)
    places.release()
    for one in waiting:
        one.join()
    assert came == list(range(5))
    assert places.acquire(0)
    assert not places.acquire(0)


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


@pytest.mark.parametrize("figure", ["", "many", "0", "10/fortnight"])
def test_an_invalid_rate_stops_the_start(client_of: Make, figure: str) -> None:
    with pytest.raises(ValueError):
        client_of(rate_reads=figure)


def half_sent(client: httpx.Client, how_many: int) -> list[socket.socket]:
    """Open connections that send the beginning of a body and then stall."""
    began = b"POST /v1/counts HTTP/1.1\r\nHost: pantry\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
    connections = [socket.create_connection((str(client.base_url.host), client.base_url.port or 0)) for _ in range(how_many)]
    for connection in connections:
        connection.sendall(began)
    return connections


@pytest.mark.parametrize("guarded", [True, unguarded("with_slots_first", "without reading the body first a slow client occupies a slot")])
def test_slow_request_bodies_block_no_other_request(serve: Serve, guarded: bool | str) -> None:
    otherwise = None if guarded is True else guarded
    _, client = serve(otherwise=otherwise, web_threads=2, request_seconds=2)
    slow = half_sent(client, 4)
    for _ in range(10):
        answer = client.post("/v1/counts", json={"quantity": 7})
        assert (answer.status_code, answer.json().get("quantity")) == (200, 7)
        time.sleep(0.1)
    slow[0].sendall(b'"quantity": 7}' + b" " * 59_985)
    assert b"200 OK" in slow[0].recv(4000)
    for connection in slow:
        connection.close()


def test_health_is_answered_while_slow_bodies_fill_every_slot(serve: Serve) -> None:
    _, client = serve(web_threads=2, request_seconds=2)
    slow = half_sent(client, 2 * deadlines.WAITING_PER_SLOT + 2)
    assert soon(lambda: client.post("/v1/counts", json={"quantity": 7}).status_code == 503)
    for path, status in {"/livez": 200, "/readyz": 200, "/v1/withdrawals/7": 404}.items():
        assert httpx.get(client.base_url.join(path), trust_env=False, timeout=30).status_code == status
    answer = client.post("/v1/counts", json={"quantity": 7})
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
    for connection in slow:
        connection.close()
    assert soon(lambda: client.post("/v1/counts", json={"quantity": 7}).status_code == 200)
