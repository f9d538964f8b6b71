"""Messages: which channels a notice takes, how an attempt goes on after a failure or a death, and what a provider may get."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from chassis.data.database import Database, new_id, now
from chassis.testing.fixtures import RolledBack
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted, MatchProposed
from contracts.needs import NeedRenewed, NeedWithdrawn
from contracts.users import PersonErased
from notify import actions as notices_actions
from notify import send
from notify.channels.interface import Failure, Found, Report
from notify.messages import actions, admission, rules
from notify.messages.actions import Claimed
from notify.messages.admission import find_closure, note_failure, note_success
from notify.messages.model import Attempt, Message, MessageCount, ProviderState
from notify.messages.sending import Sender
from notify.model import Notice
from notify.settings import Allowance

from .conftest import example, notices, with_account, write_notices

ALLOWANCE = Allowance(per_day=1000, per_second=1000)


def messages(database: RolledBack) -> list[Message]:
    with database.begin() as session:
        return list(session.scalars(select(Message).order_by(Message.created_at, Message.id).execution_options(populate_existing=True)))


def routes(database: RolledBack) -> dict[UUID, tuple[str, list[str]]]:
    return {one.recipient_id: (one.channel, one.then) for one in messages(database) if one.recipient_id}


def claim(database: RolledBack, limit: int = 10) -> list[Claimed]:
    with database.begin() as session:
        return actions.claim(session, limit)


def begin(database: RolledBack, *claimed: Claimed, provider: str = "aliyun") -> list[Claimed]:
    with database.begin() as session:
        admission.admit(session, provider, ALLOWANCE, len(claimed), are_codes=True)
        return actions.begin(session, claimed, provider)


def note(database: RolledBack, claimed: Claimed, outcome: Any, **more: Any) -> None:
    with database.begin() as session:
        actions.note_outcome(session, claimed, "aliyun", outcome, **more)


def make_due(database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(update(Message).values(due_at=now() - timedelta(seconds=1)))


def household_told(database: RolledBack) -> UUID:
    """Tell a household without an account that somebody agreed to help; return its id."""
    event = example(MatchAccepted, match_id=new_id(), household_id=new_id(), account_id=None)
    write_notices(database, event)
    with database.begin() as session:
        session.execute(Message.__table__.delete().where(Message.recipient_id != event.household_id))
    found: UUID = event.household_id
    return found


def test_household_without_an_account_hears_by_sms_then_list(database: RolledBack) -> None:
    event = example(MatchAccepted)
    assert event.account_id is None
    write_notices(database, event)
    assert routes(database)[event.household_id] == ("sms", ["work_list"])
    [outside] = [one for one in notices(database) if one.recipient_id == event.household_id]
    assert (outside.channel, outside.state) == ("outside", "created")


def test_agents_and_givers_get_no_line_on_a_work_list(database: RolledBack) -> None:
    event = with_account(MatchAccepted)
    write_notices(database, event)
    found = routes(database)
    assert found[event.account_id] == ("sms", ["email", "work_list"])
    assert found[event.poster_id] == ("sms", ["email"])
    assert found[event.pledger_id] == ("email", [])


def test_urgent_notice_leaves_at_once_others_after_a_day(database: RolledBack) -> None:
    proposed, withdrawn = example(MatchProposed), example(NeedWithdrawn, poster_id=new_id(), withdrawn_by=new_id(), account_id=new_id())
    write_notices(database, proposed)
    assert {one.recipient_id for one in claim(database)} == {proposed.pledger_id}
    write_notices(database, withdrawn)
    assert claim(database) == []
    wait = {one.due_at - one.created_at for one in messages(database) if one.recipient_id == withdrawn.account_id}
    assert all(rules.UNREAD_FOR <= one < 2 * rules.UNREAD_FOR for one in wait), "then its digest is due"
    assert len(wait) == 1


def test_notice_of_low_urgency_stays_in_the_app(database: RolledBack) -> None:
    write_notices(database, with_account(NeedRenewed))
    assert notices(database)
    assert messages(database) == []


def test_notice_told_twice_plans_its_messages_once(database: RolledBack) -> None:
    event = example(MatchProposed)
    write_notices(database, event, event)
    write_notices(database, event)
    assert len([one for one in messages(database) if one.recipient_id == event.pledger_id]) == 1


def test_attempt_is_recorded_before_the_provider_is_called(database: RolledBack) -> None:
    household_told(database)
    [begun] = begin(database, *claim(database))
    with database.begin() as session:
        [attempt] = session.scalars(select(Attempt))
    assert (attempt.message_id, attempt.attempt, attempt.outcome, attempt.ended_at) == (begun.id, 1, None, None)


def test_every_failure_of_a_provider_gives_way_to_the_next_channel() -> None:
    assert {*rules.FAILURES} == {*get_args(Failure)}


@pytest.mark.parametrize("failure", ["permanent-failure", "technical-failure"])
def test_failed_sms_comes_onto_the_village_s_work_list(database: RolledBack, failure: Failure) -> None:
    household = household_told(database)
    [begun] = begin(database, *claim(database))
    note(database, begun, failure, reason="isv.MOBILE_NUMBER_ILLEGAL")
    sms, listed = messages(database)
    assert (sms.state, sms.settled_at is not None) == (failure, True)
    assert (listed.channel, listed.recipient_id, listed.state, listed.then) == ("work_list", household, "created", [])
    assert listed.region
    make_due(database)
    note(database, begun, failure)
    assert len(messages(database)) == 2, "it falls back once"


def test_delivered_sms_delivers_the_notice_of_a_household(database: RolledBack) -> None:
    household = household_told(database)
    [begun] = begin(database, *claim(database))
    note(database, begun, "delivered")
    [notice] = [one for one in notices(database) if one.recipient_id == household]
    with database.begin() as session:
        assert session.scalar(select(Notice.state).where(Notice.id == notice.id).execution_options(populate_existing=True)) == "delivered"


def test_message_taken_and_never_reported_falls_back(database: RolledBack) -> None:
    household_told(database)
    [begun] = begin(database, *claim(database))
    note(database, begun, "taken", number="7")
    [waiting] = messages(database)
    assert (waiting.state, waiting.settled_at) == ("sending", None)
    assert waiting.due_at - now() > timedelta(hours=71)
    make_due(database)
    assert claim(database) == []
    assert [(one.channel, one.state, one.reason) for one in messages(database)] == [
        ("sms", "temporary-failure", "no_report"), ("work_list", "created", None),
    ]  # fmt: skip


def test_report_settles_what_the_provider_took(database: RolledBack) -> None:
    household_told(database)
    [begun] = begin(database, *claim(database))
    note(database, begun, "taken", number="900619746936498440^0")
    with database.begin() as session:
        assert not actions.note_report(session, "tencent", Report("900619746936498440^0", "delivered")), "of another provider"
        assert actions.note_report(session, "aliyun", Report("900619746936498440^0", "delivered"))
        assert actions.note_report(session, "aliyun", Report("900619746936498440^0", "permanent-failure")), "a second one is late"
    [message] = messages(database)
    assert message.state == "delivered"


@pytest.mark.parametrize(
    ("found", "state", "outcome", "goes_on"),
    [("taken", "sending", "taken", False), ("delivered", "delivered", "delivered", False), ("absent", "sending", "absent", True),
     ("permanent-failure", "permanent-failure", "permanent-failure", False), ("unknown", "sending", "doubtful", True)],
)  # fmt: skip
def test_attempt_of_a_dead_process_is_asked_about(database: RolledBack, found: Found, state: str, outcome: str, goes_on: bool) -> None:
    household_told(database)
    begin(database, *claim(database))
    make_due(database)
    [again] = claim(database)
    assert again.open_attempt
    assert (again.open_attempt.attempt, again.open_attempt.provider) == (1, "aliyun")
    with database.begin() as session:
        resolved = actions.resolve(session, again, found)
        assert session.scalars(select(Attempt.outcome)).all() == [outcome]
    first = messages(database)[0]
    assert (resolved is not None, first.state, first.doubts) == (goes_on, state, int(found == "unknown"))
    if resolved:
        assert resolved.open_attempt is None
        assert [one.attempts for one in begin(database, resolved)] == [2]


ASKED = ('elif found != "absent":', "elif False:")


@pytest.mark.parametrize("change", [None, unguarded(ASKED, "what the provider took is sent again, because a process died")])
def test_letter_that_the_provider_took_is_not_sent_again(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None
) -> None:
    if change:
        monkeypatch.setattr(actions, "resolve", altered(actions.resolve, *change))
    household_told(database)
    begin(database, *claim(database))
    make_due(database)
    [again] = claim(database)
    with database.begin() as session:
        to_send = actions.resolve(session, again, "taken")
    assert to_send is None


IN_HAND = ("tuple_(Message.id, Message.due_at).in_(held)", "Message.id.in_([one for one, _ in held])")


@pytest.mark.parametrize("change", [None, unguarded(IN_HAND, "a process whose lease is over sends what another has in hand")])
def test_attempt_begins_only_within_its_lease(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None
) -> None:
    if change:
        monkeypatch.setattr(actions, "begin", altered(actions.begin, *change))
    household_told(database)
    [late] = claim(database)
    make_due(database)
    [holder] = claim(database)
    assert begin(database, late) == []
    assert [one.attempts for one in begin(database, holder)] == [1]


NEWEST = ("(is_success or message.attempts == claimed.attempts)", "True")


@pytest.mark.parametrize("change", [None, unguarded(NEWEST, "the late failure of an old attempt ends the message of the new one")])
def test_failure_of_an_attempt_taken_over_changes_nothing(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None
) -> None:
    if change:
        monkeypatch.setattr(actions, "note_outcome", altered(actions.note_outcome, *change))
    household_told(database)
    [late] = begin(database, *claim(database))
    make_due(database)
    [again] = claim(database)
    with database.begin() as session:
        resolved = actions.resolve(session, again, "absent")
    assert resolved
    begin(database, resolved)
    note(database, late, "permanent-failure")
    assert [(one.state, one.settled_at) for one in messages(database)] == [("sending", None)]


HELD = unguarded("message.due_at == claimed.due_at", "without it, a process whose lease is over disturbs who took over")


@pytest.mark.parametrize("change", [None, HELD])
def test_lease_that_is_over_changes_nothing(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(actions, "_held", altered(actions._held, change, "True"))
    household_told(database)
    [late] = claim(database)
    make_due(database)
    [holder] = claim(database)
    with database.begin() as session:
        actions.fail(session, late, "permanent-failure", "no_address")
    message = messages(database)[0]
    assert (message.state, message.due_at) == ("sending", holder.due_at)


CLOSED = [
    unguarded(("if state.closed_until > at:", "if False:"), "a provider that fails gets every letter"),
    unguarded(("wanted = min(wanted, 1)", "pass"), "a provider that may be back gets all letters at once"),
]


@pytest.mark.parametrize("change", [None, *CLOSED])
def test_five_failures_in_a_row_close_a_provider(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None
) -> None:
    if change:
        monkeypatch.setattr(admission, "admit", altered(admission.admit, *change))
    with database.begin() as session:
        admission.admit(session, "smtp", ALLOWANCE, 1, are_codes=False)
        for _ in range(4):
            note_failure(session, "smtp")
        assert find_closure(session, ["smtp"]) is None
        note_failure(session, "smtp")
        closed = find_closure(session, ["smtp"])
        assert closed
        assert closed - now() + timedelta(seconds=1) >= rules.FIRST_CLOSURE / 2
        assert admission.admit(session, "smtp", ALLOWANCE, 5, are_codes=False) == (0, closed)
        assert find_closure(session, ["smtp", "other"]) is None, "another one may be called"
        session.execute(update(ProviderState).values(closed_until=now() - timedelta(seconds=1)))
        session.expire_all()
        assert admission.admit(session, "smtp", ALLOWANCE, 5, are_codes=False)[0] == 1, "one letter tries"
        assert admission.admit(session, "smtp", ALLOWANCE, 5, are_codes=False)[0] == 0
        note_success(session, "smtp")
        assert admission.admit(session, "smtp", ALLOWANCE, 5, are_codes=False) == (5, None)


SPARING = [
    unguarded(("int(state.tokens), ", ""), "a provider gets more than its rate allows, and refuses them"),
    unguarded((", allowance.per_day - state.sent", ""), "a day costs more than its budget"),
    unguarded(("state.sent += admitted", "pass"), "nothing counts towards the budget"),
]


@pytest.mark.parametrize("change", [None, *SPARING])
def test_provider_gets_no_more_than_its_rate_and_budget(
    database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str] | None
) -> None:
    if change:
        monkeypatch.setattr(admission, "admit", altered(admission.admit, *change))
    slow, small = Allowance(per_day=1000, per_second=2), Allowance(per_day=3, per_second=100)
    with database.begin() as session:
        admitted, again = admission.admit(session, "slow", slow, 5, are_codes=False)
        assert (admitted, again is not None and again - now() < timedelta(seconds=1)) == (2, True)
        admitted, again = admission.admit(session, "small", small, 5, are_codes=False)
        assert (admitted, again) == (3, rules.next_day(now()))
        assert admission.admit(session, "small", small, 2, are_codes=True) == (2, None), "codes have budgets of their own"
        session.execute(update(ProviderState).values(day=rules.day_of(now()) - timedelta(days=1)))
        session.expire_all()
        assert admission.admit(session, "small", small, 1, are_codes=False)[0] == 1


LOCK = ".with_for_update()"


@pytest.mark.parametrize("lock", [LOCK, unguarded("", "without the lock, each of two processes spends the whole budget")])
def test_two_processes_share_a_budget(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    monkeypatch.setattr(admission, "_locked", altered(admission._locked, LOCK, lock))
    real, small = Database(database_of("notify", "notify_budget"), name="at_once"), Allowance(per_day=3, per_second=100)

    def spend(wanted: int = 3) -> int:
        with real.begin() as session:
            return admission.admit(session, "small", small, wanted, are_codes=False)[0]

    assert spend(0) == 0
    admitted = meet_at_lock(real, text("SELECT FROM providers FOR UPDATE"), [spend, spend])
    real.close()
    assert sorted(admitted) == [0, 3]


def test_closures_and_pauses_double_and_end() -> None:
    at = now()
    closures = [rules.closed_until(failures, at, chance=1) for failures in (4, 5, 6, 7, 50)]
    assert [one and (one - at).total_seconds() for one in closures] == [None, 15, 30, 60, 600]
    pauses = [rules.next_attempt(attempts, at, at + timedelta(days=3), is_code=False, chance=1) for attempts in (1, 2, 3, 20)]
    assert [one and (one - at).total_seconds() for one in pauses] == [30, 60, 120, 14_400]


def test_erased_person_s_messages_are_deleted(database: RolledBack) -> None:
    household = household_told(database)
    begin(database, *claim(database))
    with database.begin() as session:
        notices_actions.delete_notices(session, [example(PersonErased, account_id=None, household_id=household)])
    assert messages(database) == []


def test_old_messages_are_counted_and_deleted(database: RolledBack) -> None:
    household_told(database)
    [begun] = begin(database, *claim(database))
    note(database, begun, "delivered")
    with database.begin() as session:
        session.execute(update(Message).values(settled_at=now() - timedelta(days=8)))
        actions.delete_old(session)
        [count] = session.scalars(select(MessageCount))
        assert session.scalars(select(Attempt)).all() == []
    assert messages(database) == []
    assert (count.channel, count.provider, count.kind, count.state, count.messages) == ("sms", "aliyun", "match_accepted", "delivered", 1)


SLOW_ENDS = pytest.mark.xfail(strict=True, raises=OperationalError, reason="without the guard, a slow claim ends the sender")


@pytest.mark.parametrize("guard", [None, pytest.param("if not is_statement_timeout(error):", marks=SLOW_ENDS)])
def test_claim_that_takes_too_long_takes_nothing(database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str | None) -> None:
    if guard:
        monkeypatch.setattr(send, "_claim", altered(send._claim, guard, "if True:"))
    write_notices(database, example(MatchProposed))
    claim_messages = actions.claim

    def claim_slowly(session: Session, *given: Any) -> list[Claimed]:
        claimed = claim_messages(session, *given)
        session.execute(text("SET LOCAL statement_timeout = 1"))
        session.execute(text("SELECT pg_sleep(1)"))
        return claimed

    with monkeypatch.context() as patch:
        patch.setattr(actions, "claim", claim_slowly)
        assert send._claim(database, Sender("notify", database, threading.Event())) == 0
    assert claim(database)
