"""Opening and shutting the doors of hand-overs, and telling givers under way that their collection point changed."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import below, new_id, now
from chassis.messaging import outbox
from contracts.matching import DisputeOpened, DisputeSettled
from users.handovers.events import handover_place_changed
from users.handovers.model import Handover
from users.handovers.queries import is_open
from users.handovers.rules import UNDER_WAY, Heard, HeardDispute, find_step
from users.households.queries import find_places
from users.places.model import Place
from users.places.queries import find_nearest_places

TOLD_AT_ONCE, PLACES_AT_ONCE = 500, 100
_UNANNOUNCED = (
    select(Place)
    .where(Place.announced_version < Place.route_version)
    .order_by(Place.id)
    .limit(PLACES_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_COPIED = ("match_id", "household_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit", "quantity")
_RENEWED = ("version", "household_id", "account_id", "poster_id", "region", "quantity", "step", "shuts_at")


def hear_matches(session: Session, events: Sequence[Heard]) -> None:
    """Open and shut doors as matches go on. The newest version counts, in whatever order events come or are told again."""
    newest: dict[UUID, tuple[Heard, dict[str, Any]]] = {}
    for event in sorted(events, key=lambda event: event.version):
        if (found := find_step(event)) is not None:
            step, shuts_at = found
            newest[event.match_id] = (event, {"version": event.version, "step": step, "shuts_at": shuts_at})
    _record(session, newest, _RENEWED, Handover.version)


def hear_disputes(session: Session, events: Sequence[HeardDispute]) -> None:
    """Keep the doors of disputed matches open until their disputes end, however late these were opened.

    A match is disputed once, and only when something was sent. A door of which nothing else was heard yet has version 0.
    """
    newest: dict[UUID, tuple[HeardDispute, dict[str, Any]]] = {}
    for event in sorted(events, key=lambda event: event.version):
        settled_at = event.settled_at if isinstance(event, DisputeSettled) else None
        known = {"version": 0, "step": "sent", "shuts_at": event.opened_at if isinstance(event, DisputeOpened) else event.settled_at}
        newest[event.match_id] = (event, known | {"dispute_version": event.version, "dispute_settled_at": settled_at})
    _record(session, newest, ("dispute_version", "dispute_settled_at"), Handover.dispute_version)


def _record(
    session: Session, newest: Mapping[UUID, tuple[Heard | HeardDispute, Mapping[str, Any]]], renewed: Collection[str], version: Any
) -> None:
    """Make the doors that are new, and renew the columns of those that know an older version."""
    if not newest:
        return
    living = find_places(session, {event.household_id for event, _ in newest.values()})
    # A household may have moved or been merged since matching heard of it last.
    present = {event.match_id: living.get(event.household_id, (event.household_id, event.region)) for event, _ in newest.values()}
    places = find_nearest_places(session, {region for _, region in present.values()})
    rows = []
    for match_id in sorted(newest):
        event, stated = newest[match_id]
        household_id, region = present[match_id]
        place = places.get(region)
        known: dict[str, Any] = {
            "place_id": place.id if place else None,
            "route_version": place.route_version if place else 0,
            "told_version": 0,
        }
        known |= {"household_id": household_id, "region": region, "id": new_id()}
        rows.append({name: getattr(event, name) for name in _COPIED} | known | dict(stated))
    fresh = insert(Handover).values(rows)
    values = {name: getattr(fresh.excluded, name) for name in renewed}
    newer = version < getattr(fresh.excluded, version.key)
    session.execute(fresh.on_conflict_do_update(index_elements=["match_id"], set_=values, where=newer))


def tell_givers(session: Session) -> int:
    """Tell givers under way whose collection point changed; return how many were told.

    Another replica skips the points that this one looks at. What is left over after `TOLD_AT_ONCE` hand-overs waits for the next call.
    """
    told = looked_at = 0
    for place in session.scalars(_UNANNOUNCED, execution_options={"populate_existing": True}).all():
        if looked_at < TOLD_AT_ONCE:
            found = _find_under_way(session, place, TOLD_AT_ONCE - looked_at)
            looked_at += len(found)
            told += _tell(session, place, found, is_all=looked_at < TOLD_AT_ONCE)
    return told


def follow_household(session: Session, household_id: UUID, into_id: UUID, region: str) -> None:
    """Let the open hand-overs of a household go where it moved, or over to the household that it was merged into; tell the givers."""
    theirs = select(Handover).where(Handover.household_id == household_id, is_open(now())).order_by(Handover.match_id)
    found = session.scalars(theirs.with_for_update(), execution_options={"populate_existing": True}).all()
    nearest = find_nearest_places(session, {region}) if found else {}
    for handover in found:
        handover.household_id, handover.region = into_id, region
    _publish(session, [one for one in found if one.step in UNDER_WAY and _is_rerouted(one, nearest.get(region))])


def _find_under_way(session: Session, place: Place, most: int) -> Sequence[Handover]:
    """Lock the next hand-overs in the region of a point, in the order in which events lock them."""
    under_way = select(Handover).where(below(Handover.region, place.region), Handover.step.in_(UNDER_WAY), is_open(now()))
    if place.announced_to:
        under_way = under_way.where(Handover.match_id > place.announced_to)
    ordered = under_way.order_by(Handover.match_id).limit(most).with_for_update()
    return session.scalars(ordered, execution_options={"populate_existing": True}).all()


def _tell(session: Session, place: Place, found: Sequence[Handover], *, is_all: bool) -> int:
    """Publish the hand-overs whose point is another one now, and note how far the change was told."""
    nearest = find_nearest_places(session, {handover.region for handover in found})
    told = [handover for handover in found if _is_rerouted(handover, nearest.get(handover.region))]
    if is_all:
        place.announced_version, place.announced_to = place.route_version, None
    else:
        place.announced_to = found[-1].match_id
    _publish(session, told)
    return len(told)


def _publish(session: Session, told: Sequence[Handover]) -> None:
    for handover in told:
        handover.told_version, handover.told_at = handover.told_version + 1, now()
    session.flush()
    outbox.add(session, *map(handover_place_changed, told))


def _is_rerouted(handover: Handover, place: Place | None) -> bool:
    """Note the collection point of a hand-over, and tell whether it is another one than the giver knows."""
    known, present = (handover.place_id, handover.route_version), (place.id, place.route_version) if place else (None, 0)
    handover.place_id, handover.route_version = present
    return known != present
