"""Actions of needs: one function per use case, in the caller's transaction. Each changes rows and adds events to the outbox."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.client_ids import find_sent_before
from chassis.data.database import now
from chassis.data.encryption import erase_values, holds_values
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from chassis.problems import not_found
from chassis.settings import RetentionSettings
from contracts.matching import (
    MatchAccepted,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
    PledgeReleased,
)
from contracts.users import (
    HouseholdChanged,
    HouseholdEnded,
    HouseholdMoved,
    HouseholdRegistered,
    InstitutionEnded,
    InstitutionRegistered,
    PersonErased,
)
from needs import following, lock, rules
from needs.catalogue import choose_kind, kinds_below, units_below
from needs.catalogue.actions import require_terms
from needs.catalogue.rules import Terms, find_kind_problem, find_unit_problem
from needs.choosing import actions as choosing
from needs.duplicates import actions as duplicates
from needs.events import need_closed, need_withdrawn, pledge_changed, pledge_offered, pledge_withdrawn
from needs.life import actions as life
from needs.limits import actions as limits
from needs.model import Household, Match, Need, NeedQuantities, Pledge, PledgeQuantities
from needs.problems import consent_needed, unknown_household, unknown_item
from needs.quotas import actions as quotas
from needs.reopening import actions as reopening
from needs.review import actions as review
from needs.review.rules import find_story_problem

MatchEvent = (
    MatchProposed
    | MatchAccepted
    | MatchRefused
    | MatchDeclined
    | MatchLapsed
    | MatchRevised
    | MatchSent
    | MatchReceived
    | MatchCorrected
    | MatchClosed
)
RegisterEvent = HouseholdRegistered | HouseholdChanged | HouseholdMoved | HouseholdEnded | InstitutionRegistered | InstitutionEnded
EXPIRED_AT_ONCE = ERASED_AT_ONCE = 1_000
FOLLOWED = ("version", "account_id", "region", "size", "ended", "ended_by", "merged_into")
MATCH_STATES = {
    MatchProposed: "proposed",
    MatchAccepted: "accepted",
    MatchRefused: "refused",
    MatchDeclined: "declined",
    MatchLapsed: "lapsed",
    MatchRevised: "lapsed",
    MatchSent: "sent",
    MatchReceived: "received",
    MatchCorrected: "received",
    MatchClosed: "closed",
}


def post_need(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Need:
    """Post a need, for the caller's own household or on behalf of one in a region they manage. It waits to be verified."""
    if "id" in wanted and (sent_before := find_sent_before(session, Need, caller.id, wanted)):
        return sent_before
    household = _find_household(session, caller, wanted.get("household_id"))
    on_behalf = household.account_id != caller.id
    if on_behalf and not household.is_institution and not wanted.get("consent"):
        raise consent_needed()
    stated = dict(wanted) | {"quantity": wanted["quantity"] or 0}
    terms = require_terms(session, household.region, stated, of_institution=household.is_institution, size=household.size)
    if problem := find_story_problem(wanted.get("story")):
        raise problem
    limits.require_room_for_need(session, caller, household, on_behalf=on_behalf)
    quotas.require_quota(session, household, terms, stated["quantity"])
    return enter_need(session, caller, household, wanted, terms)


def enter_need(session: Session, caller: Caller, household: Household, wanted: Mapping[str, Any], terms: Terms) -> Need:
    """Store a need that may be posted under these terms: it waits to be verified, and is linked with those that look alike."""
    need = Need(**describe_need(caller, household, wanted, terms))
    review.open_review(session, need)
    duplicates.link_need(session, need)
    return need


