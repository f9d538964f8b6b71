"""Actions on charities: name one for a region, change it, end it."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.audit_log import Entry, record
from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import not_found
from needs.charities import queries, rules
from needs.charities.model import Charity
from needs.charities.problems import charity_named, past_end
from needs.model import Need


def name_charity(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Charity:
    """Name a charity that receives money for the needs of a region that the caller manages."""
    region = wanted["region"]
    if not caller.manages(region):
        raise not_found()
    _require_future(wanted["last_day"])
    # One administrator of a region at a time, so that a charity is not named twice.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("needs.charities"), func.hashtext(region))))
    same = select(Charity.id).where(
        Charity.region == region, Charity.registration_number == wanted["registration_number"], Charity.ended_at.is_(None)
    )
    if session.scalar(same):
        raise charity_named()
    charity = Charity(**wanted, named_by=caller.id)
    session.add(charity)
    session.flush()
    _note(session, caller, "name_charity", charity)
    return charity


def change_charity(session: Session, caller: Caller, charity_id: UUID, wanted: Mapping[str, Any]) -> Charity:
    """Change the name of a charity, or until when it may receive money."""
    charity = _lock(session, caller, charity_id)
    if "last_day" in wanted:
        _require_future(wanted["last_day"])
    for name, value in wanted.items():
        setattr(charity, name, value)
    charity.version += 1
    session.flush()
    _note(session, caller, "change_charity", charity)
    return charity


def end_charity(session: Session, caller: Caller, charity_id: UUID) -> Charity:
    """End a charity: no need for money is published through it from now on."""
    charity = _lock(session, caller, charity_id)
    charity.ended_at, charity.version = now(), charity.version + 1
    session.flush()
    _note(session, caller, "end_charity", charity)
    return charity


def require_charity(session: Session, need: Need) -> None:
    """Name the charity of a need for money, before it is published. Raises `charity_needed` without one; does nothing for goods."""
    charity = queries.find_charity(session, need.region) if need.unit == rules.MONEY else None
    if problem := rules.find_money_problem(need.unit, charity):
        raise problem
    if charity:
        need.charity_id, need.charity = charity.id, charity.name


def _lock(session: Session, caller: Caller, charity_id: UUID) -> Charity:
    charity = queries.lock_charity(session, caller, charity_id)
    versions.check_if_match(session, charity)
    if problem := rules.find_charity_problem(caller, charity):
        raise problem
    return charity


def _require_future(last_day: date) -> None:
    if last_day <= rules.china_date(now()):
        raise past_end()


def _note(session: Session, caller: Caller, act: str, charity: Charity) -> None:
    record(session, caller, Entry(act=act, subject="charity", subject_id=charity.id, region=charity.region))
