"""Rules of sessions: how long they live, and uses of their refresh tokens."""

from datetime import datetime, timedelta
from typing import Literal

from chassis.problems import Problem
from users.problems import session_ended, session_revoked
from users.sessions.model import SignIn

IDLE = timedelta(days=30)
"""How long a session lives without a renewal."""
LONGEST = timedelta(days=90)
"""How long a session lives, however often it is renewed."""
REPEAT_WITHIN = timedelta(seconds=60)

Use = Literal["renew", "repeat", "repeat_late", "stolen"]


def find_refresh_problem(sign_in: SignIn, now: datetime) -> Problem | None:
    """Return the problem of a session that ended or expired; None if it goes on."""
    if sign_in.ended_at:
        return session_revoked() if sign_in.ended_because == "reuse" else session_ended()
    return session_ended() if min(sign_in.expires_at, sign_in.ends_at) < now else None


def judge_token(sign_in: SignIn, behind: int, has_key: bool, now: datetime) -> Use:
    """Judge a refresh token of the session that is `behind` renewals old.

    The current one renews the session. An older one gets the current one again: always from the client that signed in, if that client has
    a key. Without a key, only the last one does: within a minute, and once later if the answer seems lost, but not after two renewals in
    a row. Everything else is the work of a thief.
    """
    if sign_in.client_key_hash is not None:
        return "stolen" if not has_key else "repeat" if behind else "renew"
    if behind == 0:
        return "renew"
    if behind == 1 and now - sign_in.refreshed_at <= REPEAT_WITHIN:
        return "repeat"
    was_lost = behind == 1 and sign_in.repeated_renewal != sign_in.renewals - 1
    return "repeat_late" if was_lost else "stolen"
