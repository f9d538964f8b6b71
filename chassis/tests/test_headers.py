"""Response headers, and what browsers of other origins may do."""

from collections.abc import Callable
from uuid import UUID

import pytest
import structlog
from pantry import api as pantry_api

from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, api_fixtures

engine, database, client = api_fixtures("pantry", pantry_api.api)
ANSWERS: dict[str, Callable[[Client], object]] = {
    "200": lambda client: client.post("/v1/counts", {"quantity": 1}),
    "201": lambda client: client.post("/v1/withdrawals", {"region": "51"}, by=Person("donor")),
    "401": lambda client: client.post("/v1/withdrawals", {"region": "51"}),
    "404": lambda client: client.get("/v1/nothing"),
    "405": lambda client: client.get("/v1/counts"),
    "422": lambda client: client.post("/v1/counts", {}),
    "500": lambda client: client.post("/v1/breakages", {"region": "51"}, by=Person("donor")),
    "health": lambda client: client.get("/livez"),
    "the document": lambda client: client.get("/openapi/pantry.json"),
}


def made(database: RolledBack, keys: KnownKeys) -> Client:
    return Client(create_app("pantry", pantry_api.api, database=database, keys=keys).test_client(), keys)


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_carries_the_security_headers(client: Client, ask: Callable[[Client], object]) -> None:
    headers = ask(client).headers  # type: ignore[attr-defined]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(headers["Permissions-Policy"].split(", "))
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert {"Accept-Language", "Authorization", "Cookie"} <= {one.strip() for one in headers["Vary"].split(",")}
    assert headers["Cache-Control"] in {"no-store", "no-cache"}
    assert "Strict-Transport-Security" not in headers
    assert UUID(headers["X-Request-Id"])
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_answers_to_signed_in_callers_are_not_cached(client: Client) -> None:
    answer = client.post("/v1/withdrawals", {"region": "51"}, by=Person("donor"))
    assert answer.headers["Cache-Control"] == "no-store"


def test_answers_behind_https_carry_strict_transport_security(
    database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HSTS_SECONDS", "600")
    assert made(database, keys).get("/livez").headers["Strict-Transport-Security"] == "max-age=600; includeSubDomains"


@pytest.mark.parametrize(
    ("given", "kept"), [("web-7f3a.2", True), ("x", False), ("a b c d e f g", False), ("å" * 10, False), ("x" * 101, False)]
)
def test_a_valid_request_id_of_the_caller_is_kept(client: Client, given: str, kept: bool) -> None:
    answer = client.post("/v1/counts", {}, headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) is kept
    assert answer.json["instance"] == f"urn:duijie:request:{answer.headers['X-Request-Id']}"


ASKED = ("accept-language", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "traceparent", "x-request-id")
PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": ",".join(ASKED)}


def test_allowed_origins_may_call_and_read_the_headers(database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://app.example.org,http://localhost:5173")
    client = made(database, keys)
    for origin in ("https://app.example.org", "http://localhost:5173"):
        before = client.flask.options("/v1/counts", headers=PREFLIGHT | {"Origin": origin})
        assert before.headers["Access-Control-Allow-Origin"] == origin
        allowed = before.headers["Access-Control-Allow-Headers"].lower().replace(" ", "").split(",")
        assert set(ASKED) <= set(allowed)
        assert before.headers["Access-Control-Max-Age"] == "600"
        answer = client.post("/v1/counts", {"quantity": 1}, headers={"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert {"Content-Language", "Date", "ETag", "Location", "Retry-After", "X-Request-Id"} <= set(
            answer.headers["Access-Control-Expose-Headers"].split(", ")
        )
        assert "Origin" in answer.headers["Vary"]
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    refused = client.post("/v1/counts", {}, headers={"Origin": "https://app.example.org"})
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    for stranger in ("https://evil.example.org", "https://app.example.org.evil.net", "null"):
        assert "Access-Control-Allow-Origin" not in client.get("/livez", headers={"Origin": stranger}).headers


def test_without_allowed_origins_no_other_page_may_read(client: Client) -> None:
    answer = client.flask.options("/v1/counts", headers=PREFLIGHT | {"Origin": "https://app.example.org"})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_a_route_may_take_larger_bodies_than_others(client: Client) -> None:
    assert client.post("/v1/letters", {"text": "x" * 150_000}).json == {"quantity": 150_000}
    assert client.post("/v1/letters", {"text": "x" * 250_000}).status_code == 413
    assert client.post("/v1/counts", {"text": "x" * 150_000}).status_code == 413
