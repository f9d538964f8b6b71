"""Inserting rows that must be unique. The database decides between two at the same moment."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis.problems import Problem
from users.problems import already_appointed, already_helper, household_registered, phone_taken, uscc_taken


def insert_unique(session: Session, row: object) -> None:
    """Write the row at once. Raises the problem of its kind, such as `phone_taken`, if its like exists."""
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        if problem := _refusal(getattr(error.orig, "diag", None)):
            raise problem from None
        raise


def _refusal(diagnosis: object) -> Problem | None:
    match getattr(diagnosis, "constraint_name", None):
        case "accounts_proven_phone_key":
            return phone_taken()
        case "households_national_id_fingerprint_key":
            return household_registered(where="")
        case "appointment_records_standing_key":
            return already_appointed()
        case "helper_assignments_standing_key":
            return already_helper()
        case "organisations_verified_key":
            return uscc_taken()
    return None
