"""National ids in the register: nobody stands twice in one place, and whoever stands in another place is asked for there.

A caller learns of the register of their own regions only. So a number that stands elsewhere is accepted like any other, and the answer is
the same; the place where it stands decides about a transfer (decision 22).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text, union_all
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import lock_keys, query_of_digests
from chassis.data.database import new_id, now, without_table_scans
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import Problem
from contracts import regions
from users.households import events
from users.households.model import Household, Member, Transfer
from users.problems import household_registered

COUNTY_DIGITS = 6
LOCKS = 0x6E756D62
"""The class of advisory locks for national ids."""

# A subquery with an offset is looked up for each key, whatever the planner expects of the tables.
_FIND_STANDINGS = text(
    f"""
    WITH wanted AS MATERIALIZED {query_of_digests("keys")}
    SELECT key, head.id AS household_id, head.region, CAST(NULL AS uuid) AS member_id, head.id AS place FROM wanted CROSS JOIN LATERAL
        (SELECT id, region FROM households WHERE national_id_fingerprint = key AND ended_at IS NULL OFFSET 0) AS head
    UNION ALL
    SELECT key, household.id, household.region, member.id, member.id FROM wanted CROSS JOIN LATERAL
        (SELECT id, household_id FROM household_members WHERE national_id_fingerprint = key AND left_at IS NULL OFFSET 0) AS member
        JOIN households AS household ON household.id = member.household_id AND household.ended_at IS NULL
    ORDER BY place
    """
)


@dataclass(frozen=True)
class Standing:
    """A place in the register where a national id stands: as the head of a household, or as the member `member_id`."""

    household_id: UUID
    region: str
    member_id: UUID | None


def lock_numbers(session: Session, *fingerprints: bytes) -> None:
    """Keep others from entering these national ids until the transaction ends."""
    lock_keys(session, LOCKS, fingerprints)


def find_registered(session: Session, fingerprints: Collection[bytes]) -> Mapping[bytes, UUID]:
    """Find the standing households of these national ids, of heads and members, in the whole country: for operators alone."""
    return {key: standings[0].household_id for key, standings in find_standings(session, fingerprints).items()}


def find_standings(session: Session, fingerprints: Collection[bytes]) -> Mapping[bytes, Sequence[Standing]]:
    """Find where many national ids stand, in the whole country, the oldest first; those that stand nowhere are missing."""
    found = dict[bytes, list[Standing]]()
    with without_table_scans(session):
        for row in session.execute(_FIND_STANDINGS, {"keys": b"".join(fingerprints)}):
            found.setdefault(bytes(row.key), []).append(Standing(row.household_id, row.region, row.member_id))
    return found


def find_standing(session: Session, fingerprint: bytes) -> Sequence[Standing]:
    """Find where a national id stands, the oldest first."""
    heads = select(Household.id, Household.region, Household.id.label("member_id"), Household.id.label("place")).where(
        Household.national_id_fingerprint == fingerprint, Household.ended_at.is_(None)
    )
    members = (
        select(Household.id, Household.region, Member.id, Member.id)
        .join(Member, Member.household_id == Household.id)
        .where(Member.national_id_fingerprint == fingerprint, Member.left_at.is_(None), Household.ended_at.is_(None))
    )
    found: Sequence[Any] = session.execute(union_all(heads, members).order_by("place")).all()
    return [Standing(row[0], row[1], None if row[2] == row[0] else row[2]) for row in found]


def require_free_number(session: Session, caller: Caller, fingerprint: bytes, apart_from: UUID | None = None) -> None:
    """Raise `household_registered` when a national id stands in the caller's regions; lock it. Other places are none of their business.

    `apart_from` is the household whose head may have the number.
    """
    lock_numbers(session, fingerprint)
    for standing in find_standing(session, fingerprint):
        is_own = standing.household_id == apart_from and standing.member_id is None
        if caller.manages(standing.region) and not is_own:
            raise _registered_at(standing)


def word_place(region: str) -> dict[str, Any]:
    """Word the place where a household is registered, for `household_registered`: the names of its township and village."""
    codes = [code for code in (*regions.ancestors(region), region) if len(code) > COUNTY_DIGITS]
    names = "".join(regions.find_names(codes).values()) or region
    return {"where_zh": f"（{names}）", "where_en": f" ({names})"}


def _registered_at(standing: Standing) -> Problem:
    members = {"region": standing.region, "household_id": str(standing.household_id)}
    return household_registered(members=members, **word_place(standing.region))


def require_free_place(session: Session, household: Household, region: str) -> None:
    """Raise `household_registered` when the head of a household stands in the village that it moves to. The caller manages both."""
    lock_numbers(session, household.national_id_fingerprint)
    for standing in find_standing(session, household.national_id_fingerprint):
        if standing.region == region and standing.household_id != household.id:
            raise _registered_at(standing)


def request_transfers(session: Session, caller: Caller, entry: Household, fingerprint: bytes) -> None:
    """Ask the oldest other place where a national id stands to hand the person over to the entry. The number is locked."""
    elsewhere = [standing for standing in find_standing(session, fingerprint) if standing.household_id != entry.id]
    for standing in elsewhere[:1]:
        transfer = Transfer(
            id=new_id(),
            version=1,
            household_id=standing.household_id,
            member_id=standing.member_id,
            entry_id=entry.id,
            national_id_fingerprint=fingerprint,
            region=standing.region,
            state="waiting",
            requested_by=caller.id,
            requested_at=now(),
        )
        session.add(transfer)
        session.flush()
        outbox.add(session, events.transfer_requested(transfer))


def void_transfers(session: Session, household_id: UUID) -> None:
    """Close the waiting transfers of a household that changed, as far as the person does not stand in both places any more."""
    concerned = or_(Transfer.household_id == household_id, Transfer.entry_id == household_id)
    waiting = select(Transfer).where(concerned, Transfer.state == "waiting").order_by(Transfer.id).with_for_update()
    for transfer in session.scalars(waiting).all():
        places = {standing.household_id for standing in find_standing(session, transfer.national_id_fingerprint)}
        if not {transfer.household_id, transfer.entry_id} <= places:
            transfer.state, transfer.decided_at = "void", now()
            transfer.version += 1
    session.flush()
