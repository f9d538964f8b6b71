"""Adding and changing collection points, and confirming what waits.

Whatever leads goods elsewhere waits for the level above: another address or telephone, and a new point where another one takes the goods
now. So nobody alone redirects what givers have promised.
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
        _propose(place, caller, place.address, place.telephone)
        session.add(place)
        session.flush()
        outbox.add(session, place_change_proposed(place))
        return place
    session.add(place)
    _publish(session, place, is_rerouted=True)
    return place


def change_place(session: Session, caller: Caller, place_id: UUID, wanted: Mapping[str, Any]) -> Place:
    """Change a point. Another address or telephone waits for the level above and replaces what waited; the rest counts at once."""
    place = _lock(session, "change_place", caller, place_id)
    changed = {name for name, value in wanted.items() if name not in rules.CONFIRMED and getattr(place, name) != value}
    asked = _find_asked(place, wanted)
    waiting = (place.proposed_address, place.proposed_telephone) if place.proposal_id else (place.address, place.telephone)
    if not changed and asked == waiting:
        return place
    place.version += 1
    for name in changed:
        setattr(place, name, wanted[name])
    if asked != waiting:
        _drop_proposal(place)
        if asked != (place.address, place.telephone):
            _propose(place, caller, *asked)
            session.flush()
            outbox.add(session, place_change_proposed(place))
    if changed:
        _publish(session, place, is_rerouted=not changed.isdisjoint(rules.ROUTE))
    session.flush()
    return place


def confirm_place(session: Session, caller: Caller, place_id: UUID, proposal_id: UUID) -> Place:
    """Let a proposal count, as an administrator of a wider region. Raises `proposal_replaced` when another one waits by now."""
    place = _lock(session, "confirm_place", caller, place_id)
    if place.proposal_id != proposal_id or place.proposed_address is None:
        raise proposal_replaced()
    place.version += 1
    place.address, place.telephone = place.proposed_address, place.proposed_telephone
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


def _find_asked(place: Place, wanted: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the address and telephone that are asked for: what is stated, else what waits, else what counts."""
    address = place.proposed_address if place.proposal_id and place.proposed_address else place.address
    telephone = place.proposed_telephone if place.proposal_id else place.telephone
    return wanted.get("address", address), wanted.get("telephone", telephone)


def _propose(place: Place, caller: Caller, address: str, telephone: str | None) -> None:
    place.proposal_id, place.proposed_by, place.proposed_at = new_id(), caller.id, now()
    place.proposed_address, place.proposed_telephone, place.proposed_version = address, telephone, place.version


def _drop_proposal(place: Place) -> None:
    place.proposal_id = place.proposed_by = place.proposed_at = None
    place.proposed_address = place.proposed_telephone = place.proposed_version = None


def _publish(session: Session, place: Place, *, is_rerouted: bool) -> None:
    """Publish what counts of a point from now on. Givers under way are told when `is_rerouted`, by a timer."""
    place.published_version, place.published_at = place.version, now()
    if is_rerouted:
        place.route_version, place.announced_to = place.version, None
    session.flush()
    outbox.add(session, place_changed(place))
