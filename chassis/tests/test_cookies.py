"""Callers whose token is in a cookie: browsers add it to requests of every page, so writes say which page sent them."""

from typing import Any
from uuid import uuid4

import pytest
from flask import request
from keeper import unguarded
from pantry import api as pantry_api
from sqlalchemy import text

from chassis.http import auth, cookies
from chassis.http.app import create_app
from chassis.http.cookies import ACCESS_COOKIE
from chassis.testing.fixtures import Client, KnownKeys, RolledBack, api_fixtures

engine, database, client = api_fixtures("pantry", pantry_api.api)

OWN = "https://duijie.example.org"
ALLOWED = "https://app.example.org"
OURS: dict[str, dict[str, str]] = {
    "the address of the site": {"Origin": OWN},
    "its port written out": {"Origin": f"{OWN}:443"},
    "the port of an allowed page without TLS": {"Origin": "http://app.example.net:80"},
    "our page, as browsers add": {"Origin": OWN, "Sec-Fetch-Site": "same-origin"},
    "a page that is allowed": {"Origin": ALLOWED, "Sec-Fetch-Site": "same-site"},
    "its name in capitals": {"Origin": "https://Duijie.example.org"},
}
FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example.com"},
    "a site below ours": {"Origin": "https://evil.duijie.example.org"},
    "a name that begins with ours": {"Origin": f"{OWN}.evil.net"},
    "our name before an at": {"Origin": f"{OWN}@evil.net"},
    "our host without TLS": {"Origin": "http://duijie.example.org"},
    "our host on another port": {"Origin": f"{OWN}:8443"},
    "a frame without an origin": {"Origin": "null"},
    "an origin that is none": {"Origin": "https://[::1"},
    "no origin": {},
    "the host of the request, which is not configured": {"Origin": "http://localhost"},
    "a browser that knows better": {"Origin": OWN, "Sec-Fetch-Site": "cross-site"},
    "an address typed in": {"Origin": OWN, "Sec-Fetch-Site": "none"},
}


@pytest.fixture
def page(database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client with the cookie of a signed-in donor."""
    monkeypatch.setenv("PUBLIC_URL", OWN)
    monkeypatch.setenv("CORS_ORIGINS", f"{ALLOWED},http://app.example.net")
    flask = create_app("pantry", pantry_api.api, database=database, keys=keys).test_client()
    flask.set_cookie("__Host-duijie_access", keys.token(uuid4(), "donor"))
    return Client(flask, keys)


def write(page: Client, headers: dict[str, str]) -> Any:
    return page.post("/v1/withdrawals", {"region": "51"}, headers=headers)


def withdrawals(database: RolledBack) -> int:
    with database.begin() as session:
        return int(session.scalar(text("SELECT count(*) FROM withdrawals")) or 0)


@pytest.mark.parametrize("headers", OURS.values(), ids=OURS)
def test_write_of_our_page_is_carried_out(page: Client, headers: dict[str, str]) -> None:
    answer = write(page, headers)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert "Cookie" in answer.headers["Vary"]


@pytest.mark.parametrize("is_checked", [True, unguarded(False, "without the look at the origin, a page of another site writes")])
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_write_of_another_page_is_refused(
    page: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], is_checked: bool
) -> None:
    if not is_checked:
        monkeypatch.setattr(cookies, "check_origin", lambda: None)
    answer = write(page, headers)
    assert (answer.status_code, answer.json.get("code")) == (403, "foreign_origin")
    assert withdrawals(database) == 0


def test_cookie_signs_its_page_in_for_reading(page: Client) -> None:
    path = write(page, {"Origin": OWN}).headers["Location"]
    assert page.get(path, headers={"Origin": "https://evil.example.com"}).status_code == 200
    page.flask.delete_cookie(ACCESS_COOKIE)
    assert page.get(path).status_code == 401


@pytest.mark.parametrize("is_first", [True, unguarded(False, "without the header first, the cookie decides who calls")])
def test_header_goes_before_the_cookie(page: Client, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, is_first: bool) -> None:
    if not is_first:
        monkeypatch.setattr(auth, "find_token", lambda: request.cookies.get(ACCESS_COOKIE))
    path = write(page, {"Origin": OWN}).headers["Location"]
    other = {"Authorization": f"Bearer {keys.token(uuid4(), 'donor')}"}
    assert write(page, other).status_code == 201
    assert page.get(path, headers=other).status_code == 404
    assert page.get(path, headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_cookie_of_a_forged_token_is_refused(page: Client) -> None:
    page.flask.set_cookie(ACCESS_COOKIE, KnownKeys().token(uuid4(), "donor"))
    assert write(page, {"Origin": OWN}).json["code"] == "sign_in_needed"


def test_only_named_origins_may_send_cookies(database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    for allowed in (ALLOWED, "*"):
        monkeypatch.setenv("CORS_ORIGINS", allowed)
        flask = create_app("pantry", pantry_api.api, database=database, keys=keys).test_client()
        said[allowed] = flask.get("/livez", headers={"Origin": ALLOWED}).headers.get("Access-Control-Allow-Credentials")
        flask.set_cookie(ACCESS_COOKIE, keys.token(uuid4(), "donor"))
        answer = flask.post("/v1/withdrawals", json={"region": "51"}, headers={"Origin": ALLOWED})
        assert answer.status_code == (201 if allowed == ALLOWED else 403)
    assert said == {ALLOWED: "true", "*": None}


def test_document_names_the_cookie_beside_the_token(client: Client) -> None:
    document = client.get("/openapi/pantry.json").json
    assert document["components"]["securitySchemes"]["cookie"]["name"] == ACCESS_COOKIE
    assert document["paths"]["/v1/withdrawals"]["post"]["security"] == [{"token": []}, {"cookie": []}]
