"""Monitoring a household, noting that its risk is removed, ending the monitoring. Each act is a version of the household."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http import versions as preconditions
from chassis.http.auth import Caller
from users.appointments.days import today
from users.households.actions import lock_for_act
from users.households.model import Household
from users.households.queries import lock_households
from users.households.versions import Why, add_version, values_of
from users.monitoring import queries, rules
from users.monitoring.model import Label


def enter_household_label(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> tuple[Label, Household]:
    """Monitor a household as one of the three kinds. One that is monitored as another kind changes it: the former label ends."""
    household = lock_for_act(session, caller, household_id, "enter_household_label")
    day = _require_day(wanted.get("on"), None)
    former = queries.find_standing_label(session, household.id)
    if former:
        former.exited_on, former.exited_by, former.exit_reason = max(day, former.entered_on), caller.id, "changed"
        former.version += 1
        session.flush()
    label = Label(
        id=new_id(),
        version=1,
        household_id=household.id,
        label=wanted["label"],
        status_before=former.status_before if former else rules.status_without_label(household.status),
        entered_on=day,
        entered_by=caller.id,
        entry_reason=wanted["reason"],
        note=wanted.get("note"),
    )
    session.add(label)
    session.flush()
    _note(session, caller, household, "monitored", "enter_household_label", label, wanted)
    return label, household


def remove_household_risk(session: Session, caller: Caller, label_id: UUID, wanted: Mapping[str, Any]) -> tuple[Label, Household]:
    """Note that the risk of a monitored household is removed (风险消除). It returns to its status of before."""
    label, household = _lock_label(session, caller, label_id, rules.REMOVE_RISK)
    label.risk_removed_on, label.risk_removed_by = _require_day(wanted.get("on"), label.entered_on), caller.id
    label.version += 1
    session.flush()
    _note(session, caller, household, label.status_before, rules.REMOVE_RISK, label, wanted)
    return label, household


def exit_household_label(session: Session, caller: Caller, label_id: UUID, wanted: Mapping[str, Any]) -> tuple[Label, Household]:
    """End the monitoring of a household for a reason."""
    label, household = _lock_label(session, caller, label_id, rules.EXIT)
    was_monitored = label.state == "monitored"
    label.exited_on, label.exited_by = _require_day(wanted.get("on"), label.risk_removed_on or label.entered_on), caller.id
    label.exit_reason = wanted["reason"]
    label.version += 1
    session.flush()
    _note(session, caller, household, label.status_before if was_monitored else household.status, rules.EXIT, label, wanted)
    return label, household


def hand_over_label(session: Session, from_id: UUID, into: Household) -> None:
    """Let the monitoring of a household go on with the one that it is merged into, unless that is monitored itself."""
    label = queries.find_standing_label(session, from_id)
    if label and queries.find_standing_label(session, into.id) is None:
        label.household_id = into.id
        label.version += 1
        into.status = "monitored"
        session.flush()


def _note(session: Session, caller: Caller, household: Household, status: str, act: str, label: Label, wanted: Mapping[str, Any]) -> None:
    """Set the status of the household, and write the version that tells of the label."""
    before = values_of(household)
    household.status = status
    more = {f"label {label.id}": (None, f"{label.label} {label.state}")}
    add_version(session, household, act, caller.id, before=before, why=Why.of(wanted), more=more)


def _lock_label(session: Session, caller: Caller, label_id: UUID, act: str) -> tuple[Label, Household]:
    """Lock a label's household, then the label. Raises the problem that keeps the caller from this act."""
    found, _ = queries.get_label(session, caller, label_id)
    household = lock_households(session, {found.household_id})[found.household_id]
    label = session.get_one(Label, label_id, with_for_update=True, populate_existing=True)
    preconditions.check_if_match(session, label)
    if problem := rules.find_label_problem(act, caller, household, label):
        raise problem
    return label, household


def _require_day(stated: date | None, earliest: date | None) -> date:
    day = stated or today()
    if problem := rules.find_day_problem(day, earliest, today()):
        raise problem
    return day
