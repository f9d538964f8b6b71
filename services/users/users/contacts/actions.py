"""Looking up contacts; every look is recorded."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import SERVICE, Entry
from chassis.http.auth import Caller
from users.contacts.queries import Found, Named, find_contacts, find_names

Purpose = Literal["notice"]
NamingPurpose = Literal["work_list"]


def look_up(session: Session, purpose: Purpose, ids: Collection[UUID]) -> list[Found]:
    """Look up contacts to send messages, and record a look at each person's."""
    found = find_contacts(session, ids)
    entries = (
        Entry(
            act="look_up_contact",
            subject=one.subject,
            subject_id=one.person_id,
            person_id=one.person_id,
            region=one.region,
            details={"purpose": purpose},
        )
        for one in found
        if one.person_id and (one.telephone or one.email)
    )
    audit_log.record(session, SERVICE, *entries)
    return found


def look_up_names(session: Session, caller: Caller, purpose: NamingPurpose, ids: Collection[UUID]) -> list[Named]:
    """Look up the names of the caller's own village, and record a look of theirs at each household."""
    found = find_names(session, caller, ids)
    entries = (
        Entry(
            act="look_up_names",
            subject=one.subject,
            subject_id=one.subject_id,
            person_id=one.person_id,
            region=one.region,
            details={"purpose": purpose},
        )
        for one in found
        if one.person_id
    )
    audit_log.record(session, caller, *entries)
    return found
