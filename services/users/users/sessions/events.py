"""Events of sessions."""

from typing import Any

from contracts.users import SessionEnded, SignInEnded
from users.sessions.model import SignIn


def session_ended(sign_in: SignIn) -> SessionEnded:
    """Make the event of a session of staff that ended. Raises ValueError if it goes on."""
    return SessionEnded(version=1, **_facts_of(sign_in))


def sign_in_ended(sign_in: SignIn) -> SignInEnded:
    """Make the event of anybody else's session that ended. Raises ValueError if it goes on."""
    return SignInEnded(version=1, **_facts_of(sign_in))


def _facts_of(sign_in: SignIn) -> dict[str, Any]:
    if sign_in.ended_at is None:
        raise ValueError("the session goes on")
    return {"session_id": sign_in.session_id, "user_id": sign_in.account_id, "ended_at": sign_in.ended_at}
