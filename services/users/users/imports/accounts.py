"""Accounts of a table that an administrator sends: written without a proven phone, which their owners prove at their first sign-in."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data import audit_log
from chassis.data.audit_log import Entry
from chassis.http.auth import Caller
from users.accounts import actions
from users.accounts.api import AccountIn
from users.accounts.model import Account
from users.holders.actions import lock_phones
from users.imports.lines import Line

ACT = "import_accounts"
SCHEMA = AccountIn(exclude=("password",))


def key_of(line: Line) -> bytes | None:
    """Return what two lines about one account have in common."""
    return line.fingerprints.get("phone")


def judge(session: Session, caller: Caller, region: str, lines: Sequence[Line]) -> None:
    """Set the outcome of valid lines as if they were imported now.

    Accounts outside of the caller's regions are none of their business: a phone that one of them holds is accepted like any other.
    """
    known = _find_accounts(session, caller, {line.fingerprints["phone"] for line in lines})
    for line in lines:
        place = line.wanted["region"]
        if not place.startswith(region) or not caller.manages(place):
            line.refuse("outside_region", "region")
            continue
        accounts = known.get(line.fingerprints["phone"], [])
        alike = next((one for one in accounts if (one.kind, one.name) == (line.wanted["kind"], line.wanted["name"])), None)
        if alike:
            line.outcome, line.subject_id = "same", alike.id
        elif any(one.proven_at for one in accounts):
            line.refuse("phone_taken", "phone")
        elif accounts:
            line.doubt("phone_shared", "phone")


def write(session: Session, caller: Caller, region: str, lines: Sequence[Line], takes_doubtful: bool) -> None:
    """Judge the lines under the locks of their phones, then write the new accounts."""
    lock_phones(session, *(line.fingerprints["phone"] for line in lines))
    judge(session, caller, region, lines)
    fresh = [line for line in lines if line.outcome == "new" or (line.outcome == "doubtful" and takes_doubtful)]
    made = [actions.new_account_row(line.wanted, None) for line in fresh]
    for line, account in zip(fresh, made, strict=True):
        line.outcome, line.subject_id = "new", account.id
    actions.insert_accounts(session, made)
    entries = (Entry(act=ACT, subject="account", subject_id=one.id, person_id=one.id, region=one.region) for one in made)
    audit_log.record(session, caller, *entries)


def _find_accounts(session: Session, caller: Caller, keys: Collection[bytes]) -> dict[bytes, list[Account]]:
    """Find the active accounts of the caller's regions by phone."""
    query = select(Account).where(Account.phone_fingerprint.in_(keys), Account.state == "active", caller.within_managed(Account.region))
    found = dict[bytes, list[Account]]()
    for account in session.scalars(query.order_by(Account.id)):
        found.setdefault(bytes(account.phone_fingerprint), []).append(account)
    return found
