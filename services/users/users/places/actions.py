"""Adding and changing collection points, and confirming what waits.

Whatever leads goods elsewhere waits for the level above: another name, address or telephone, and a new point where another one takes the
goods now. So nobody alone redirects what givers have promised.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from users.places import queries, rules
from users.places.events import place_change_proposed, place_changed
from users.places.model import Place
from users.problems import proposal_replaced, too_many_places
from users.regions.rules import find_region_problem

MOST_PLACES = 20
"""The most points of one region."""
_REGION = 0x706C61
"""The class of advisory locks for the points of a region."""


def add_place(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> Place:
    """Add a point to a region that the caller manages. It waits for the level above where another point takes the goods now."""
    region = wanted["region"]
    if problem := find_region_problem(caller, region):
        raise problem
    session.execute(select(func.pg_advisory_xact_lock(_REGION, int(region[-9:]))))
    if queries.count_places(session, region) >= MOST_PLACES:
        raise too_many_places(most=MOST_PLACES)
    place = Place(id=new_id(), state="open", version=1, **wanted)
    if queries.find_nearest_places(session, [region]):
        place.state = "waiting"
        _propose(place, caller, _read(place))
        session.add(place)
        session.flush()
        outbox.add(session, place_change_proposed(place))
        return place
    session.add(place)
    _publish(session, place, is_rerouted=True)
    return place


def change_place(session: Session, caller: Caller, place_id: UUID, wanted: Mapping[str, Any]) -> Place:
    """Change a point. Another name, address or telephone waits for the level above and replaces what waited; the rest counts at once."""
    place = _lock(session, "change_place", caller, place_id)
    changed = {name for name, value in wanted.items() if name not in rules.CONFIRMED and getattr(place, name) != value}
    waiting = _read(place, "proposed_") if place.proposal_id else _read(place)
    asked = waiting | {name: wanted[name] for name in rules.CONFIRMED if name in wanted}
    if not changed and asked == waiting:
        return place
    place.version += 1
    for name in changed:
        setattr(place, name, wanted[name])
    if asked != waiting:
        _drop_proposal(place)
        if asked != _read(place):
            _propose(place, caller, asked)
            session.flush()
            outbox.add(session, place_change_proposed(place))
    if changed:
        _publish(session, place, is_rerouted=not changed.isdisjoint(rules.ROUTE))
    session.flush()
    return place


def confirm_place(session: Session, caller: Caller, place_id: UUID, proposal_id: UUID) -> Place:
    """Let a proposal count, as an administrator of a wider region. Raises `proposal_replaced` when another one waits by now."""
    place = _lock(session, "confirm_place", caller, place_id)
    if place.proposal_id != proposal_id:
        raise proposal_replaced()
    place.version += 1
    for name, value in _read(place, "proposed_").items():
        setattr(place, name, value)
    place.state = "open" if place.state == "waiting" else place.state
    _drop_proposal(place)
    _publish(session, place, is_rerouted=True)
    return place


def refuse_place(session: Session, caller: Caller, place_id: UUID, proposal_id: UUID) -> Place:
    """Drop a proposal, as an administrator of the region or above; a new point that waited is refused with it."""
    place = _lock(session, "refuse_place", caller, place_id)
    if place.proposal_id != proposal_id:
        raise proposal_replaced()
    place.version += 1
    place.state = "refused" if place.state == "waiting" else place.state
    _drop_proposal(place)
    session.flush()
    return place


def _lock(session: Session, act: str, caller: Caller, place_id: UUID) -> Place:
    place = queries.get_place(session, caller, place_id, lock=True)
    versions.check_if_match(session, place)
    stands = place.id in queries.find_standing_proposers(session, [place])
    if problem := rules.find_place_problem(act, caller, place, proposer_stands=stands):
        raise problem
    return place


def _read(place: Place, prefix: str = "") -> dict[str, Any]:
    """Read what the level above confirms: as it counts, or with `proposed_` as it waits."""
    return {name: getattr(place, prefix + name) for name in rules.CONFIRMED}


def _propose(place: Place, caller: Caller, asked: Mapping[str, Any]) -> None:
    place.proposal_id, place.proposed_by, place.proposed_at, place.proposed_version = new_id(), caller.id, now(), place.version
    for name, value in asked.items():
        setattr(place, f"proposed_{name}", value)


def _drop_proposal(place: Place) -> None:
    place.proposal_id = place.proposed_by = place.proposed_at = place.proposed_version = None
    for name in rules.CONFIRMED:
        setattr(place, f"proposed_{name}", None)


def _publish(session: Session, place: Place, *, is_rerouted: bool) -> None:
    """Publish what counts of a point from now on. Givers under way are told when `is_rerouted`, by a timer."""
    place.published_version, place.published_at = place.version, now()
    if is_rerouted:
        place.route_version, place.announced_to = place.version, None
    session.flush()
    outbox.add(session, place_changed(place))
