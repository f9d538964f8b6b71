"""Stating what an organisation is, confirming it, taking the confirmation back."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from users.accounts.queries import get_own_account
from users.organisations import queries, rules
from users.organisations.events import organisation_verification_ended, organisation_verified
from users.organisations.model import Organisation
from users.unique import insert_unique


def state_organisation(session: Session, caller: Caller, wanted: dict[str, Any]) -> Organisation:
    """State or change the caller's registered name and code. A change ends the confirmation, and another administrator's look is needed."""
    account = get_own_account(session, caller)
    organisation = session.get(Organisation, caller.id, with_for_update={"of": Organisation})
    versions.check_if_match(session, organisation or Organisation(version=0))
    code = {"name": wanted["name"], "uscc": wanted["uscc"], "uscc_fingerprint": fingerprint(wanted["uscc"]), "region": account.region}
    if organisation is None:
        organisation = Organisation(id=caller.id, account=account, **code)
        insert_unique(session, organisation)
        return organisation
    if (organisation.name, organisation.uscc) == (wanted["name"], wanted["uscc"]) and organisation.state != "ended":
        return organisation
    if organisation.state == "verified":
        _end(session, organisation, caller.id, "changed")
    organisation.version += 1
    organisation.stated_at = now()
    organisation.verified_by = organisation.verified_at = organisation.verified_version = None
    organisation.ended_by = organisation.ended_at = organisation.reason = None
    for name, value in code.items():
        setattr(organisation, name, value)
    session.flush()
    return organisation


def verify_organisation(session: Session, caller: Caller, account_id: UUID) -> Organisation:
    """Confirm that an organisation is who it says, as an administrator of its county or above. Raises `uscc_taken`."""
    organisation = _lock(session, "verify_organisation", caller, account_id)
    organisation.verified_by, organisation.verified_at = caller.id, now()
    organisation.version += 1
    organisation.verified_version = organisation.version
    insert_unique(session, organisation)
    outbox.add(session, organisation_verified(organisation))
    return organisation


def end_organisation_verification(session: Session, caller: Caller, account_id: UUID, reason: str) -> Organisation:
    """Take the confirmation of an organisation back, as an administrator of its county or above."""
    organisation = _lock(session, "end_organisation_verification", caller, account_id)
    _end(session, organisation, caller.id, reason)
    return organisation


def end_for_good(session: Session, account_id: UUID) -> None:
    """End the confirmation of an organisation whose account is erased, if it has one."""
    organisation = session.get(Organisation, account_id, with_for_update={"of": Organisation})
    if organisation is not None and organisation.state == "verified":
        _end(session, organisation, account_id, "erased")


def _end(session: Session, organisation: Organisation, by: UUID, reason: str) -> None:
    organisation.ended_by, organisation.ended_at, organisation.reason = by, now(), reason
    organisation.version += 1
    session.flush()
    outbox.add(session, organisation_verification_ended(organisation))


def _lock(session: Session, act: str, caller: Caller, account_id: UUID) -> Organisation:
    organisation = queries.get_organisation(session, caller, account_id, lock=True)
    versions.check_if_match(session, organisation)
    if problem := rules.find_organisation_problem(act, caller, organisation):
        raise problem
    return organisation
