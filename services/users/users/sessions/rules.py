"""Rules of sessions: waiting after wrong passwords, uses of a refresh token. No rule needs a database."""

from datetime import datetime, timedelta
from typing import Literal

from chassis.problems import Problem
from users.problems import session_ended, session_revoked, too_many_attempts
from users.sessions.model import SignIn

MOST_WRONG_PASSWORDS = 10
WRONG_PASSWORDS_COUNT_FOR = timedelta(minutes=15)
REPEAT_WITHIN = timedelta(seconds=10)


def find_sign_in_problem(wrong_passwords: int, since: datetime, now: datetime) -> Problem | None:
    """Return the problem of a phone with ten wrong passwords within a quarter of an hour, or None if it may sign in.

    The problem states the seconds to wait.
    """
    left = since + WRONG_PASSWORDS_COUNT_FOR - now
    if wrong_passwords < MOST_WRONG_PASSWORDS or left <= timedelta(0):
        return None
    return too_many_attempts(retry_after_seconds=max(1, round(left.total_seconds())))


def find_refresh_problem(sign_in: SignIn, now: datetime) -> Problem | None:
    """Return the problem of a sign-in that ended or expired; None if it goes on."""
    if sign_in.ended_at:
        return session_revoked() if sign_in.ended_because == "reuse" else session_ended()
    return session_ended() if sign_in.expires_at < now else None


def use_of_token(sign_in: SignIn, token_hash: bytes, now: datetime) -> Literal["first", "repeated", "reused"]:
    """Classify the use of a token: `first` of the present one, `repeated` within ten seconds, else `reused`, as by a thief."""
    if token_hash == sign_in.token_hash:
        return "first"
    is_last = token_hash == sign_in.replaced_hash
    return "repeated" if is_last and now - sign_in.refreshed_at <= REPEAT_WITHIN else "reused"