def describe_need(caller: Caller, household: Household, wanted: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """Return the columns of a need that may be posted under these terms."""
    specification = wanted.get("specification") or {}
    return ({"id": wanted["id"]} if "id" in wanted else {}) | {
        "household_id": household.id,
        "account_id": household.account_id,
        "poster_id": caller.id,
        "of_institution": household.is_institution,
        "consent": wanted.get("consent") if household.account_id != caller.id else None,
        "region": household.region,
        "category": wanted["category"],
        "unit": terms.item.unit,
        "quantity": wanted["quantity"] or 0,
        "urgency": wanted["urgency"],
        "reason": wanted["reason"],
        "specification": json.dumps(specification, ensure_ascii=False) if specification else None,
        "terms": terms.kept(household.size),
        "story": wanted.get("story"),
    }


def withdraw_need(session: Session, caller: Caller, need_id: UUID) -> Need:
    """Take a need back, as its household or its poster."""
    need = lock.lock_need("withdraw_need", session, caller, need_id)
    following.end_need(need, "withdrawn", None)
    need.withdrawn_by = caller.id
    outbox.add(session, need_withdrawn(need))
    session.flush()
    return need


def close_need(session: Session, caller: Caller, need_id: UUID, reason: str) -> Need:
    """End a published need for a reason, as an administrator of its region."""
    need = lock.lock_need("close_need", session, caller, need_id)
    following.end_need(need, "closed", reason)
    need.closed_by = caller.id
    outbox.add(session, need_closed(need))
    session.flush()
    return need


def offer_pledge(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Pledge:
    """Offer a pledge; its event goes to matching at once."""
    pledge = Pledge(**describe_pledge(caller, wanted))
    limits.lock_person(session, caller.id)
    choosing.check_choice(session, pledge)
    session.add(pledge)
    session.flush()
    limits.require_room_for_pledge(session, caller, pledge)
    outbox.add(session, pledge_offered(pledge))
    return pledge


def describe_pledge(caller: Caller, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a pledge of the caller's. Raises the problem of its item, unit, kind or validity."""
    units = units_below(wanted["category"])
    if not units:
        raise unknown_item(members={"category": wanted["category"]})
    if wanted["unit"] not in units:
        raise find_unit_problem(wanted["category"], units)
    fitting = kinds_below(wanted["category"], wanted["unit"])
    kind = wanted.get("kind") or choose_kind(fitting)
    if problem := find_kind_problem(wanted["category"], wanted["unit"], kind, fitting):
        raise problem
    _require_validity(wanted["valid_until"])
    return {**wanted, "kind": kind, "pledger_id": caller.id, "pledger_kind": caller.kind}


def offer_again(
    session: Session,
    caller: Caller,
    match_id: UUID,
    quantity: int | None = None,
    valid_until: datetime | None = None,
    best_before: datetime | None = None,
) -> Pledge:
    """Offer what came back of a match as a new pledge with the figures of the former one, or another best-before date."""
    limits.lock_person(session, caller.id)
    return offer_pledge(session, caller, choosing.describe_returned(session, caller, match_id, quantity, valid_until, best_before))


def change_pledge(session: Session, caller: Caller, pledge_id: UUID, wanted: Mapping[str, Any]) -> Pledge:
    """Change the figures of a pledge; matching answers with the quantity that is still free. Equal figures change nothing."""
    pledge = _lock_own_pledge(session, caller, pledge_id)
    offers_more = rules.offers_more(pledge, wanted, now())
    if "valid_until" in wanted:
        _require_validity(wanted["valid_until"])
        pledge.expired = False
    if all(getattr(pledge, name) == value for name, value in wanted.items()):
        return pledge
    for name, value in wanted.items():
        setattr(pledge, name, value)
    choosing.check_change(pledge)
    pledge.version, pledge.changed_at = pledge.version + 1, now()
    session.flush()
    if offers_more:
        limits.lock_person(session, caller.id)
        limits.require_room_for_pledge(session, caller, pledge)
    outbox.add(session, pledge_changed(pledge))
    return pledge


def withdraw_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    """Withdraw a pledge; quantities that were accepted stay."""
    pledge = _lock_own_pledge(session, caller, pledge_id)
    pledge.withdrawn = True
    pledge.version, pledge.changed_at = pledge.version + 1, now()
    outbox.add(session, pledge_withdrawn(pledge))
    session.flush()
    return pledge


def expire_pledges(session: Session) -> int:
    """Mark pledges whose validity has ended, which takes them out of the lists; return their number. Locked ones come next time."""
    ended = select(Pledge.id).where(Pledge.expired.is_(False), Pledge.valid_until <= now()).order_by(Pledge.valid_until)
    taken = ended.limit(EXPIRED_AT_ONCE).with_for_update(skip_locked=True)
    marked = update(Pledge).where(Pledge.id.in_(taken.scalar_subquery())).values(expired=True).returning(Pledge.id)
    return len(session.execute(marked, execution_options={"synchronize_session": False}).all())


def erase_people(session: Session, events: Sequence[PersonErased]) -> None:
    """Withdraw the open needs and pledges of people who were erased, and empty the texts about them."""
    accounts, households = {event.account_id for event in events}, {event.household_id for event in events}
    theirs = or_(Need.household_id.in_(households), Need.account_id.in_(accounts))
    for need in session.scalars(select(Need).where(theirs, Need.ended_at.is_(None)).order_by(Need.id).with_for_update()):
        following.end_need(need, "withdrawn", None)
        outbox.add(session, need_withdrawn(need))
    offered = select(Pledge).where(Pledge.pledger_id.in_(accounts), Pledge.withdrawn.is_(False)).order_by(Pledge.id)
    for pledge in session.scalars(offered.with_for_update()):
        pledge.withdrawn = True
        pledge.version, pledge.changed_at = pledge.version + 1, now()
        outbox.add(session, pledge_withdrawn(pledge))
    session.flush()
    erase_values(session, Pledge, Pledge.pledger_id.in_(accounts))
    erase_values(session, Need, theirs)
    duplicates.forget_needs(session, theirs)
    session.execute(update(Need).where(theirs).values(words=[]), execution_options={"synchronize_session": False})


def erase_old_texts(session: Session) -> None:
    """Empty the texts of needs and pledges that ended longer ago than texts are kept."""
    limit = now() - RetentionSettings.of_environment().texts
    for entity, ended_at in ((Need, Need.ended_at), (Pledge, Pledge.valid_until)):
        old = select(entity.id).where(ended_at < limit, holds_values(entity)).order_by(ended_at).limit(ERASED_AT_ONCE)
        ids = session.scalars(old.with_for_update(skip_locked=True, of=entity)).all()
        erase_values(session, entity, entity.id.in_(ids))
        if entity is Need:
            session.execute(update(Need).where(Need.id.in_(ids)).values(words=[]), execution_options={"synchronize_session": False})


def record_households(session: Session, events: Sequence[RegisterEvent]) -> None:
    """Store households and institutions; an older version changes nothing. Their open needs follow them.

    The version that is known tells its size, if it was told before sizes were: so republishing brings them after an upgrade.
    """
    newest = {event.subject: event for event in sorted(events, key=lambda event: (event.subject, event.version))}
    rows = insert(Household).values([_columns_of(event) for event in newest.values()])
    is_newer = Household.version < rows.excluded.version
    tells_size = (Household.version == rows.excluded.version) & Household.size.is_(None) & rows.excluded["size"].is_not(None)
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={name: case((is_newer, rows.excluded[name]), else_=Household.__table__.c[name]) for name in FOLLOWED}
            | {"size": rows.excluded["size"]},
            where=is_newer | tells_size,
        )
    )
    life.add_villages(session, {event.region for event in newest.values()})
    following.follow_households(session, newest)


def record_matches(session: Session, events: Sequence[MatchEvent]) -> None:
    """Store the state of matches; an older version changes nothing. Needs of which everything was received end, others open again."""
    newest = {event.match_id: event for event in sorted(events, key=lambda event: event.version)}
    _lock_quantities(session, events)
    rows = insert(Match).values(
        [
            {
                "id": event.match_id,
                "version": event.version,
                "need_id": event.need_id,
                "pledge_id": event.pledge_id,
                "quantity": event.quantity,
                "state": MATCH_STATES[type(event)],
                "sent": getattr(event, "sent", None),
                "received": getattr(event, "received", None),
            }
            for event in sorted(newest.values(), key=lambda event: event.match_id)
        ]
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["id"],
            set_={name: rows.excluded[name] for name in ("version", "quantity", "state", "sent", "received")},
            where=Match.version < rows.excluded.version,
        )
    )
    arrived = {event.need_id for event in events if isinstance(event, MatchReceived | MatchCorrected | MatchClosed)}
    life.end_met_needs(session, arrived)
    reopening.reopen_unmet_needs(session, arrived)
    choosing.record_claims(session, [event for event in events if isinstance(event, MatchAccepted)])


