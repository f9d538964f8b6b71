"""Planning of deliveries: which endpoints want what was just told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from contracts.event import Event
from notify.endpoints import rules
from notify.endpoints.model import Delivery, Endpoint
from notify.messages.model import Message
from notify.messages.planning import WAKE_SENDERS
from notify.messages.rules import ENDPOINTS, KEPT_TRYING
from notify.rules import GIVER, announcements_of

Content = Mapping[str, Any]
_WAITING = ("created", "temporary-failure")


def plan_deliveries(session: Session, events: Sequence[Event], notices: Iterable[Content], at: datetime) -> None:
    """Plan a delivery to each endpoint that wants one of these events, or of the fresh notices to its owner."""
    announced = [one for event in events for one in announcements_of(event)]
    owned = [notice for notice in notices if notice["side"] == GIVER]
    places = {place[:digits] for one in announced if (place := one["region"]) for digits in rules.OFFICES}
    wanted = _list_endpoints(session, places, {notice["recipient_id"] for notice in owned}) if announced or owned else []
    fresh = [pair for endpoint in wanted for pair in _wanted_by(endpoint, announced, owned)]
    if fresh:
        _add(session, fresh, at)
        session.execute(WAKE_SENDERS)


def _list_endpoints(session: Session, places: set[str], owners: set[UUID]) -> list[Any]:
    columns = (Endpoint.id, Endpoint.owner_id, Endpoint.region, Endpoint.channel, Endpoint.kinds)
    either = or_(Endpoint.region.in_(sorted(places)), Endpoint.owner_id.in_(sorted(owners)))
    found = session.execute(select(*columns).where(either, Endpoint.state == "active").order_by(Endpoint.id))
    return list(found.all())


def _wanted_by(endpoint: Any, announced: Iterable[Content], owned: Iterable[Content]) -> Iterator[tuple[Any, Content]]:
    """Yield what an endpoint wants. An office is told what its level is told in the app."""
    if endpoint.region is None:
        yield from ((endpoint, one) for one in owned if one["recipient_id"] == endpoint.owner_id and one["kind"] in endpoint.kinds)
    else:
        for one in announced:
            is_told = len(endpoint.region) <= rules.longest_region(one["kind"])
            if is_told and one["kind"] in endpoint.kinds and (one["region"] or "").startswith(endpoint.region):
                yield endpoint, one


def _add(session: Session, wanted: Sequence[tuple[Any, Content]], at: datetime) -> None:
    """Add messages with their contents. For a bot, what is like a letter that still waits is only counted in it."""
    bots = {endpoint.id for endpoint, _ in wanted if endpoint.channel != rules.WEBHOOK}
    waiting = _lock_waiting(session, bots) if bots else {}
    counted: dict[UUID, int] = {}
    messages: dict[UUID, dict[str, Any]] = {}
    contents: list[dict[str, Any]] = []
    for endpoint, content in wanted:
        is_bot = endpoint.id in bots
        key = (endpoint.id, content["kind"])
        if is_bot and (message_id := waiting.get(key)):
            counted[message_id] = counted.get(message_id, 0) + 1
            continue
        message_id = new_id()
        waiting[key] = message_id
        wait = rules.GATHERING if is_bot else timedelta(0)
        messages[message_id] = message_to(endpoint.id, endpoint.channel, content["kind"], message_id, at, wait)
        about = {name: content[name] for name in ("kind", "side", "about", "about_version", "facts")}
        contents.append(about | {"message_id": message_id, "endpoint_id": endpoint.id, "more": 0})
    if messages:
        session.execute(insert(Message), list(messages.values()))
        written = set(session.scalars(insert(Delivery).values(contents).on_conflict_do_nothing().returning(Delivery.message_id)))
        # An event that came twice has its delivery already.
        if twice := messages.keys() - written:
            session.execute(delete(Message).where(Message.id.in_(twice)).execution_options(synchronize_session=False))
    for message_id, more in sorted(counted.items()):
        session.execute(update(Delivery).where(Delivery.message_id == message_id).values(more=Delivery.more + more))


def _lock_waiting(session: Session, endpoints: set[UUID]) -> dict[tuple[UUID, str], UUID]:
    """Lock the letters that wait for bots. One that a process has in hand is passed over: its words may be written already."""
    waiting = (
        select(Message.id, Message.endpoint_id, Message.kind)
        .where(Message.endpoint_id.in_(sorted(endpoints)), Message.settled_at.is_(None), Message.state.in_(_WAITING))
        .order_by(Message.id)
        .with_for_update(skip_locked=True)
    )
    return {(row.endpoint_id, row.kind): row.id for row in session.execute(waiting) if row.endpoint_id}


def message_to(
    endpoint_id: UUID, channel: str, kind: str, message_id: UUID, at: datetime, wait: timedelta = timedelta(0)
) -> dict[str, Any]:
    """Return the columns of a fresh message to an endpoint."""
    return {
        "id": message_id,
        "endpoint_id": endpoint_id,
        "channel": channel,
        "then": [],
        "kind": kind,
        "priority": ENDPOINTS,
        "state": "created",
        "attempts": 0,
        "doubts": 0,
        "created_at": at,
        "due_at": at + wait,
        "expires_at": at + wait + KEPT_TRYING[ENDPOINTS],
    }
