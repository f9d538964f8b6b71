"""One's own sessions: the list, ending one, ending all; cookies of pages."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import Database
from chassis.data.offices import read_offices
from chassis.http import cookies
from chassis.http.cookies import ACCESS_COOKIE
from chassis.testing.fixtures import Client, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.users import SessionEnded, SignInEnded
from users.accounts.model import Account
from users.appointments import actions as appointments
from users.sessions import actions
from users.sessions.answers import REFRESH_COOKIE
from users.sessions.devices import device_of
from users.sessions.model import SignIn
from users.sessions.tokens import SigningKeys

from .conftest import PASSWORD, VILLAGE, donor, enter_account, pending

OWN = {"Origin": "https://duijie.example.org"}
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
Registered = Callable[[str], str]


@pytest.fixture
def number_of(client: Client) -> Registered:
    """`number_of(kind)` registers an account and returns its phone."""

    def register(kind: str) -> str:
        wanted = donor(kind=kind)
        enter_account(client, **wanted)
        return str(wanted["phone"])

    return register


def sign_in(client: Client, number: str, agent: str = CHROME, **stated: Any) -> Any:
    body = {"phone": number, "password": PASSWORD} | stated
    return client.post("/v1/sessions", body, headers=OWN | {"User-Agent": agent})


def signed(tokens: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.json['access_token']}"}


def listed(client: Client, tokens: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/v1/sessions", headers=signed(tokens)).json["items"]
    return items


def works(client: Client, tokens: Any) -> tuple[bool, bool]:
    """Tell whether the access token and the refresh token of a sign-in still work."""
    renewed = client.post("/v1/sessions/refresh", {"refresh_token": tokens.json["refresh_token"]})
    return client.get("/v1/me", headers=signed(tokens)).status_code == 200, renewed.status_code == 201


def ends(database: Database) -> list[SessionEnded]:
    return [event for event in pending(database) if isinstance(event, SessionEnded)]


def test_list_shows_ones_own_sessions_and_marks_this_one(client: Client, number_of: Registered) -> None:
    number, other = number_of("donor"), number_of("donor")
    first, second = sign_in(client, number), sign_in(client, number, "curl/8", label="村委会办公室")
    sign_in(client, other)
    items = listed(client, second)
    assert [(one["device"], one["label"], one["current"]) for one in items] == [("other", "村委会办公室", True), ("computer", None, False)]
    assert [one["current"] for one in listed(client, first)] == [False, True]
    assert set(items[0]) == {"id", "device", "label", "current", "started_at", "last_used_at", "expires_at"}
    assert client.get("/v1/sessions").status_code == 401


def test_shown_id_is_no_part_of_a_token(client: Client, database: RolledBack, number_of: Registered) -> None:
    tokens = sign_in(client, number_of("donor"))
    with database.begin() as session:
        row = session.execute(text("SELECT id, session_id FROM sign_ins")).one()
    assert listed(client, tokens)[0]["id"] == str(row.session_id) != str(row.id)


@pytest.mark.parametrize("kind", ["donor", "staff"])
def test_one_session_is_ended_and_the_others_go_on(client: Client, database: RolledBack, number_of: Registered, kind: str) -> None:
    number = number_of(kind)
    first, second = sign_in(client, number), sign_in(client, number)
    [ending] = [one["id"] for one in listed(client, second) if not one["current"]]
    for _ in range(2):
        assert client.post(f"/v1/sessions/{ending}/end", headers=signed(second)).status_code == 204
    assert works(client, first) == (kind != "staff", False)
    assert works(client, second) == (True, True)
    assert [one["current"] for one in listed(client, second)] == [True]
    assert [str(event.session_id) for event in ends(database)] == ([ending] if kind == "staff" else [])


OWNER = ", SignIn.account_id == caller.id"


@pytest.mark.parametrize("owner", [OWNER, unguarded("", "without the owner, anybody ends the sessions of others")])
def test_sessions_of_others_cannot_be_ended(client: Client, number_of: Registered, monkeypatch: pytest.MonkeyPatch, owner: str) -> None:
    monkeypatch.setattr(actions, "end_own_session", altered(actions.end_own_session, OWNER, owner))
    mine, theirs = sign_in(client, number_of("donor")), sign_in(client, number_of("donor"))
    path = f"/v1/sessions/{listed(client, theirs)[0]['id']}/end"
    assert client.post(path, headers=signed(mine)).status_code == 404
    assert client.post(f"/v1/sessions/{uuid4()}/end", headers=signed(mine)).status_code == 404
    assert works(client, theirs) == (True, True)


@pytest.mark.parametrize("keeps", [True, False])
def test_all_sessions_or_all_others_are_ended(client: Client, database: RolledBack, number_of: Registered, keeps: bool) -> None:
    number = number_of("staff")
    before, this = [sign_in(client, number) for _ in range(2)], sign_in(client, number)
    stranger = sign_in(client, number_of("staff"))
    assert client.post("/v1/sessions/end-all", {} if keeps else {"keep_current": False}, headers=signed(this)).status_code == 204
    assert [works(client, one) for one in before] == [(False, False)] * 2
    assert works(client, this) == (keeps, keeps)
    assert works(client, stranger) == (True, True)
    assert len(ends(database)) == (2 if keeps else 3)


def test_token_of_the_release_before_keeps_no_session_by_chance(client: Client, number_of: Registered, signing: SigningKeys) -> None:
    tokens = sign_in(client, number_of("donor"))
    me = client.get("/v1/me", headers=signed(tokens)).json["id"]
    claims = {"iss": "duijie", "sub": me, "kind": "donor", "exp": 2**33}
    key = signing.current().keys[0]
    old = {"Authorization": f"Bearer {jwt.encode({'alg': 'ES256', 'kid': key.kid}, claims, key)}"}
    assert client.post("/v1/sessions/end-all", {}, headers=old).json["code"] == "sign_in_needed"
    assert [one["current"] for one in client.get("/v1/sessions", headers=old).json["items"]] == [False]


PUBLISHED = "if account.kind in STAFF:"


@pytest.mark.parametrize("is_published", [True, unguarded(False, "without the event, the token of staff works on in every service")])
@pytest.mark.parametrize("because", ["password", "phone", "closed", "dismissed"])
def test_end_of_all_sessions_of_staff_counts_at_once(
    client: Client, database: RolledBack, number_of: Registered, monkeypatch: pytest.MonkeyPatch, because: str, is_published: bool
) -> None:
    if not is_published:
        monkeypatch.setattr(actions, "_end", altered(actions._end, PUBLISHED, "if False:"))
    tokens = [sign_in(client, number_of("staff"))]
    with database.begin() as session:
        account = session.scalars(select(Account)).one()
        actions.end_all_sessions(session, account, because)
        assert session.scalars(text("SELECT ended_because FROM sign_ins")).all() == [because]
    assert [works(client, one) for one in tokens] == [(False, False)]
    [event] = ends(database)
    with database.begin() as session:
        assert read_offices(session, event.user_id, event.session_id) is None


TOLD = unguarded(True, "without the event, the streams of who signed out go on until their token ends")


@pytest.mark.parametrize("is_silent", [False, TOLD])
def test_end_of_a_giver_s_session_is_told_for_their_streams(
    client: Client, database: RolledBack, number_of: Registered, monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    if is_silent:
        monkeypatch.setattr(actions, "_end", altered(actions._end, "map(events.sign_in_ended, ending)", "()"))
    first, other = (sign_in(client, number) for number in [number_of("donor")] * 2)
    with database.begin() as session:
        ids = session.scalars(select(SignIn.session_id).order_by(SignIn.session_id)).all()
    assert client.post("/v1/sessions/end", {"refresh_token": first.json["refresh_token"]}).status_code == 204
    told = [event.session_id for event in pending(database) if isinstance(event, SignInEnded)]
    assert (len(told), {*told} <= {*ids}, ends(database)) == (1, True, [])
    assert works(client, other)[1]


LAST_OFFICE = "not queries.holds_office(session, appointment.account_id)"


@pytest.mark.parametrize("ends_sessions", [True, unguarded(False, "without the end, the sessions of the dismissed go on")])
def test_dismissal_from_the_last_office_ends_all_sessions(
    client: Client, database: RolledBack, number_of: Registered, monkeypatch: pytest.MonkeyPatch, ends_sessions: bool
) -> None:
    if not ends_sessions:
        altered_act = altered(appointments._end, LAST_OFFICE, "False")
        monkeypatch.setattr(appointments, "_end", altered_act)
    county, tokens = administrator_of(database, VILLAGE[:6]), sign_in(client, number_of("staff"))
    with database.begin() as session:
        account = session.scalars(select(Account)).one()
        offices = [appointments.appoint(session, account, region, county.id).id for region in (VILLAGE[:9], VILLAGE)]
    for office, goes_on in zip(offices, (True, False), strict=True):
        assert client.post(f"/v1/appointments/{office}/dismissal", by=county).status_code == 201
        assert works(client, tokens) == (goes_on, goes_on)


def test_resigning_ends_no_session(client: Client, database: RolledBack, number_of: Registered) -> None:
    tokens = sign_in(client, number_of("staff"))
    with database.begin() as session:
        office = appointments.appoint(session, session.scalars(select(Account)).one(), VILLAGE, None).id
    assert client.post(f"/v1/appointments/{office}/dismissal", headers=signed(tokens)).status_code == 201
    assert works(client, tokens) == (True, True)


def test_sign_ins_failures_and_ends_are_in_the_audit_log(client: Client, database: RolledBack, number_of: Registered) -> None:
    number = number_of("staff")
    for wanted, password in ((number, "not-the-password"), ("13900000009", PASSWORD)):
        assert client.post("/v1/sessions", {"phone": wanted, "password": password}).status_code == 401
    first, second = sign_in(client, number), sign_in(client, number)
    client.post("/v1/sessions/end", {"refresh_token": first.json["refresh_token"]})
    with database.begin() as session:
        account, [one, other] = session.scalars(select(Account)).one(), session.scalars(select(SignIn).order_by(SignIn.session_id)).all()
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act.in_({"sign_in", "end_session"})).order_by(AuditEntry.id)).all()
    assert [(entry.act, entry.outcome, entry.subject_id, entry.person_id, entry.actor_id) for entry in entries] == [
        ("sign_in", "wrong_credentials", account.id, account.id, None),
        ("sign_in", "wrong_credentials", None, None, None),
        ("sign_in", "done", one.session_id, account.id, account.id),
        ("sign_in", "done", other.session_id, account.id, account.id),
        ("end_session", "done", one.session_id, account.id, account.id),
    ]
    assert [entry.details for entry in entries[2:]] == [{"device": "computer"}, {"device": "computer"}, {"because": "signed_out"}]
    assert second.status_code == 201


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (CHROME, "computer"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "computer"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "computer"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1", "phone"),
        ("Mozilla/5.0 (Linux; Android 14; V2304A) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0 Safari/537.36 ArkWeb/4.1", "phone"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X200) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/120 Mobile Safari/537.36 MicroMessenger/8.0.50 WeChat/arm64", "wechat"),
        ("Mozilla/5.0 (Linux; Android 14) Mobile MicroMessenger/8.0.50 MiniProgramEnv/android", "mini_program"),
        ("curl/8.5.0", "other"),
        ("", "other"),
        ("x" * 100_000 + "iPhone", "other"),
    ],
)
def test_kind_of_device_is_read_from_the_user_agent(agent: str, device: str) -> None:
    assert device_of(agent) == device


# Cookies of pages.


@pytest.fixture
def page(client: Client) -> FlaskClient:
    return client.flask


def post(page: FlaskClient, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] = OWN) -> Any:
    return page.post(path, json=body or {}, headers=headers, base_url="https://duijie.example.org")


def me(page: FlaskClient) -> int:
    return page.get("/v1/me", base_url="https://duijie.example.org").status_code


def set_cookies(answer: Any) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def test_sign_in_by_cookie_shows_no_token_to_scripts(page: FlaskClient, number_of: Registered) -> None:
    answer = post(page, "/v1/sessions", {"phone": number_of("donor"), "password": PASSWORD, "cookie": True})
    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (204, b"", "no-store")
    said = set_cookies(answer)
    for name, path in ((ACCESS_COOKIE, "/"), (REFRESH_COOKIE, "/v1/sessions")):
        attributes = set(said[name].split("; ")[1:])
        assert {"Secure", "HttpOnly", "SameSite=Strict", f"Path={path}"} <= attributes
        assert not any(one.startswith("Domain") for one in attributes)
    assert "Max-Age=900" in said[ACCESS_COOKIE]
    assert me(page) == 200


def test_session_by_cookie_is_renewed_and_ended(page: FlaskClient, number_of: Registered) -> None:
    post(page, "/v1/sessions", {"phone": number_of("donor"), "password": PASSWORD, "cookie": True})
    page.delete_cookie(ACCESS_COOKIE, domain="duijie.example.org")
    assert me(page) == 401
    assert post(page, "/v1/sessions/refresh").status_code == 204
    assert me(page) == 200
    ended = post(page, "/v1/sessions/end")
    assert ended.status_code == 204
    assert all("Max-Age=0" in line for line in set_cookies(ended).values())
    assert me(page) == 401
    assert post(page, "/v1/sessions/refresh").json["code"] == "session_ended"


def test_tabs_of_a_page_share_one_session(client: Client, page: FlaskClient, number_of: Registered) -> None:
    post(page, "/v1/sessions", {"phone": number_of("donor"), "password": PASSWORD, "cookie": True})
    stale = page.get_cookie(REFRESH_COOKIE, domain="duijie.example.org", path="/v1/sessions")
    assert stale
    for _ in range(3):
        assert post(page, "/v1/sessions/refresh").status_code == 204
    current = page.get_cookie(REFRESH_COOKIE, domain="duijie.example.org", path="/v1/sessions")
    page.set_cookie(REFRESH_COOKIE, stale.value, domain="duijie.example.org", path="/v1/sessions", secure=True)
    assert post(page, "/v1/sessions/refresh").status_code == 204
    again = page.get_cookie(REFRESH_COOKIE, domain="duijie.example.org", path="/v1/sessions")
    assert current
    assert again
    assert current.value == again.value != stale.value


def test_token_of_a_cookie_without_its_key_ends_the_session(client: Client, page: FlaskClient, number_of: Registered) -> None:
    post(page, "/v1/sessions", {"phone": number_of("donor"), "password": PASSWORD, "cookie": True})
    cookie = page.get_cookie(REFRESH_COOKIE, domain="duijie.example.org", path="/v1/sessions")
    assert cookie
    assert client.post("/v1/sessions/refresh", {"refresh_token": cookie.value.partition(".")[0]}).json["code"] == "session_revoked"
    refused = post(page, "/v1/sessions/refresh")
    assert refused.json["code"] == "session_revoked"
    assert set(set_cookies(refused)) == {ACCESS_COOKIE, REFRESH_COOKIE}


@pytest.mark.parametrize("is_checked", [True, unguarded(False, "without the look at the origin, pages of others sign in and out")])
@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sessions/refresh", "/v1/sessions/end", "/v1/sessions/end-all"])
def test_pages_of_others_change_no_session(
    page: FlaskClient, database: RolledBack, number_of: Registered, monkeypatch: pytest.MonkeyPatch, path: str, is_checked: bool
) -> None:
    wanted = {"phone": number_of("donor"), "password": PASSWORD, "cookie": True}
    post(page, "/v1/sessions", wanted)
    if not is_checked:
        monkeypatch.setattr(cookies, "check_origin", lambda: None)
    for origin in ("https://evil.example.com", "null", ""):
        answer = post(page, path, wanted if path == "/v1/sessions" else None, headers={"Origin": origin} if origin else {})
        assert (answer.status_code, (answer.json or {}).get("code")) == (403, "foreign_origin")
        assert set_cookies(answer) == {}
    with database.begin() as session:
        assert session.execute(text("SELECT renewals, ended_at FROM sign_ins")).all() == [(0, None)]


def test_ending_this_session_deletes_its_cookies(page: FlaskClient, number_of: Registered) -> None:
    wanted = {"phone": number_of("staff"), "password": PASSWORD, "cookie": True}
    for path, body in (("end-all", {"keep_current": False}), ("", {})):
        post(page, "/v1/sessions", wanted)
        [this] = [one["id"] for one in page.get("/v1/sessions", base_url="https://duijie.example.org").json["items"] if one["current"]]
        assert set(set_cookies(post(page, f"/v1/sessions/{path or f'{this}/end'}", body))) == {ACCESS_COOKIE, REFRESH_COOKIE}
        assert me(page) == 401


@pytest.mark.parametrize("stated", [{"client_key": "short"}, {"client_key": "k" * 101}, {"label": "x" * 51}, {"cookie": "true"}])
def test_malformed_statement_about_the_client_is_refused(client: Client, number_of: Registered, stated: dict[str, Any]) -> None:
    assert sign_in(client, number_of("donor"), **stated).json["code"] == "invalid"
