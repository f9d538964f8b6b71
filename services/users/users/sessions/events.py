"""Events of sessions."""

from contracts.users import SessionEnded
from users.sessions.model import SignIn


def session_ended(sign_in: SignIn) -> SessionEnded:
    """Make the event of a session of staff that ended. Raises ValueError if it goes on."""
    if sign_in.ended_at is None:
        raise ValueError("the session goes on")
    return SessionEnded(version=1, session_id=sign_in.session_id, user_id=sign_in.account_id, ended_at=sign_in.ended_at)