def record_releases(session: Session, events: Sequence[PledgeReleased]) -> None:
    """Store matching's answers about pledges. The answered quantity holds unless the pledger has asked for another since."""
    for event in sorted(events, key=lambda event: (event.pledge_id, event.version)):
        session.execute(
            update(Pledge)
            .where(Pledge.id == event.pledge_id, Pledge.released_version < event.version)
            .values(
                released_version=event.version,
                answered_version=event.answers,
                resting=event.resting,
                quantity=case((Pledge.version == event.answers, event.quantity), else_=Pledge.quantity),
            )
        )


def _columns_of(event: RegisterEvent) -> dict[str, Any]:
    """Return the columns of a household or institution that an event of its states."""
    return {
        "id": event.subject,
        "version": event.version,
        "account_id": getattr(event, "account_id", None),
        "region": event.region,
        "is_institution": isinstance(event, InstitutionRegistered | InstitutionEnded),
        "size": getattr(event, "size", None),
        "ended": isinstance(event, HouseholdEnded | InstitutionEnded),
        "ended_by": getattr(event, "ended_by", None),
        "merged_into": getattr(event, "merged_into", None),
    }


def _lock_quantities(session: Session, events: Sequence[MatchEvent]) -> None:
    """Lock the sums that triggers change, in one order: else two batches with needs and pledges in common may block each other."""
    for sums, ids in (
        (NeedQuantities, {event.need_id for event in events}),
        (PledgeQuantities, {event.pledge_id for event in events}),
    ):
        session.execute(select(sums.id).where(sums.id.in_(ids)).order_by(sums.id).with_for_update())


