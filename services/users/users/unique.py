"""Inserting rows that must be unique. The database decides between two at the same moment."""

from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.problems import Problem
from users.problems import (
    already_appointed,
    already_consented,
    already_helper,
    household_registered,
    mapping_saved,
    phone_taken,
    uscc_registered,
    uscc_taken,
)


def insert_unique(session: Session, row: object) -> None:
    """Write the row at once. Raises the problem of its kind, such as `phone_taken`, if its like exists."""
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        if problem := _refusal(getattr(error.orig, "diag", None)):
            raise problem from None
        raise


_REFUSALS: Mapping[str, Callable[[], Problem]] = {
    "accounts_proven_phone_key": phone_taken,
    "households_standing_number_key": partial(household_registered, where_zh="", where_en=""),
    "institutions_standing_uscc_key": uscc_registered,
    "appointment_records_standing_key": already_appointed,
    "helper_assignments_standing_key": already_helper,
    "organisations_verified_key": uscc_taken,
    "import_mappings_key": mapping_saved,
    "consents_standing_key": already_consented,
}
"""The problem of each unique index."""


def _refusal(diagnosis: object) -> Problem | None:
    refuse = _REFUSALS.get(str(getattr(diagnosis, "constraint_name", None)))
    return refuse() if refuse else None
