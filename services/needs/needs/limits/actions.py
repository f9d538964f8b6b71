"""Actions of limits: keep pledges and needs within them, set those of a region, record verified organisations."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import Problem, not_found
from contracts.users import OrganisationVerificationEnded, OrganisationVerified
from needs.limits import queries, rules
from needs.limits.defaults import Key
from needs.limits.model import LimitSet, Organisation
from needs.limits.problems import limits_wrong
from needs.model import Household, Pledge

# In one order, so that no two batches wait for each other.
_LOCK_PEOPLE = text(
    "SELECT count(pg_advisory_xact_lock(key)) FROM"
    " (SELECT DISTINCT hashtextextended(id, 0) AS key FROM unnest(CAST(:ids AS text[])) AS id ORDER BY key) AS keys"
)


def lock_person(session: Session, person_id: UUID) -> None:
    """Let one transaction at a time add to what a giver, household or poster has. Lock a household before its poster."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(person_id), 0))))


def lock_people(session: Session, ids: Iterable[UUID]) -> None:
    """Lock many households as `lock_person` does, in one order for all."""
    session.execute(_LOCK_PEOPLE, {"ids": encode_array(map(str, ids))})


def load_rooms(session: Session, households: Sequence[Household]) -> dict[UUID, rules.Room]:
    """Load how many needs each of these households may post within a day, and has posted. The caller has locked them."""
    ids = [one.id for one in households]
    received, used = queries.find_receivers(session, ids), queries.count_needs_of_households(session, ids)
    sets = {county: queries.load_sets(session, county) for county in {one.region[:6] for one in households}}
    rooms = dict[UUID, rules.Room]()
    for one in households:
        trust = rules.find_trust("household", has_delivered=one.id in received, is_verified=False)
        limits = rules.choose_limits("household", trust, one.region, sets[one.region[:6]])
        rooms[one.id] = rules.Room(limits["needs_a_day"], used.get(one.id, 0))
    return rooms


def require_room_for_import(session: Session, caller: Caller, region: str, many: int) -> None:
    """Raise the limit that so many needs of a table pass. An administrator of the county answers for its villages and has none."""
    if caller.manages(region[:6]):
        return
    limits = rules.choose_limits(caller.kind, "verified", region, queries.load_sets(session, region))
    used = queries.count_needs_of_poster(session, caller.id)
    if problem := rules.find_posting_problem(limits, used, on_behalf=True, many=many):
        raise problem


def require_room_for_pledge(session: Session, caller: Caller, pledge: Pledge) -> None:
    """Raise the limit that a stored pledge passes together with the giver's other ones. The caller has locked the giver."""
    giving = queries.load_giving(session, pledge)
    verified = rules.may_be_verified(caller.kind) and queries.is_verified(session, caller.id)
    trust = rules.find_trust(caller.kind, has_delivered=giving.has_delivered, is_verified=verified)
    limits = rules.choose_limits(caller.kind, trust, pledge.region, queries.load_sets(session, pledge.region))
    if problem := rules.find_giving_problem(limits, giving, pledge.category, pledge.unit):
        raise problem


def require_room_for_pledges(session: Session, caller: Caller, pledges: Sequence[Any]) -> None:
    """Raise the first limit that stored pledges of one giver pass together with their other ones. The caller has locked the giver."""
    judged = _Judged(session, caller)
    own = {pledge.id for pledge in pledges}
    for category, unit, region in dict.fromkeys((pledge.category, pledge.unit, pledge.region) for pledge in pledges):
        if problem := judged.find_problem(judged.sum_up(category, unit, own), category, unit, region):
            raise problem


def find_passed(session: Session, caller: Caller, wanted: Sequence[tuple[str, str, str, int]]) -> list[Problem | None]:
    """Find the limit that one more pledge of a giver would pass by itself, for each category, unit, region and quantity; or None."""
    judged = _Judged(session, caller)
    before = {(category, unit): judged.sum_up(category, unit, ()) for category, unit, _, _ in wanted}
    return [
        judged.find_problem(rules.add_one(before[category, unit], quantity), category, unit, region)
        for category, unit, region, quantity in wanted
    ]