def _find_household(session: Session, caller: Caller, household_id: UUID | None) -> Household:
    """Find the household to post for: the caller's own, or one or an institution in a region they manage. Raises `unknown_household`.

    The row is locked, so that nobody posts for a household while its needs follow it.
    """
    if caller.kind == "household":
        mine = session.scalars(
            select(Household).where(Household.account_id == caller.id, ~Household.ended).with_for_update(read=True)
        ).first()
        if mine is None or household_id not in {None, mine.id}:
            raise unknown_household()
        return mine
    household = session.get(Household, household_id, with_for_update={"read": True}) if household_id else None
    if household is None or household.ended or not caller.manages(household.region):
        raise unknown_household()
    return household


def _lock_own_pledge(session: Session, caller: Caller, pledge_id: UUID) -> Pledge:
    """Lock the caller's pledge. Raises the problem that keeps them from changing it."""
    pledge = session.get(Pledge, pledge_id, with_for_update={"of": Pledge})
    if pledge is None or pledge.pledger_id != caller.id:
        raise not_found()
    versions.check_if_match(session, pledge)
    if problem := rules.find_pledge_problem(caller, pledge):
        raise problem
    return pledge


def _require_validity(valid_until: datetime) -> None:
    if problem := rules.find_validity_problem(valid_until, now()):
        raise problem
