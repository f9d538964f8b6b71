"""The second factor of administrators: set up, given, lost, guessed, replayed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyotp
import pytest
from joserfc import jwt
from marshmallow import ValidationError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data import appointments
from chassis.data.audit_log import AuditEntry
from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.users import AdministratorAppointed
from users.reset_second_factor import reset_second_factor
from users.second_factor import actions, rules
from users.second_factor.model import SecondFactor
from users.sessions.tokens import SigningKeys

from .conftest import PASSWORD, VILLAGE, client_of, person_of, phone

SECRET = "JBSWY3DPEHPK3PXP" * 2
AT = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)


class Clock:
    """The time that the actions see."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def code(self, secret: str, steps: int = 0) -> str:
        return pyotp.TOTP(secret).generate_otp(rules.step_at(self.at) + steps)


class SignedIn:
    """Somebody with an access token of a real sign-in."""

    def __init__(self, client: Client, number: str) -> None:
        self.client = client
        self.tokens = client.post("/v1/sessions", {"phone": number, "password": PASSWORD}).json
        self.token = self.tokens["access_token"]
        self.id = UUID(client.flask.get("/v1/me", headers=self.headers).json["id"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str) -> Any:
        return self.client.flask.get(path, headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.flask.post(path, json=body or {}, headers=self.headers)

    def give(self, **body: str) -> Any:
        return self.post("/v1/sessions/second-factor", body)


def appoint(database: Database, account_id: Any, region: str) -> None:
    event = AdministratorAppointed(
        version=1, appointment_id=new_id(), user_id=account_id, region=region, appointed_by=None, appointed_at=datetime.now(UTC)
    )
    with database.begin() as session:
        appointments.record(session, [event])


def sign_in_town(client: Client, database: Database, region: str = VILLAGE[:9]) -> SignedIn:
    number = phone()
    person = person_of(client, kind="staff", phone=number)
    appoint(database, person.id, region)
    return SignedIn(client, number)


def set_up(town: SignedIn, clock: Clock) -> tuple[str, list[str]]:
    """Set a second factor up with the code before the present one; return its secret and recovery codes."""
    secret = town.post("/v1/me/second-factor").json["secret"]
    answer = town.post("/v1/me/second-factor/confirmation", {"code": clock.code(secret, -1)})
    assert answer.status_code == 201, answer.json
    return secret, answer.json["recovery_codes"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(actions, "now", made)
    return made


@pytest.fixture
def town(client: Client, database: RolledBack) -> SignedIn:
    return sign_in_town(client, database)


def state_of(town: SignedIn) -> tuple[Any, ...]:
    found = town.get("/v1/me/second-factor").json
    return found["state"], found["recovery_codes_left"], found["is_needed"], found["is_given"], town.get("/v1/me").json["second_factor"]


def test_second_factor_is_set_up_and_given(client: Client, town: SignedIn, clock: Clock) -> None:
    wanted = {"name": "欧阳守田", "national_id": "11010519491231002X", "region": VILLAGE}
    assert town.post("/v1/households", wanted).json["code"] == "second_factor_needed"
    assert state_of(town) == ("none", 0, True, False, "needed")
    offered = town.post("/v1/me/second-factor")
    secret = offered.json["secret"]
    assert offered.status_code == 201
    assert offered.headers["Cache-Control"] == "no-store"
    assert pyotp.parse_uri(offered.json["otpauth_uri"]).secret == secret
    assert state_of(town) == ("offered", 0, True, False, "needed")
    confirmed = town.post("/v1/me/second-factor/confirmation", {"code": clock.code(secret)})
    assert confirmed.status_code == 201, confirmed.json
    assert len(set(confirmed.json["recovery_codes"])) == rules.RECOVERY_CODES
    assert town.post("/v1/households", wanted).status_code == 403
    town.token = confirmed.json["access_token"]
    assert state_of(town) == ("confirmed", 10, False, True, "given")
    assert town.post("/v1/households", wanted).status_code == 201


def test_refreshed_token_keeps_the_second_factor(client: Client, town: SignedIn, clock: Clock) -> None:
    secret, _ = set_up(town, clock)
    town.token = client.post("/v1/sessions/refresh", {"refresh_token": town.tokens["refresh_token"]}).json["access_token"]
    assert state_of(town)[4] == "given"
    assert town.give(code=clock.code(secret)).status_code == 201


def test_another_sign_in_gives_it_anew(client: Client, database: RolledBack, signing: SigningKeys, clock: Clock) -> None:
    number = phone()
    person = person_of(client, kind="staff", phone=number)
    appoint(database, person.id, "510903")
    secret, _ = set_up(SignedIn(client, number), clock)
    later = SignedIn(client, number)
    assert state_of(later)[4] == "needed"
    later.token = later.give(code=clock.code(secret)).json["access_token"]
    claims = jwt.decode(later.token, signing.current(), algorithms=["ES256"]).claims
    assert (claims["sub"], claims["mfa"]) == (str(later.id), int(clock.at.timestamp()))
    assert state_of(later)[4] == "given"


REPLAY = "factor.last_step is not None and step <= factor.last_step"


@pytest.mark.parametrize("condition", [REPLAY, unguarded("False", "without the last step, a code that was seen opens a second sign-in")])
def test_used_code_and_earlier_ones_are_refused(town: SignedIn, clock: Clock, monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    monkeypatch.setattr(actions, "give_second_factor", altered(actions.give_second_factor, REPLAY, condition))
    secret, _ = set_up(town, clock)
    assert town.give(code=clock.code(secret)).status_code == 201
    for steps in (0, -1):
        answer = town.give(code=clock.code(secret, steps))
        assert (answer.status_code, answer.json.get("code")) == (409, "used_code")
        assert 1 <= int(answer.headers["Retry-After"]) <= 30
    clock.at += timedelta(seconds=30)
    assert town.give(code=clock.code(secret)).status_code == 201


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_code_counts_one_period_early_or_late(steps: int, is_right: bool) -> None:
    code = pyotp.TOTP(SECRET).generate_otp(rules.step_at(AT) + steps)
    assert rules.find_step(SECRET, code, AT) == (rules.step_at(AT) + steps if is_right else None)


@pytest.mark.parametrize(
    ("wrong", "seconds_ago", "waits"),
    [(4, 0, None), (5, 0, 60), (5, 59, 1), (5, 60, None), (6, 0, 120), (8, 0, 480), (11, 0, 3600), (99, 0, 3600), (99, 3600, None)],
)
def test_delay_doubles_after_five_wrong_codes(wrong: int, seconds_ago: int, waits: int | None) -> None:
    problem = rules.find_delay_problem(SecondFactor(wrong_codes=wrong, wrong_at=AT - timedelta(seconds=seconds_ago)), AT)
    assert (problem.retry_after_seconds if problem else None) == waits


DELAY = """    if problem := rules.find_delay_problem(factor, at):
        return problem
"""


@pytest.mark.parametrize("guard", [DELAY, unguarded("", "without the delay, a guesser tries a million codes")])
def test_guesses_are_delayed_and_a_right_code_waits_too(town: SignedIn, clock: Clock, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(actions, "give_second_factor", altered(actions.give_second_factor, DELAY, guard))
    secret, recovery_codes = set_up(town, clock)
    wrong = next(code for code in ("000000", "111111", "222222", "333333") if rules.find_step(secret, code, clock.at) is None)
    answers = [town.give(code=wrong) for _ in range(6)]
    assert [answer.json.get("code") for answer in answers] == ["wrong_code"] * 5 + ["too_many_wrong_codes"]
    assert answers[-1].headers["Retry-After"] == "60"
    for body in ({"code": clock.code(secret)}, {"recovery_code": recovery_codes[0]}):
        assert town.give(**body).status_code == 429
    clock.at += timedelta(seconds=60)
    assert town.give(code=wrong).json["code"] == "wrong_code"
    assert town.give(code=clock.code(secret)).headers["Retry-After"] == "120"
    clock.at += timedelta(seconds=120)
    assert town.give(code=clock.code(secret)).status_code == 201
    assert town.give(code=wrong).json["code"] == "wrong_code"


def test_recovery_code_counts_once(town: SignedIn, clock: Clock, database: RolledBack) -> None:
    _, codes = set_up(town, clock)
    assert town.give(recovery_code=codes[3].lower()).status_code == 201
    assert town.give(recovery_code=codes[3]).json["code"] == "wrong_code"
    assert state_of(town)[1] == 9
    with database.begin() as session:
        stored = session.execute(text("SELECT code_fingerprint FROM recovery_codes")).scalars().all()
    assert not any(code.replace("-", "").encode() in bytes(one) for one in stored for code in codes)


def test_recovery_codes_are_renewed_in_a_sign_in_with_it(town: SignedIn, clock: Clock) -> None:
    secret, codes = set_up(town, clock)
    assert town.post("/v1/me/second-factor/recovery-codes").json["code"] == "second_factor_needed"
    town.token = town.give(code=clock.code(secret)).json["access_token"]
    renewed = town.post("/v1/me/second-factor/recovery-codes").json["recovery_codes"]
    assert len(set(renewed) | set(codes)) == 20
    assert town.give(recovery_code=codes[0]).json["code"] == "wrong_code"
    assert town.give(recovery_code=renewed[0]).status_code == 201


REPLACING = "factor.secret and not caller.gave_second_factor"


@pytest.mark.parametrize("condition", [REPLACING, unguarded("False", "without the guard, a stolen password sets up another factor")])
def test_second_factor_is_replaced_in_a_sign_in_with_it_only(
    town: SignedIn, clock: Clock, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    monkeypatch.setattr(actions, "offer_second_factor", altered(actions.offer_second_factor, REPLACING, condition))
    secret, _ = set_up(town, clock)
    assert town.post("/v1/me/second-factor").json.get("code") == "second_factor_needed"
    town.token = town.give(code=clock.code(secret)).json["access_token"]
    other = town.post("/v1/me/second-factor").json["secret"]
    clock.at += timedelta(seconds=30)
    assert town.give(code=clock.code(secret)).status_code == 201
    assert town.post("/v1/me/second-factor/confirmation", {"code": clock.code(other)}).status_code == 201
    clock.at += timedelta(seconds=30)
    assert town.give(code=clock.code(secret)).json["code"] == "wrong_code"
    assert town.give(code=clock.code(other)).status_code == 201


def test_nothing_is_given_before_it_is_set_up(town: SignedIn, clock: Clock) -> None:
    for path, body in (
        ("/v1/sessions/second-factor", {"code": "123456"}),
        ("/v1/me/second-factor/confirmation", {"code": "123456"}),
        ("/v1/me/second-factor/recovery-codes", {}),
    ):
        answer = town.post(path, body)
        assert (answer.status_code, answer.json["code"]) == (409, "no_second_factor")


@pytest.mark.parametrize("body", [{}, {"code": "12345"}, {"code": "123456", "recovery_code": "A" * 24}, {"recovery_code": "A" * 23}])
def test_malformed_code_is_refused(town: SignedIn, body: dict[str, str]) -> None:
    assert town.give(**body).json["code"] == "invalid"


def test_ended_sign_in_takes_no_second_factor(client: Client, town: SignedIn, clock: Clock) -> None:
    secret, _ = set_up(town, clock)
    client.post("/v1/sessions/end", {"refresh_token": town.tokens["refresh_token"]})
    assert town.give(code=clock.code(secret)).status_code == 401


def test_secret_is_encrypted(town: SignedIn, clock: Clock, database: RolledBack) -> None:
    secret, _ = set_up(town, clock)
    with database.begin() as session:
        assert secret.encode() not in bytes(session.execute(text("SELECT secret FROM second_factors")).scalar_one())


def test_wider_administrator_removes_it_and_sign_ins_lose_it(client: Client, database: RolledBack, town: SignedIn, clock: Clock) -> None:
    set_up(town, clock)
    path = f"/v1/accounts/{town.id}/second-factor/removal"
    assert client.post(path, {"reason": "lost"}, by=administrator_of(database, "510903")).status_code == 204
    town.token = client.post("/v1/sessions/refresh", {"refresh_token": town.tokens["refresh_token"]}).json["access_token"]
    assert state_of(town) == ("none", 0, True, False, "needed")
    set_up(town, clock)
    assert client.post(path, {"reason": "lost"}, by=administrator_of(database, "")).status_code == 204
    answer = client.post(path, {"reason": "lost"}, by=administrator_of(database, ""))
    assert (answer.status_code, answer.json["code"]) == (409, "no_second_factor")


@pytest.mark.parametrize(
    ("regions", "others", "code"),
    [
        (["5109"], ["510903"], None),
        ([""], ["510903", "44"], None),
        (["5109"], ["510903", "44"], "not_allowed"),
        (["510903"], ["510903"], "not_allowed"),
        (["5107"], ["510903"], "not_found"),
        ([VILLAGE], ["510903"], "not_found"),
        ([""], [], "not_found"),
        ([], ["510903"], "not_found"),
    ],
)
def test_only_wider_administrators_remove_it(regions: list[str], others: list[str], code: str | None) -> None:
    caller = Caller(new_id(), "staff", Session())
    vars(caller)["regions"] = regions
    problem = rules.find_removal_problem(caller, new_id(), others)
    assert (problem.code if problem else None) == code
    own = rules.find_removal_problem(caller, caller.id, others)
    assert own is not None
    assert own.code == "not_allowed"


def test_removal_after_misuse_ends_all_sessions(client: Client, database: RolledBack, town: SignedIn, clock: Clock) -> None:
    set_up(town, clock)
    path = f"/v1/accounts/{town.id}/second-factor/removal"
    county = administrator_of(database, "510903")
    assert client.post(path, {"reason": "misuse"}, by=county).status_code == 204
    with database.begin() as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.act == "remove_second_factor")).one()
    assert (kept.actor_id, str(kept.person_id), kept.details) == (county.id, str(town.id), {"reason": "misuse"})
    assert kept.region == VILLAGE[:9]
    assert town.get("/v1/me").status_code == 401
    assert client.post("/v1/sessions/refresh", {"refresh_token": town.tokens["refresh_token"]}).json["code"] == "session_ended"


def test_page_gets_the_second_factor_in_its_cookie(client: Client, database: RolledBack, clock: Clock) -> None:
    number = phone()
    person = person_of(client, kind="staff", phone=number)
    appoint(database, person.id, "510903")
    secret, _ = set_up(SignedIn(client, number), clock)
    page, base = client.flask, "https://duijie.example.org"
    origin = {"Origin": base}
    signed_in = page.post("/v1/sessions", json={"phone": number, "password": PASSWORD, "cookie": True}, headers=origin, base_url=base)
    assert signed_in.status_code == 204
    answer = page.post("/v1/sessions/second-factor", json={"code": clock.code(secret)}, headers=origin, base_url=base)
    assert (answer.status_code, answer.json) == (201, {})
    assert page.get("/v1/me/second-factor", base_url=base).json["is_given"] is True


def test_removal_by_password_alone_is_refused(client: Client, database: RolledBack, town: SignedIn, clock: Clock) -> None:
    set_up(town, clock)
    county = administrator_of(database, "510903")
    county.claims = {}
    answer = client.post(f"/v1/accounts/{town.id}/second-factor/removal", {"reason": "lost"}, by=county)
    assert answer.json["code"] == "second_factor_needed"


def test_others_have_no_second_factor(client: Client) -> None:
    for person, status in ((Person("donor"), 403), (None, 401)):
        assert client.post("/v1/me/second-factor", by=person).status_code == status
        assert client.post("/v1/sessions/second-factor", {"code": "123456"}, by=person).status_code == status


@pytest.fixture(scope="module")
def committed(database_of: Callable[[str, str], str]) -> Any:
    database = Database(database_of("users", "users_second_factor"), name="tests")
    yield database
    database.close()


LOCK = "account_id, with_for_update=True"


@pytest.mark.parametrize("lock", [LOCK, unguarded("account_id", "without the lock, two sign-ins share one code")])
def test_of_two_uses_of_a_code_that_meet_one_counts(
    committed: Database, signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, clock: Clock, lock: str
) -> None:
    town = sign_in_town(client_of(committed, signing), committed)
    secret, _ = set_up(town, clock)
    monkeypatch.setattr(actions, "_lock", altered(actions._lock, LOCK, lock))
    clients = [client_of(committed, signing).flask for _ in range(2)]
    body = {"code": clock.code(secret)}
    acts = [lambda client=client: client.post("/v1/sessions/second-factor", json=body, headers=town.headers) for client in clients]
    answers = meet_at_lock(committed, text("SELECT FROM second_factors WHERE account_id = :id FOR UPDATE"), acts, id=town.id)
    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_simultaneous_guesses_are_counted_one_by_one(committed: Database, signing: SigningKeys, clock: Clock) -> None:
    town = sign_in_town(client_of(committed, signing), committed)
    set_up(town, clock)
    clients = [client_of(committed, signing).flask for _ in range(8)]
    body = {"recovery_code": "A" * 24}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.post("/v1/sessions/second-factor", json=body, headers=town.headers), clients))
    assert sorted(answer.status_code for answer in answers) == [422] * 5 + [429] * 3


def test_command_removes_a_lost_second_factor(client: Client, database: RolledBack, clock: Clock) -> None:
    number = phone()
    country = person_of(client, kind="staff", phone=number)
    appoint(database, country.id, "")
    signed_in = SignedIn(client, number)
    set_up(signed_in, clock)
    with database.begin() as session:
        assert reset_second_factor(session, number).id == signed_in.id
    assert state_of(signed_in)[0] == "none"
    with database.begin() as session, pytest.raises(ValidationError):
        reset_second_factor(session, number)


def test_code_changes_as_often_as_apps_change_it(town: SignedIn) -> None:
    offered = town.post("/v1/me/second-factor").json
    assert pyotp.TOTP(offered["secret"]).interval == rules.PERIOD_SECONDS == 30
    assert pyotp.parse_uri(offered["otpauth_uri"]).interval == rules.PERIOD_SECONDS  # type: ignore[union-attr]
