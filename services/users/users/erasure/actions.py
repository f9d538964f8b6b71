"""Erasing people: their values at once, their keys when no token of theirs counts any more, and again after a restore."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.appointments import regions_of
from chassis.data.audit_log import SERVICE, Actor, Entry
from chassis.data.database import now
from chassis.data.encryption import encrypted_models, erase_values
from chassis.data.personal_keys import NOBODY, personal_keys
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import in_progress, state_conflict
from chassis.settings import RetentionSettings
from users.accounts.model import Account
from users.accounts.queries import get_own_account
from users.appointments import actions as appointments
from users.codes.model import CodeRequest
from users.consents.model import Consent
from users.erasure import rules
from users.erasure.events import person_erased
from users.erasure.model import Erasure
from users.handovers.model import Handover
from users.handovers.queries import is_open
from users.helpers.model import Assignment
from users.households.model import Household, Member, Transfer
from users.households.queries import SHOWN, get_household
from users.organisations.actions import end_for_good
from users.second_factor.actions import clear_second_factor
from users.self_reports.model import SelfReport
from users.sessions.actions import end_all_sessions
from users.sessions.model import SignIn
from users.transfers.actions import end_erased
from users.visits.model import Visit

AT_ONCE = 100
REPEATED_FOR = timedelta(days=30)
"""How long keys are erased again: longer than a backup of theirs is kept."""


def erase_oneself(session: Session, caller: Caller, purpose: str) -> Erasure:
    """Erase the caller's account and household. Raises `fresh_sign_in_needed`, `in_office` and `matches_under_way`."""
    account = get_own_account(session, caller, lock=True)
    signed_in_at = session.scalar(select(SignIn.started_at).where(SignIn.session_id == caller.session_id, SignIn.account_id == caller.id))
    if problem := rules.find_proof_problem(signed_in_at, now()):
        raise problem
    household = session.scalars(select(Household).where(Household.account_id == account.id).with_for_update()).first()
    _require_free(session, account, household)
    return erase_for_good(session, caller, account, household, purpose, "asked_online")


