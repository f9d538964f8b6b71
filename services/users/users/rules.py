"""Rules of users: appointing and dismissing, waiting after wrong passwords, uses of a refresh token. No rule needs a database."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.model import Appointment, SignIn
from users.problems import outside_region, own_appointment, session_ended, session_revoked, too_many_attempts

MOST_WRONG_PASSWORDS = 10
WRONG_PASSWORDS_COUNT_FOR = timedelta(minutes=15)
REPEAT_WITHIN = timedelta(seconds=10)


def find_region_problem(caller: Caller, region: str) -> Problem | None:
    """Return the problem with acting in a region that the caller does not manage; None if they do."""
    return None if caller.manages(region) else outside_region()


def find_appointing_problem(caller: Caller, account_id: UUID) -> Problem | None:
    """Return the problem with appointing oneself, or None for anybody else.

    An appointment that somebody made for themselves would outlast their dismissal.
    """
    return own_appointment() if account_id == caller.id else None


def can_see_appointment(caller: Caller, appointment: Appointment) -> bool:
    """Return True for its holder and for managers of its region."""
    return caller.id == appointment.account_id or caller.manages(appointment.region)


def find_dismissal_problem(caller: Caller, appointment: Appointment) -> Problem | None:
    """Return the problem that keeps the caller from ending the appointment, or None.

    Managers of a wider region, its maker and its holder may end it.
    """
    manages_wider = any(appointment.region.startswith(region) and region != appointment.region for region in caller.regions)
    if not manages_wider and caller.id not in {appointment.account_id, appointment.appointed_by}:
        return not_allowed()
    return state_conflict(state="dismissed") if appointment.dismissed_at else None


def acts_on_appointment(caller: Caller, appointment: Appointment) -> list[str]:
    """List the operations that the caller may carry out on the appointment now."""
    return ["dismiss_administrator"] if find_dismissal_problem(caller, appointment) is None else []


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