class _Judged:
    """The sums that a giver has pledged, and the limits that hold for them in each region."""

    def __init__(self, session: Session, caller: Caller) -> None:
        self._session, self._kind = session, caller.kind
        self._pledged = queries.load_pledged(session, caller.id)
        self._has_delivered = queries.has_delivered(session, caller.id)
        verified = rules.may_be_verified(caller.kind) and queries.is_verified(session, caller.id)
        self._trust = rules.find_trust(caller.kind, has_delivered=self._has_delivered, is_verified=verified)
        self._limits = dict[str, rules.Limits]()

    def sum_up(self, category: str, unit: str, own: Collection[UUID]) -> rules.Giving:
        return rules.sum_up(self._pledged, category, unit, own, has_delivered=self._has_delivered)

    def find_problem(self, giving: rules.Giving, category: str, unit: str, region: str) -> Problem | None:
        if region not in self._limits:
            self._limits[region] = rules.choose_limits(self._kind, self._trust, region, queries.load_sets(self._session, region))
        return rules.find_giving_problem(self._limits[region], giving, category, unit)


def require_room_for_need(session: Session, caller: Caller, household: Household, *, on_behalf: bool, many: int = 1) -> None:
    """Raise the limit that so many more needs of a household pass, or of whoever posts on its behalf; lock both.

    An institution asks for hundreds of people, so only the limit of its poster counts.
    """
    lock_person(session, household.id)
    posting = queries.load_posting(session, household.id)
    trust = rules.find_trust("household", has_delivered=posting.has_received, is_verified=False)
    sets = queries.load_sets(session, household.region)
    limits = rules.choose_limits("household", trust, household.region, sets)
    used = 0 if household.is_institution else posting.needs_of_day
    problem = rules.find_posting_problem(limits, used, on_behalf=False, many=0 if household.is_institution else many)
    if on_behalf and problem is None:
        lock_person(session, caller.id)
        limits = rules.choose_limits(caller.kind, "verified", household.region, sets)
        problem = rules.find_posting_problem(limits, queries.count_needs_of_poster(session, caller.id), on_behalf=True, many=many)
    if problem:
        raise problem


def record_verifications(session: Session, events: Sequence[OrganisationVerified | OrganisationVerificationEnded]) -> None:
    """Store which organisations are verified; an older version changes nothing."""
    newest = {event.user_id: event for event in sorted(events, key=lambda event: (event.user_id, event.version))}
    rows = insert(Organisation).values(
        [{"id": event.user_id, "version": event.version, "verified": isinstance(event, OrganisationVerified)} for event in newest.values()]
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={"version": rows.excluded.version, "verified": rows.excluded.verified},
            where=Organisation.version < rows.excluded.version,
        )
    )


def set_limits(session: Session, caller: Caller, region: str, limits: Sequence[tuple[Key, int]]) -> Sequence[LimitSet]:
    """Add the next version of the limits of a region that the caller manages; return its history.

    It replaces the version before; a limit that it does not name is that of the region around. Raises `not_found` for another region,
    `stale`, or `limits_wrong` with the places of the wrong entries.
    """
    if not caller.manages(region):
        raise not_found()
    # An advisory lock per region: there may be no row yet to lock.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("needs.limits"), func.hashtext(region))))
    latest = queries.find_latest_set(session, region)
    versions.check_if_match(session, latest)
    if wrong := rules.find_wrong_entries([key for key, _ in limits]):
        raise limits_wrong(errors=[{"pointer": f"#/limits/{place}", "code": "not_a_choice"} for place in wrong])
    stored: list[list[str | int]] = [[*key, most] for key, most in limits]
    session.add(LimitSet(region=region, version=latest.version + 1, limits=stored, set_by=caller.id, set_at=now()))
    session.flush()
    queries.forget_sets(session)
    return queries.list_history(session, caller, region)