def erase_household(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Erasure:
    """Erase a household that the caller manages, and its account.

    Raises `not_found`, `state_conflict`, `in_progress` and `matches_under_way`.
    """
    account_id = get_household(session, caller, household_id).account_id
    account = session.get(Account, account_id, with_for_update=True) if account_id else None
    household = session.get_one(Household, household_id, with_for_update=True, populate_existing=True)
    if household.account_id != account_id:
        # It got its account while this waited, and accounts are locked before households.
        raise in_progress(retry_after_seconds=1)
    if session.scalar(select(Erasure.id).where(Erasure.household_id == household_id)):
        raise state_conflict(state="erased")
    _require_free(session, account, household)
    return erase_for_good(session, caller, account, household, wanted["purpose"], wanted["reason"])


def finish_erasures(session: Session) -> int:
    """Erase the keys of people whose last access token has ended, and publish it. Another replica skips those that are locked."""
    due = select(Erasure).where(Erasure.erased_at.is_(None), Erasure.requested_at <= now() - rules.DONE_AFTER)
    found = session.scalars(due.order_by(Erasure.requested_at).limit(AT_ONCE).with_for_update(skip_locked=True)).all()
    personal_keys("users").erase({person for erasure in found for person in erasure.people})
    for erasure in found:
        erasure.erased_at, erasure.version = now(), erasure.version + 1
    session.flush()
    outbox.add(session, *map(person_erased, found))
    return len(found)


def repeat_erasures(session: Session) -> int:
    """Erase again what a restore brought back: keys of people who were erased, and values whose keys were. Returns how many people."""
    done = session.scalars(select(Erasure.people).where(Erasure.erased_at > now() - REPEATED_FOR))
    personal_keys("users").erase({person for people in done for person in people})
    after, repeated = NOBODY, 0
    while erased := personal_keys("users").list_erased(after, 1000):
        after = erased[-1]
        repeated += _erase_again(session, erased)
    return repeated


def erase_old_accounts(session: Session) -> int:
    """Erase accounts that were closed, or never proven, longer ago than data are kept; return how many."""
    limit = now() - RetentionSettings.of_environment().texts
    unused = or_(Account.state == "closed", (Account.state == "active") & Account.proven_at.is_(None))
    old = select(Account).where(unused, Account.registered_at < limit).order_by(Account.registered_at).limit(AT_ONCE)
    accounts = session.scalars(old.with_for_update(skip_locked=True)).all()
    for account in accounts:
        erase_for_good(session, SERVICE, account, None, "retention_over", "by_rule")
    return len(accounts)


def _erase_again(session: Session, people: list[UUID]) -> int:
    """Erase accounts and households whose keys were erased and which a restored database still holds."""
    returned = select(Account).where(Account.id.in_(people), Account.state != "erased").order_by(Account.id)
    accounts = session.scalars(returned.with_for_update(skip_locked=True)).all()
    for account in accounts:
        household = session.scalars(select(Household).where(Household.account_id == account.id).with_for_update()).first()
        erase_for_good(session, SERVICE, account, household, "no_longer_needed", "by_rule")
    known = select(Erasure.household_id).where(Erasure.household_id.is_not(None))
    alone = select(Household).where(Household.id.in_(people), Household.id.not_in(known)).order_by(Household.id)
    households = session.scalars(alone.with_for_update(skip_locked=True)).all()
    for household in households:
        erase_for_good(session, SERVICE, None, household, "no_longer_needed", "by_rule")
    return len(accounts) + len(households)


def _require_free(session: Session, account: Account | None, household: Household | None) -> None:
    """Raise the problem that stands against an erasure."""
    standing = select(Assignment.id).where(Assignment.account_id == account.id, Assignment.released_at.is_(None)) if account else None
    in_offices = account is not None and bool(regions_of(session, account.id) or (standing is not None and session.scalar(standing)))
    if problem := rules.find_erasure_problem(in_offices=in_offices, under_way=_is_under_way(session, account, household)):
        raise problem


def _is_under_way(session: Session, account: Account | None, household: Household | None) -> bool:
    """Tell whether the door of a hand-over of the person is open: a match is under way, or may still be disputed."""
    sides = [Handover.pledger_id == account.id, Handover.account_id == account.id] if account else []
    sides += [Handover.household_id == household.id] if household else []
    return session.scalar(select(Handover.id).where(or_(*sides), is_open(now())).limit(1)) is not None


def erase_for_good(
    session: Session, actor: Actor, account: Account | None, household: Household | None, purpose: str, reason: str
) -> Erasure:
    """End the account and empty all values about it and its household. Their rows are locked."""
    named = account or household
    if named is None:
        raise ValueError("nobody is named")
    people = [one.id for one in (account, household) if one]
    region = household.region if household else named.region
    if account:
        people += _end_account(session, account, actor)
    if household:
        for merged in session.scalars(select(Household).where(Household.merged_into == household.id, SHOWN).with_for_update()).all():
            erase_for_good(session, actor, None, merged, purpose, reason)
        people += _list_people_of(session, household)
        asked = update(Transfer).where(or_(Transfer.household_id == household.id, Transfer.entry_id == household.id))
        session.execute(asked.values(national_id_fingerprint=func.sha256(func.uuid_send(Transfer.id))))
        session.execute(delete(Consent).where(Consent.household_id == household.id))
        end_erased(session, actor.id, household)
    session.flush()
    _empty(session, people)
    erasure = Erasure(
        id=named.id,
        account_id=account.id if account else None,
        household_id=household.id if household else None,
        people=people,
        region=region,
        purpose=purpose,
        reason=reason,
        requested_by=actor.id,
    )
    session.add(erasure)
    session.flush()
    stated = {"purpose": purpose, "reason": reason}
    entry = Entry(act="erase_person", subject="person", subject_id=named.id, person_id=named.id, region=region, details=stated)
    audit_log.record(session, actor, entry)
    for row in (account, household):
        if row is not None:
            session.expire(row)
    return erasure


def _end_account(session: Session, account: Account, actor: Actor) -> list[UUID]:
    """End sessions, second factor, confirmation and requests for codes of an account; return the ids of the requests."""
    account.state, account.password_hash, account.campaign, account.phone_set_by = "erased", None, None, None
    account.version += 1
    session.flush()
    end_all_sessions(session, account, "erased", actor=actor)
    appointments.end_all(session, account)
    clear_second_factor(session, account.id)
    end_for_good(session, account.id)
    asked = or_(CodeRequest.phone_fingerprint == account.phone_fingerprint, CodeRequest.account_id == account.id)
    return list(session.scalars(delete(CodeRequest).where(asked).returning(CodeRequest.id)))


def _list_people_of(session: Session, household: Household) -> list[UUID]:
    """List whose keys are part of the household: its members, its reports of before it was admitted, visits to it."""
    return [
        one
        for entity in (Member, SelfReport, Visit)
        for one in session.scalars(select(entity.id).where(entity.household_id == household.id))
    ]


def _empty(session: Session, people: list[UUID]) -> None:
    """Empty all encrypted values about people, and their fingerprints: those that are needed become ones of the row's id."""
    for model in encrypted_models("users"):
        about = model.person_column.in_(people)
        erase_values(session, model.entity, about)
        fingerprints = {
            column.name: None if column.nullable else func.sha256(func.uuid_send(model.table.c.id))
            for column in model.table.columns
            if column.name.endswith("_fingerprint")
        }
        if fingerprints:
            session.execute(update(model.table).where(about).values(fingerprints))
