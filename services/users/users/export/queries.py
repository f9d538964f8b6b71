"""Queries of all that users stores about one person and their household."""

from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, Table, inspect, or_, select
from sqlalchemy.orm import Mapper, Session

from chassis.data.audit_log import Entry, record
from chassis.data.encryption import Encrypted, encrypted_models
from chassis.http.auth import Caller
from users.accounts.queries import get_own_account
from users.base import Base
from users.households.queries import find_household_id
from users.visits.model import Visit

SECRETS = {"password_hash", "secret", "offered_secret", "wanted"}
"""Columns that open an account: nobody gets them back."""
OF_ACCOUNTS, OF_HOUSEHOLDS = ("account_id", "pledger_id"), ("household_id",)
MOST_ROWS = 10_000


def export_own_data(session: Session, caller: Caller) -> dict[str, list[dict[str, Any]]]:
    """Return the rows about the caller and their household, by table. The audit log keeps that they were taken."""
    account = get_own_account(session, caller)
    household_id = find_household_id(session, account.id)
    found = {}
    for mapper in _mappers():
        if (about := _condition(mapper, account.id, household_id)) is not None:
            rows = session.scalars(select(mapper.class_).where(about).order_by(*mapper.primary_key).limit(MOST_ROWS)).all()
            found[_table_of(mapper)] = [_values(mapper, row) for row in rows]
    entry = Entry(act="export_own_data", subject="account", subject_id=account.id, person_id=account.id, region=account.region)
    record(session, caller, entry)
    return found


def _mappers() -> list[Mapper[Any]]:
    # All models are imported by the first line.
    list(encrypted_models("users"))
    return sorted(Base.registry.mappers, key=_table_of)


def _table_of(mapper: Mapper[Any]) -> str:
    return str(cast("Table", mapper.local_table).name)


def _condition(mapper: Mapper[Any], account_id: UUID, household_id: UUID | None) -> ColumnElement[bool] | None:
    """Return the condition of the rows of a table that are about the person, or None for a table about nobody."""
    columns, person = mapper.columns, getattr(mapper.class_, "__person__", None)
    if person not in {None, "id"}:
        # The rows are about the person that they name, not about whoever wrote them.
        visits = select(Visit.id).where(Visit.household_id == household_id)
        whose: ColumnElement[bool] = columns[person].in_(visits if person == "visit_id" else [account_id, household_id])
        return whose
    conditions = [columns[name] == account_id for name in OF_ACCOUNTS if name in columns]
    conditions += [columns[name] == household_id for name in OF_HOUSEHOLDS if name in columns and household_id]
    if person == "id":
        conditions.append(columns["id"].in_([account_id, household_id]))
    return or_(*conditions) if conditions else None


def _values(mapper: Mapper[Any], row: Any) -> dict[str, Any]:
    """Return the values of a row, without fingerprints, hashes and secrets."""
    columns = {key: column for key, column in inspect(mapper).columns.items() if key not in SECRETS}
    shown = [key for key, column in columns.items() if isinstance(column.type, Encrypted) or not isinstance(column.type, LargeBinary)]
    return {key: _plain(getattr(row, key)) for key in shown}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
