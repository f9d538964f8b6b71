"""The HTTP conventions of every service."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from apiflask import APIBlueprint
from issuer import Users
from joserfc.jwk import ECKey, KeySet
from keeper import House, Serve, soon, unguarded, withdrawn_need
from pantry import actions
from pantry import api as pantry_api
from pantry.actions import PERSONAL
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis import problems
from chassis.data import idempotency_keys
from chassis.data.database import Database
from chassis.data.personal_keys import PersonErased
from chassis.http import app as application
from chassis.http import auth, idempotency, routes, strict_json
from chassis.http.app import Unguarded, create_app
from chassis.http.auth import FetchedKeys
from chassis.problems import Problem, not_found
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, api_fixtures
from chassis.testing.postgres import Postgres
from chassis.testing.rabbitmq import RabbitMQ
from chassis.testing.twins import altered

engine, database, client = api_fixtures("pantry", pantry_api.api)


@pytest.fixture
def donor() -> Person:
    return Person("donor")


def count(database: RolledBack, table: str) -> int:
    with database.begin() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


JSON = "application/json"
REFUSED: dict[str, tuple[str, str, bytes, str, int, str]] = {
    "a duplicate key": ("POST", "/v1/counts", b'{"quantity": 1, "quantity": 2}', JSON, 400, "bad_json"),
    "NaN": ("POST", "/v1/counts", b'{"quantity": NaN}', JSON, 400, "bad_json"),
    "infinity": ("POST", "/v1/counts", b'{"quantity": -Infinity}', JSON, 400, "bad_json"),
    "infinity in disguise": ("POST", "/v1/counts", b'{"quantity": 1e999}', JSON, 400, "bad_json"),
    "an integer of 5,000 digits": ("POST", "/v1/counts", b'{"quantity": ' + b"9" * 5000 + b"}", JSON, 400, "bad_json"),
    "deep nesting": ("POST", "/v1/counts", b"[" * 60_000, JSON, 400, "bad_json"),
    "not UTF-8": ("POST", "/v1/counts", b'{"quantity": "\xff"}', JSON, 415, "not_utf8"),
    "UTF-16": ("POST", "/v1/counts", '{"quantity": 1}'.encode("utf-16"), JSON, 415, "not_utf8"),
    "UTF-16 without a mark": ("POST", "/v1/counts", '{"quantity": 1}'.encode("utf-16-le"), JSON, 415, "not_utf8"),
    "UTF-32": ("POST", "/v1/counts", '{"quantity": 1}'.encode("utf-32-be"), JSON, 415, "not_utf8"),
    "GBK": ("POST", "/v1/counts", '{"需求": 1}'.encode("gbk"), JSON, 415, "not_utf8"),
    "another charset stated": ("POST", "/v1/counts", b'{"quantity": 1}', f"{JSON}; charset=gbk", 415, "not_utf8"),
    "UTF-16 stated": ("POST", "/v1/counts", '{"quantity": 1}'.encode("utf-16"), f'{JSON}; charset="UTF-16"', 415, "not_utf8"),
    "two charsets stated": ("POST", "/v1/counts", b'{"quantity": 1}', f"{JSON}; charset=utf-8; charset=gbk", 415, "not_utf8"),
    "NUL behind two characters": ("POST", "/v1/counts", b'{"q"\x00: 1}', JSON, 400, "bad_json"),
    "an integer of 41 digits": ("POST", "/v1/counts", b'{"quantity": %s}' % (b"1" * 41), JSON, 400, "bad_json"),
    "a number of 41 characters": ("POST", "/v1/counts", b'{"quantity": 1.%s}' % (b"1" * 39), JSON, 400, "bad_json"),
    "an integer of 40 digits": ("POST", "/v1/counts", b'{"quantity": %s}' % (b"1" * 40), JSON, 422, "invalid"),
    "a byte order mark": ("POST", "/v1/counts", b'\xef\xbb\xbf{"quantity": 1}', JSON, 415, "not_utf8"),
    "not JSON at all": ("POST", "/v1/counts", b"quantity=1", JSON, 400, "bad_json"),
    "an empty body": ("POST", "/v1/counts", b"", JSON, 422, "invalid"),
    "a form": ("POST", "/v1/counts", b"quantity=1", "application/x-www-form-urlencoded", 415, "unsupported_type"),
    "no content type": ("POST", "/v1/counts", b'{"quantity": 1}', "", 415, "unsupported_type"),
    "a body too large": ("POST", "/v1/counts", b'{"quantity": ' + b" " * 70_000 + b"1}", JSON, 413, "too_large"),
    "JSON for a file": ("POST", "/v1/drawings", b"{}", JSON, 415, "unsupported_type"),
    "a file of another type": ("POST", "/v1/drawings", b"GIF89a", "image/gif", 415, "unsupported_type"),
    "a file too large": ("POST", "/v1/drawings", b"x" * 200_001, "image/png", 413, "too_large"),
    "a list": ("POST", "/v1/counts", b"[1]", JSON, 422, "invalid"),
    "an unknown field": ("POST", "/v1/counts", b'{"quantity": 1, "more": 2}', JSON, 422, "invalid"),
    "an unknown field that is no text": ("POST", "/v1/counts", b'{"quantity": 1, "\\ud800": 2}', JSON, 422, "invalid"),
    "a fraction": ("POST", "/v1/counts", b'{"quantity": 1.0}', JSON, 422, "invalid"),
    "digits as text": ("POST", "/v1/counts", b'{"quantity": "1_0"}', JSON, 422, "invalid"),
    "true for a number": ("POST", "/v1/counts", b'{"quantity": true}', JSON, 422, "invalid"),
    "null": ("POST", "/v1/counts", b'{"quantity": null}', JSON, 422, "invalid"),
    "too much": ("POST", "/v1/counts", b'{"quantity": 101}', JSON, 422, "invalid"),
    "NUL in the path": ("GET", "/v1/withdrawals/%00", b"", "", 400, "bad_text"),
    "NUL in the query": ("GET", "/v1/counts?a=%00", b"", "", 400, "bad_text"),
    "a path that is no UTF-8": ("GET", "/v1/%ff", b"", "", 400, "bad_text"),
    "a query in GBK": ("GET", "/v1/counts?name=%CB%EC%C4%FE", b"", "", 400, "bad_text"),
    "a parameter twice": ("GET", "/v1/counts?limit=1&limit=2", b"", "", 400, "repeated_parameter"),
    "an unknown path": ("GET", "/v1/nothing", b"", "", 404, "not_found"),
    "an id that is none": ("GET", "/v1/withdrawals/7", b"", "", 404, "not_found"),
    "another method": ("DELETE", "/v1/counts", b"", "", 405, "method_not_allowed"),
    "nobody": ("POST", "/v1/withdrawals", b'{"region": "51"}', JSON, 401, "sign_in_needed"),
}


@pytest.mark.parametrize(
    ("language", "answered"), [("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"), ("en-GB", "en"), ("fr", "zh-CN"), (None, "zh-CN")]
)
@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_an_error_is_a_problem_in_the_callers_language(
    client: Client, sent: tuple[str, str, bytes, str, int, str], language: str | None, answered: str
) -> None:
    method, path, body, content_type, status, code = sent
    headers = {"Accept-Language": language} if language else {}
    response = client.flask.open(path, method=method, data=body, content_type=content_type or None, headers=headers)
    assert (response.status_code, response.json["code"], response.json["status"]) == (status, code, status)
    assert response.content_type == "application/problem+json"
    assert response.headers["Content-Language"] == answered
    assert response.json["title"] == next(one for one in Problem.__subclasses__() if one.code == code).words[answered].format(name="limit")
    assert bool(response.json.get("errors")) == (code == "invalid")


@pytest.mark.parametrize("content_type", [f"{JSON}; charset=utf-8", f'{JSON};charset="UTF-8"', f"{JSON}; charset=utf8"])
def test_json_that_states_utf8_is_read(client: Client, content_type: str) -> None:
    answer = client.flask.post("/v1/counts", data=b'{"quantity": 1}', content_type=content_type)
    assert answer.status_code == 200


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the look at the charset, GBK is read as if it were UTF-8")
def test_json_of_another_charset_without_the_look(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "_decode", lambda request, body: body.decode("utf-8"))
    for sent in ("another charset stated", "two charsets stated"):
        method, path, body, content_type, status, _ = REFUSED[sent]
        assert client.flask.open(path, method=method, data=body, content_type=content_type).status_code == status


def test_a_file_arrives_as_it_was_sent(client: Client) -> None:
    answer = client.flask.post("/v1/drawings", data=bytes(range(256)) * 400, content_type="image/png")
    assert (answer.status_code, answer.json) == (200, {"quantity": 102_400})
    described = client.flask.get("/openapi/pantry.json").json["paths"]["/v1/drawings"]["post"]["requestBody"]
    assert (described["required"], list(described["content"])) == (True, ["image/png"])


def test_an_error_points_to_the_field_it_is_about(client: Client) -> None:
    response = client.post("/v1/counts", {"quantity": "x", "a/b~c": 1})
    assert sorted((error["pointer"], error["code"]) for error in response.json["errors"]) == [
        ("#/a~1b~0c", "unknown"), ("#/quantity", "not_whole"),
    ]  # fmt: skip


@pytest.mark.parametrize("most", [20, unguarded(10**6, "without the limit the answer grows with the question")])
@pytest.mark.parametrize("place", ["body", "query"])
def test_an_answer_does_not_grow_with_unknown_names(client: Client, monkeypatch: pytest.MonkeyPatch, place: str, most: int) -> None:
    monkeypatch.setattr(problems, "MOST_ERRORS", most)
    unknown = {f"{number}{'/' * 90}": 1 for number in range(600)}
    if place == "body":
        response = client.post("/v1/counts", {"quantity": "x"} | unknown)
    else:
        response = client.get("/v1/pantry/dead-letters", by=Person("staff"), **{"limit": "x"} | unknown)
    errors = response.json["errors"]
    assert (response.status_code, len(errors), len(response.data) < 10_000) == (422, 20, True)
    assert (errors[0]["pointer"], errors[0]["code"]) == ({"body": "#/quantity", "query": "#query/limit"}[place], "not_whole")


@pytest.mark.parametrize(
    ("path", "body", "labels"),
    [
        ("/v1/counts", {"quantity": 1}, {"route": "/v1/counts", "method": "POST", "status": "200"}),
        ("/v1/nothing", {}, {"route": "none", "method": "any", "status": "404"}),
    ],
)
def test_requests_are_counted_by_service_route_and_status(client: Client, path: str, body: dict[str, Any], labels: dict[str, str]) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("duijie_http_requests_total", labels | {"service": "pantry"}) or 0

    before = counted()
    client.post(path, body)
    assert counted() == before + 1


def test_another_role_is_refused(client: Client) -> None:
    assert client.post("/v1/gifts", {"quantity": 1}, by=Person("staff")).json["code"] == "not_allowed"


@pytest.mark.parametrize("checked", [True, unguarded(False, "without the check an unguarded route starts")])
def test_a_route_without_access_stops_the_start(
    database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, checked: bool
) -> None:
    if not checked:
        monkeypatch.setattr(application, "_require_access", lambda app: None)
    api = APIBlueprint("open", __name__)
    api.get("/open")(lambda: {})
    with pytest.raises(Unguarded, match="/open"):
        create_app("pantry", api, database=database, keys=keys)


def test_a_failed_request_is_rolled_back_and_reveals_nothing(client: Client, database: RolledBack, donor: Person) -> None:
    response = client.post("/v1/breakages", {"region": "51"}, by=donor, headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json["code"]) == (500, "broken")
    assert PERSONAL not in response.text
    assert [count(database, table) for table in ("withdrawals", "outbox", "idempotency_keys")] == [0, 0, 0]


def test_what_concerns_an_erased_person_is_not_found(client: Client, donor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def withdraw(*_: Any) -> Any:
        raise PersonErased

    monkeypatch.setattr(actions, "withdraw", withdraw)
    answer = client.post("/v1/withdrawals", {"region": "51"}, by=donor)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without idempotency keys a repeated request is carried out twice")])
def test_a_request_repeated_with_its_key_is_carried_out_once(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(idempotency, "store_response", lambda session, caller_id, response: None)
    first, second = (client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.headers["Location"] == second.headers["Location"]
    assert first.json == second.json
    assert count(database, "withdrawals") == count(database, "outbox") == 1


def test_a_request_without_a_key_is_carried_out_each_time(client: Client, database: RolledBack, donor: Person) -> None:
    for _ in range(2):
        client.post("/v1/withdrawals", {"region": "51"}, by=donor)
    assert count(database, "withdrawals") == 2


def test_a_key_belongs_to_one_caller_path_and_body(client: Client, database: RolledBack, donor: Person) -> None:
    key = {"Idempotency-Key": "k"}
    assert client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers=key).status_code == 201
    other_body = client.post("/v1/withdrawals", {"region": "52"}, by=donor, headers=key)
    assert (other_body.status_code, other_body.json["code"]) == (422, "key_reused")
    assert client.post("/v1/withdrawals", {"region": "52"}, by=Person("donor"), headers=key).status_code == 201
    assert client.post("/v1/breakages", {"region": "52"}, by=donor, headers=key).status_code == 500
    assert count(database, "withdrawals") == 2


@pytest.mark.parametrize(
    "path", ["request.path", unguarded("str(request.url_rule)", "with the route alone, another thing gets the answer")]
)
def test_a_key_belongs_to_one_thing_of_a_route(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(idempotency, "_same", altered(idempotency._same, "request.path", path))
    made = [client.post("/v1/withdrawals", {"region": region}, by=donor).headers["Location"] for region in ("51", "52")]
    renewed = [client.post(f"{one}/renewal", by=donor, headers={"Idempotency-Key": "k"}) for one in made * 2]
    assert [(answer.status_code, answer.json["region"]) for answer in renewed] == [(201, "51"), (201, "52")] * 2
    assert len({answer.headers["Location"] for answer in renewed}) == 2
    assert count(database, "withdrawals") == 4


def test_an_expired_key_does_not_answer_for_a_failing_act(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": "k"}
    assert client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers=key).status_code == 201

    def refuse(*_: Any) -> Any:
        raise not_found()

    monkeypatch.setattr(actions, "withdraw", refuse)
    for hours, status in ((23, 201), (24, 404)):
        with database.begin() as session:
            session.execute(text("UPDATE idempotency_keys SET used_at = now() - :hours * interval '1 hour'"), {"hours": hours})
        assert client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers=key).status_code == status


def test_a_key_expires_after_a_day(client: Client, database: RolledBack, donor: Person) -> None:
    key = {"Idempotency-Key": "k"}
    client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers=key)
    with database.begin() as session:
        session.execute(text("UPDATE idempotency_keys SET used_at = now() - interval '24 hours'"))
    for _ in range(2):
        assert client.post("/v1/withdrawals", {"region": "52"}, by=donor, headers=key).status_code == 201
    assert count(database, "withdrawals") == 2
    client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers={"Idempotency-Key": "old"})
    with database.begin() as session:
        session.execute(text("UPDATE idempotency_keys SET used_at = used_at - interval '25 hours' WHERE key = 'old'"))
        idempotency_keys.delete_expired(session)
        assert session.scalars(text("SELECT key FROM idempotency_keys")).all() == ["k"]


@pytest.mark.parametrize("key", ["", "k" * 101, "schlüssel", "a\tb"])
def test_an_unusable_key_is_refused(client: Client, donor: Person, key: str) -> None:
    response = client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers={"Idempotency-Key": key})
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "#header/Idempotency-Key")


@pytest.mark.parametrize("key", ["k", "k" * 100])
def test_a_key_up_to_its_bounds_is_used(client: Client, donor: Person, key: str) -> None:
    first, second = (client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers={"Idempotency-Key": key}) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json["id"] == second.json["id"]


def test_failures_of_a_route_are_counted_from_zero(client: Client) -> None:
    def counted(status: str, service: str) -> float | None:
        labels = {"service": service, "method": "POST", "route": "/v1/naps", "status": status}
        return REGISTRY.get_sample_value("duijie_http_requests_total", labels)

    create_app("cellar", pantry_api.api, database=client.flask.application.extensions["database"], keys=KnownKeys())
    assert [counted(status, "cellar") for status in ("500", "503", "200")] == [0, 0, None]


def test_a_concurrent_request_with_the_same_key_gets_409(house: House, keys: KnownKeys, donor: Person) -> None:
    client = Client(create_app("pantry", pantry_api.api, database=house.database, keys=keys).test_client(), keys)
    body, key = {"region": "51"}, {"Idempotency-Key": "k"}
    with house.database.begin() as session:
        session.execute(text("LOCK TABLE withdrawals IN EXCLUSIVE MODE"))
        answers: list[int] = []
        first = threading.Thread(target=lambda: answers.append(client.post("/v1/withdrawals", body, by=donor, headers=key).status_code))
        first.start()
        assert soon(lambda: house.count("pg_locks WHERE NOT granted"))
        second = client.post("/v1/withdrawals", body, by=donor, headers=key)
        assert (second.status_code, second.json["code"], second.headers["Retry-After"]) == (409, "in_progress", "1")
    first.join()
    assert answers == [201]
    assert house.count("withdrawals") == 1
    assert client.post("/v1/withdrawals", body, by=donor, headers=key).status_code == 201
    assert house.count("withdrawals") == 1


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the second look a repeat gets 409 though the first is done")])
def test_a_concurrent_repeat_in_another_process_gets_the_answer(
    house: House, keys: KnownKeys, donor: Person, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(routes, "_find_earlier", lambda database, caller: None)
    # State that each process keeps for itself.
    monkeypatch.setattr(idempotency, "start", lambda caller_id: None)
    client = Client(create_app("pantry", pantry_api.api, database=house.database, keys=keys).test_client(), keys)
    answers: list[Any] = []

    def post() -> None:
        answers.append(client.post("/v1/withdrawals", {"region": "51"}, by=donor, headers={"Idempotency-Key": "k"}))

    both = [threading.Thread(target=post) for _ in range(2)]
    with house.database.begin() as session:
        session.execute(text("LOCK TABLE withdrawals IN EXCLUSIVE MODE"))
        for one in both:
            one.start()
        assert soon(lambda: house.count("pg_locks WHERE NOT granted") == 2)
    for one in both:
        one.join()
    first, second = answers
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.headers["Location"], first.json) == (second.headers["Location"], second.json)
    assert house.count("withdrawals") == house.count("outbox") == house.count("idempotency_keys") == 1


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the second look a repeat is refused because of the first")])
@pytest.mark.parametrize(("trouble", "answered"), [(not_found(), 404), (actions.Spoilt(), 500)])
def test_a_repeat_gets_the_answer_even_if_the_act_now_fails(
    client: Client, database: RolledBack, donor: Person, monkeypatch: pytest.MonkeyPatch, trouble: Exception, answered: int, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(routes, "_find_earlier", lambda database, caller: None)
    withdraw = actions.withdraw

    def withdraw_once(session: Session, *arguments: Any) -> Any:
        if session.scalar(text("SELECT count(*) FROM withdrawals")):
            raise trouble
        return withdraw(session, *arguments)

    monkeypatch.setattr(actions, "withdraw", withdraw_once)
    body = {"region": "51"}
    first, second = (client.post("/v1/withdrawals", body, by=donor, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.headers["Location"], first.json) == (second.headers["Location"], second.json)
    assert count(database, "withdrawals") == count(database, "idempotency_keys") == 1
    other = client.post("/v1/withdrawals", body, by=donor, headers={"Idempotency-Key": "other"})
    assert other.status_code == answered


def test_a_verified_token_fails_once_it_or_its_key_expires(database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [keys.current()]
    app = create_app("pantry", pantry_api.api, database=database, keys=Kept(kept))
    headers = {"Authorization": f"Bearer {keys.token(uuid4(), 'donor', minutes=1)}"}

    def status() -> int:
        return app.test_client().post("/v1/gifts", json={"quantity": 1}, headers=headers).status_code

    assert [status(), status()] == [200, 200]
    kept[0] = KnownKeys().current()
    assert status() == 401
    kept[0] = keys.current()
    assert [status(), status()] == [200, 200]
    monkeypatch.setattr(auth._RULES, "_now", lambda: int(time.time()) + 120)
    assert status() == 401


class Kept:
    """Key sets in force; the object stays the same until the keys change."""

    def __init__(self, kept: list[KeySet]) -> None:
        self._kept = kept

    def current(self) -> KeySet:
        return self._kept[0]

    renewed = current


class Everywhere:
    """A lock that everybody holds."""

    def acquire(self, blocking: bool = True) -> bool:
        return True

    def release(self) -> None:
        pass


def status_with(keys: FetchedKeys, database: RolledBack, token: str) -> int:
    app = create_app("pantry", pantry_api.api, database=database, keys=keys)
    response = app.test_client().post("/v1/gifts", json={"quantity": 1}, headers={"Authorization": f"Bearer {token}"})
    return response.status_code


def test_public_keys_are_fetched_once_and_again_for_a_new_key(database: RolledBack, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = FetchedKeys(users.url, database)
    assert [status_with(keys, database, users.token()) for _ in range(5)] == [200] * 5
    assert users.asked == 1
    users.keys.append(ECKey.generate_key("P-256", {"kid": "second"}, auto_kid=False))
    assert status_with(keys, database, users.token()) == 401
    assert users.asked == 1, "at most every ten seconds, whatever anybody sends"
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert status_with(keys, database, users.token()) == 200
    assert users.asked == 2


@pytest.mark.parametrize("lock", [threading.Lock, unguarded(Everywhere, "without the lock, all threads ask users at once")])
def test_public_keys_are_fetched_by_one_of_many_threads(
    database_of: Callable[[str, str], str], users: Users, lock: Callable[[], Any]
) -> None:
    database = Database(database_of("pantry", "pantry_keys"), name="keys")
    keys, together = FetchedKeys(users.url, database), threading.Barrier(6)
    keys._lock = lock()

    def ask(_: int) -> KeySet:
        together.wait()
        return keys.current()

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(ask, range(6)))
    database.close()
    assert all(one is found[0] for one in found)
    assert users.asked == 1


def test_verified_tokens_are_cached_per_key_set(database: RolledBack, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_verified", {})
    keys, clock = FetchedKeys(users.url, database), [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    token = users.token()
    for asked in (1, 2, 3):
        assert status_with(keys, database, token) == 200
        assert (users.asked, [len(known) for _, known in auth._verified.values()]) == (asked, [1])
        clock[0] += 301
    for kid in ("second", "third", "fourth"):
        users.keys.append(ECKey.generate_key("P-256", {"kid": kid}, auto_kid=False))
        clock[0] += 301
        assert status_with(keys, database, users.token()) == 200
        assert len(auth._verified) <= 2
    users.keys[:-1] = []
    clock[0] += 301
    assert status_with(keys, database, token) == 401


def test_stored_public_keys_serve_while_users_is_away(database: RolledBack, users: Users) -> None:
    keys = FetchedKeys(users.url, database)
    token = users.token()
    assert status_with(keys, database, token) == 200
    users.leave()
    assert status_with(keys, database, token) == 200
    assert status_with(FetchedKeys(users.url, database), database, token) == 200


def test_without_public_keys_the_service_answers_503(database: RolledBack) -> None:
    assert status_with(FetchedKeys("http://127.0.0.1:9/v1/jwks", database), database, "a.b.c") == 503


def test_a_web_process_survives_broker_and_database_outages(house: House, serve: Serve, postgres: Postgres, rabbitmq: RabbitMQ) -> None:
    process, client = serve()
    worker, relay = house.worker().ready(), house.relay().ready()
    assert client.get("/readyz").json() == {"status": "ok"}
    rabbitmq.stop()
    posted = client.post("/v1/withdrawals", json={"region": "51", "reason": PERSONAL})
    assert posted.status_code == 201
    house.publish(withdrawn_need())
    rabbitmq.start_again()
    assert soon(lambda: house.taken().total() == 2, 90)
    postgres.stop()
    try:
        for answer in (client.get("/readyz"), client.post("/v1/withdrawals", json={"region": "51"})):
            assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
        assert client.get("/livez").status_code == 200
    finally:
        postgres.start_again()
    assert client.get("/readyz").status_code == 200
    assert client.get(posted.headers["Location"]).json()["reason"] == PERSONAL
    assert client.post("/v1/breakages", json={"region": "51"}, headers={"X-Request-Id": "one-that-breaks"}).status_code == 500
    assert soon(lambda: process.says("a request broke"))
    assert [entry["request_id"] for entry in process.entries() if entry["event"] == "a request broke"] == ["one-that-breaks"]
    assert not process.says(PERSONAL)
    assert {entry["service"] for entry in process.entries()} == {"pantry"}
    assert [one.stop() for one in (process, worker, relay)] == [0, 0, 0]


def test_a_web_process_reads_chunks_and_refuses_too_many(serve: Serve) -> None:
    _, client = serve()
    headers = {"Content-Type": JSON}
    assert client.post("/v1/counts", content=iter([b'{"quant', b'ity": 7}']), headers=headers).json() == {"quantity": 7}
    assert client.post("/v1/counts", content=iter([b" " * 10_000] * 10), headers=headers).status_code == 413
    assert httpx.get(client.base_url.join("/v1/%00"), trust_env=False).json()["code"] == "bad_text"
