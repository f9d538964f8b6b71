"""The number of letters that a provider may get now: its circuit breaker, rate and budget of the day, shared by all processes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from notify.messages import rules
from notify.messages.model import ProviderState
from notify.settings import Allowance


def admit(session: Session, provider: str, allowance: Allowance, wanted: int, *, are_codes: bool) -> tuple[int, datetime | None]:
    """Return how many letters the provider may get now, and when it is worth asking again for the others.

    Codes are counted and never wait for rate or budget: users limits how many are asked for. After a closure one letter tries whether the
    provider is back.
    """
    at = now()
    state = _locked(session, provider, allowance, at)
    if state.closed_until is not None:
        if state.closed_until > at:
            return 0, state.closed_until
        state.closed_until = rules.closed_until(max(state.failures, rules.FAILURES_IN_A_ROW), at)
        wanted = min(wanted, 1)
    if state.day != rules.day_of(at):
        state.day, state.sent = rules.day_of(at), 0
    burst = max(1.0, allowance.per_second)
    state.tokens = min(burst, state.tokens + (at - state.filled_at).total_seconds() * allowance.per_second)
    state.filled_at = at
    admitted = wanted if are_codes else max(0, min(wanted, int(state.tokens), allowance.per_day - state.sent))
    state.tokens -= admitted
    state.sent += admitted
    if admitted == wanted:
        return admitted, None
    if state.sent >= allowance.per_day:
        return admitted, rules.next_day(at)
    return admitted, at + timedelta(seconds=max(0.05, (1 - state.tokens) / allowance.per_second))


def note_success(session: Session, provider: str) -> None:
    """Note that the provider took a letter: it is open again."""
    state = session.get(ProviderState, provider)
    if state is not None and (state.failures or state.closed_until):
        session.refresh(state, with_for_update=True)
        state.failures, state.closed_until = 0, None


def note_failure(session: Session, provider: str, retry_at: datetime | None = None) -> None:
    """Note a failure of the provider itself. Enough of them in a row close it, and so does its wish to be left alone until `retry_at`."""
    state = session.get(ProviderState, provider, with_for_update=True)
    if state is not None:
        at = now()
        state.failures += 1
        closures = [one for one in (rules.closed_until(state.failures, at), retry_at) if one]
        state.closed_until = min(max(closures), at + rules.LONGEST_WISH) if closures else None


def _locked(session: Session, provider: str, allowance: Allowance, at: datetime) -> ProviderState:
    fresh = insert(ProviderState).values(
        name=provider, failures=0, day=rules.day_of(at), sent=0, tokens=max(1.0, allowance.per_second), filled_at=at
    )
    session.execute(fresh.on_conflict_do_nothing())
    return session.scalars(
        select(ProviderState).where(ProviderState.name == provider).with_for_update().execution_options(populate_existing=True)
    ).one()


def find_closure(session: Session, providers: Sequence[str]) -> datetime | None:
    """Return until when all these providers are closed; None when one of them may be called."""
    closures = dict(session.execute(select(ProviderState.name, ProviderState.closed_until).where(ProviderState.name.in_(providers))).all())
    at = now()
    until = [closures.get(name) for name in providers]
    return min(one for one in until if one) if until and all(one is not None and one > at for one in until) else None
