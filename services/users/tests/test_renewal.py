"""Renewing sessions: two tabs, a sleeping tab, a lost answer; and thieves of refresh tokens."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing.fixtures import Client, RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.users import SessionEnded
from users.sessions import actions, rules
from users.sessions.model import SignIn
from users.sessions.refresh_tokens import RefreshToken, find_current
from users.sessions.rules import find_refresh_problem, judge_token

from .conftest import PASSWORD, donor, enter_account, pending

KEY = "a-key-of-the-client-that-signed-in"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
Renew = Callable[[str], Any]


@pytest.fixture
def number(client: Client) -> str:
    wanted = donor()
    enter_account(client, **wanted)
    return str(wanted["phone"])


def sign_in(client: Client, number: str, key: str | None = KEY) -> str:
    stated = {"phone": number, "password": PASSWORD} | ({"client_key": key} if key else {})
    return str(client.post("/v1/sessions", stated).json["refresh_token"])


def renewing(client: Client, key: str | None = KEY) -> Renew:
    """Return a function that renews with a token, and returns the next token or the code of the refusal."""

    def renew(token: str) -> Any:
        answer = client.post("/v1/sessions/refresh", {"refresh_token": token} | ({"client_key": key} if key else {}))
        return answer.json["refresh_token"] if answer.status_code == 201 else answer.json["code"]

    return renew


def pass_time(database: Database, seconds: float) -> None:
    columns = ("started_at", "refreshed_at", "expires_at", "ends_at")
    moved = ", ".join(f"{column} = {column} - :seconds * interval '1 second'" for column in columns)
    with database.begin() as session:
        session.execute(text(f"UPDATE sign_ins SET {moved}"), {"seconds": seconds})


def renewed_often(client: Client, database: Database, key: str | None, number: str, times: int) -> list[str]:
    """Sign in and renew with the current token a quarter of an hour apart; return all tokens."""
    tokens = [sign_in(client, number, key)]
    for _ in range(times):
        pass_time(database, 900)
        tokens.append(renewing(client, key)(tokens[-1]))
    return tokens


# Honest clients.


@pytest.mark.parametrize("key", [KEY, None])
def test_each_renewal_gives_the_next_token(client: Client, database: RolledBack, number: str, key: str | None) -> None:
    tokens = renewed_often(client, database, key, number, 3)
    assert len(set(tokens)) == 4


@pytest.mark.parametrize("key", [KEY, None])
def test_two_tabs_at_once_get_the_same_token(client: Client, number: str, key: str | None) -> None:
    first, renew = sign_in(client, number, key), renewing(client, key)
    second, again = renew(first), renew(first)
    assert second == again != first
    third = renew(second)
    assert third not in {first, second, "session_revoked"}


SAME_CLIENT = 'return "stolen" if not has_key else "repeat" if behind else "renew"'


@pytest.mark.parametrize("rule", [SAME_CLIENT, unguarded("pass", "without the key, a tab that slept ends the session")])
@pytest.mark.parametrize("renewals", [1, 5, 40])
def test_tab_that_slept_gets_the_current_token(
    client: Client, database: RolledBack, number: str, monkeypatch: pytest.MonkeyPatch, renewals: int, rule: str
) -> None:
    monkeypatch.setattr(rules, "judge_token", altered(judge_token, SAME_CLIENT, rule))
    tokens, renew = renewed_often(client, database, KEY, number, renewals), renewing(client)
    pass_time(database, 61)
    assert renew(tokens[0]) == tokens[-1]
    pass_time(database, 900)
    following = renew(tokens[-1])
    assert renew(tokens[0]) == following
    assert following not in {*tokens, "session_revoked", "session_ended"}


@pytest.mark.parametrize("key", [KEY, None])
def test_answer_that_was_lost_is_given_again_later(client: Client, database: RolledBack, number: str, key: str | None) -> None:
    first, renew = sign_in(client, number, key), renewing(client, key)
    lost = renew(first)
    for seconds in (30, 300, 3000):
        pass_time(database, seconds)
        assert renew(first) == lost
    assert renew(lost) not in {first, lost, "session_revoked"}


def test_answers_lost_now_and_then_end_nothing(client: Client, database: RolledBack, number: str) -> None:
    token, renew = sign_in(client, number, None), renewing(client, None)
    for _ in range(3):
        lost = renew(token)
        pass_time(database, 300)
        assert renew(token) == lost
        token = renew(renew(lost))
        assert len(token) == 64


# Thieves.


def test_thief_with_an_old_token_ends_the_session(client: Client, database: RolledBack, number: str) -> None:
    tokens = renewed_often(client, database, None, number, 2)
    other = sign_in(client, number, None)
    for token in (tokens[0], tokens[2], tokens[0]):
        assert renewing(client, None)(token) == "session_revoked"
    assert len(renewing(client, None)(other)) == 64


@pytest.mark.parametrize("rule", [SAME_CLIENT, unguarded("pass", "without the key, a stolen current token serves the thief")])
@pytest.mark.parametrize("key", [None, "a-key-that-the-thief-has-guessed"])
@pytest.mark.parametrize("behind", [0, 1])
def test_thief_without_the_key_ends_the_session(
    client: Client, database: RolledBack, number: str, monkeypatch: pytest.MonkeyPatch, behind: int, key: str | None, rule: str
) -> None:
    monkeypatch.setattr(rules, "judge_token", altered(judge_token, SAME_CLIENT, rule))
    tokens = renewed_often(client, database, KEY, number, 2)
    assert renewing(client, key)(tokens[-1 - behind]) == "session_revoked"
    assert renewing(client)(tokens[-1]) == "session_revoked"


NOT_TWICE = "behind == 1 and sign_in.repeated_renewal != sign_in.renewals - 1"


@pytest.mark.parametrize("rule", [NOT_TWICE, unguarded("behind == 1", "without the memory, thief and owner share a session for good")])
def test_thief_that_keeps_pace_is_found_at_the_second_try(
    client: Client, database: RolledBack, number: str, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    monkeypatch.setattr(rules, "judge_token", altered(judge_token, NOT_TWICE, rule))
    thief = owner = sign_in(client, number, None)
    renew = renewing(client, None)
    for _ in range(2):
        owner = renew(owner)
        pass_time(database, 450)
        thief = renew(thief)
        pass_time(database, 450)
    assert (thief, renew(owner)) == ("session_revoked", "session_revoked")


FORGED = "    if known is None:\n        return session_ended()\n    current, behind = known"


@pytest.mark.parametrize(
    "guard", [FORGED, unguarded("    current, behind = known or (token, 9)", "without the chain, whoever knows an id ends the session")]
)
def test_token_that_never_was_one_ends_nothing(client: Client, number: str, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(actions, "renew_session", altered(actions.renew_session, FORGED, guard))
    token = sign_in(client, number, None)
    forged = urlsafe_b64encode(urlsafe_b64decode(token)[:16] + b"x" * 32).decode()
    assert renewing(client, None)(forged) == "session_ended"
    assert len(renewing(client, None)(token)) == 64


def test_end_of_a_session_of_staff_by_a_thief_is_published(client: Client, database: RolledBack) -> None:
    wanted = donor(kind="staff")
    enter_account(client, **wanted)
    for key in (KEY, None):
        assert renewing(client, None if key else KEY)(sign_in(client, wanted["phone"], key))
    ended = [event for event in pending(database) if isinstance(event, SessionEnded)]
    with database.begin() as session:
        rows = session.execute(text("SELECT session_id, ended_because FROM sign_ins WHERE ended_at IS NOT NULL")).all()
    assert [(event.session_id, "reuse") for event in ended] == [tuple(row) for row in rows]
    assert len(ended) == 1


# The end of a session.


def test_session_lives_for_thirty_idle_days(client: Client, database: RolledBack, number: str) -> None:
    renew = renewing(client)
    token = sign_in(client, number)
    pass_time(database, 30 * 86_400 - 60)
    following = renew(token)
    pass_time(database, 30 * 86_400 + 1)
    assert renew(following) == "session_ended"


CAP = "min(at + rules.IDLE, renewed.ends_at)"


@pytest.mark.parametrize("is_checked", [True, unguarded(False, "without its end, a session lives as long as it is renewed")])
def test_session_lives_for_ninety_days_at_most(
    client: Client, database: RolledBack, number: str, monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    if not is_checked:
        monkeypatch.setattr(actions, "renew_session", altered(actions.renew_session, CAP, "at + rules.IDLE"))
        look = altered(find_refresh_problem, "min(sign_in.expires_at, sign_in.ends_at)", "sign_in.expires_at")
        monkeypatch.setattr(rules, "find_refresh_problem", look)
    token, renew = sign_in(client, number), renewing(client)
    for _ in range(4):
        pass_time(database, 22 * 86_400)
        token = renew(token)
        assert len(token) == 64
    pass_time(database, 2 * 86_400 - 300)
    answer = client.post("/v1/sessions/refresh", {"refresh_token": token, "client_key": KEY})
    assert 290 <= answer.json["expires_in"] <= 300, "an access token does not outlive its session"
    pass_time(database, 301)
    assert renew(answer.json["refresh_token"]) == "session_ended"


# Without a database.


def known(**stated: Any) -> SignIn:
    return SignIn(**{"renewals": 5, "refreshed_at": NOW, "client_key_hash": None, "repeated_renewal": None} | stated)


@pytest.mark.parametrize(
    ("behind", "seconds", "repeated", "use"),
    [
        (0, 9999, None, "renew"),
        (1, 0, None, "repeat"),
        (1, 60, 4, "repeat"),
        (1, 61, None, "repeat_late"),
        (1, 61, 5, "repeat_late"),
        (1, 61, 3, "repeat_late"),
        (1, 61, 4, "stolen"),
        (2, 0, None, "stolen"),
    ],
)
def test_token_without_a_key_is_judged_by_its_age(behind: int, seconds: int, repeated: int | None, use: str) -> None:
    assert judge_token(known(repeated_renewal=repeated), behind, False, NOW + timedelta(seconds=seconds)) == use


@pytest.mark.parametrize(
    ("behind", "has_key", "use"), [(0, True, "renew"), (7, True, "repeat"), (0, False, "stolen"), (7, False, "stolen")]
)
def test_token_with_a_key_is_judged_by_the_key(behind: int, has_key: bool, use: str) -> None:
    assert judge_token(known(client_key_hash=b"hash"), behind, has_key, NOW + timedelta(days=9)) == use


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"expires_at": NOW}, None),
        ({"expires_at": NOW - timedelta(seconds=1)}, "session_ended"),
        ({"ends_at": NOW - timedelta(seconds=1)}, "session_ended"),
        ({"ended_at": NOW, "ended_because": "signed_out"}, "session_ended"),
        ({"ended_at": NOW, "ended_because": "reuse"}, "session_revoked"),
    ],
)
def test_ended_or_expired_session_is_refused(changes: dict[str, Any], code: str | None) -> None:
    later = NOW + timedelta(days=1)
    refusal = find_refresh_problem(known(**{"expires_at": later, "ends_at": later} | changes), NOW)
    assert (refusal.code if refusal else None) == code


def test_any_earlier_token_leads_to_the_current_one() -> None:
    tokens, salt = [RefreshToken.new(UUID(int=7))], b"salt"
    for _ in range(100):
        tokens.append(tokens[-1].next(salt))
    for behind in (0, 1, 50, 100):
        assert find_current(tokens[-1 - behind], salt, tokens[-1].digest(), 100) == (tokens[-1], behind)
    assert find_current(tokens[0], salt, tokens[-1].digest(), 99) is None
    assert find_current(tokens[-1].next(salt), salt, tokens[-1].digest(), 100) is None
    assert find_current(tokens[0], b"other", tokens[-1].digest(), 100) is None


def test_database_reveals_no_refresh_token(client: Client, database: RolledBack, number: str) -> None:
    tokens = renewed_often(client, database, KEY, number, 2)
    with database.begin() as session:
        row = session.execute(text("SELECT * FROM sign_ins")).one()
    stored = [bytes(value) for value in row if isinstance(value, bytes | memoryview)]
    assert not {urlsafe_b64decode(token)[16:] for token in tokens} & set(stored)
    assert KEY.encode() not in stored
    assert all(len(value) == 32 for value in stored)
