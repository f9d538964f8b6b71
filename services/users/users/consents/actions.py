"""Recording consents of households, and withdrawing them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from users.consents import queries, rules
from users.consents.model import Consent
from users.consents.texts import is_present
from users.households.queries import get_household
from users.problems import old_text
from users.unique import insert_unique


def record_consent(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Consent:
    """Record that a household consented to the present text. Raises `already_consented` while one for the purpose stands."""
    household = get_household(session, caller, household_id)
    if problem := rules.find_recording_problem(caller, household, wanted["way"]):
        raise problem
    if not is_present(wanted["purpose"], wanted["text_version"]):
        raise old_text()
    consent = Consent(id=new_id(), household=household, recorded_by=caller.id, **wanted)
    insert_unique(session, consent)
    return consent


def withdraw_consent(session: Session, caller: Caller, consent_id: UUID) -> Consent:
    """Withdraw a consent of a household, at once."""
    consent = queries.get_consent(session, caller, consent_id, lock=True)
    versions.check_if_match(session, consent)
    if problem := rules.find_withdrawal_problem(caller, consent):
        raise problem
    consent.withdrawn_at, consent.withdrawn_by = now(), caller.id
    consent.version += 1
    session.flush()
    return consent
