"""Restore a book from an older backup: bring its matches to the state that others were told of.

Others know less of a match than the book: its reasons, times, slips and texts are lost. Where a reason is required, a neutral one is set.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.messaging import outbox
from contracts.event import Event
from matching.book import clearing_queue, events
from matching.book.actions import publish_release
from matching.book.lock import lock_rows
from matching.book.model import Match, Movement, Need, Pledge
from matching.book.recount import recount
from matching.holds import actions as holds
from matching.matches.deadlines import set_send_deadline
from matching.matches.rules import find_outcome
from matching.reliability import actions as reliability

SKIPPED_VERSIONS = 10
"""A margin above the steps that needs does not hear of, such as reminders and disputes: no heard version is published twice."""
PROMISED = ("accepted", "sent", "received", "closed")


class PublishedMatch(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="match", forbid_unknown_fields=True):
    """The state of a match as needs heard it; `quantity` is the promised quantity once there is a promise."""

    match_id: UUID
    version: int
    need_id: UUID
    pledge_id: UUID
    quantity: int
    state: Literal["proposed", "accepted", "refused", "lapsed", "declined", "sent", "received", "closed"]
    sent: int | None
    received: int | None
    need_ended: Literal["need_withdrawn", "need_closed"] | None


class PublishedRelease(msgspec.Struct, frozen=True, kw_only=True, tag_field="of", tag="pledge", forbid_unknown_fields=True):
    """The open quantity of a pledge as needs heard it last: the pledge version that it answers, and whether the pledge rests."""

    pledge_id: UUID
    version: int
    answers: int
    resting: bool


def restore_matches(session: Session, held: Sequence[PublishedMatch], answer_within: timedelta, *, replayed: bool) -> Counter[str]:
    """Bring matches to the state that needs holds; count those `recalled`, `known`, or `left` for a later run.

    Before the others' journals are `replayed`, unknown proposals are left: a replayed event may concern their pledge. Afterwards, the
    versions of unfinished matches are raised above all versions that anybody heard.
    """
    lock_rows(session, Pledge, {line.pledge_id for line in held})
    lock_rows(session, Need, {line.need_id for line in held})
    holds.end_holds_of(session, {line.need_id for line in held})
    pledges = _load_by_id(session, Pledge, {line.pledge_id for line in held})
    needs = _load_by_id(session, Need, {line.need_id for line in held})
    matches = _load_by_id(session, Match, {line.match_id for line in held})
    outcome, to_publish, recalled = Counter[str](), list[Event](), list[Match]()
    for line in held:
        match, need, pledge = matches.get(line.match_id), needs.get(line.need_id), pledges.get(line.pledge_id)
        if match and (match.version >= line.version or (match.dispute == "open" and line.state == "closed")):
            outcome["known"] += 1
        elif need is None or pledge is None or (match is None and line.state == "proposed" and not replayed):
            outcome["left"] += 1
        else:
            outcome["recalled"] += 1
            if match is None:
                match = _new_match(line, need, pledge, answer_within)
                session.add(match)
                to_publish += [events.match_proposed(match)] if not events.is_claim(match) else []
            to_publish += _add_missing_steps(match, line)
            if replayed and match.state == "accepted" and need.ended and match.need_ended_at is None:
                match.version, match.need_ended_at = match.version + 1, now()
                match.need_ended_because, match.need_ended_version = line.need_ended or "need_closed", match.version
                to_publish.append(events.match_need_ended(match))
            recalled.append(match)
    session.flush()
    over, raised = _recount(session, recalled)
    _lapse_unfit(session, [match for match in recalled if match.state == "proposed"], over)
    for pledge_id in sorted(raised):
        session.refresh(pledges[pledge_id])
        publish_release(session, pledges[pledge_id])
    reliability.record_events(session, [match.id for match in recalled])
    outbox.add(session, *to_publish)
    if replayed:
        versions = encode_array(line.version + SKIPPED_VERSIONS for line in held)
        session.execute(_RAISE_VERSIONS, {"ids": encode_array(line.match_id for line in held), "versions": versions})
    return outcome


def restore_releases(session: Session, held: Sequence[PublishedRelease]) -> Counter[str]:
    """Republish pledges whose published version is ahead of the book's; the book no longer knows that they rested.

    The same holds when another state carries the heard version: replayed events count on from the backup, and nobody accepts a version
    twice.
    """
    pledges = _load_by_id(session, Pledge, {line.pledge_id for line in held})
    behind = [line for line in held if line.pledge_id in pledges and _is_behind(pledges[line.pledge_id], line)]
    for line in behind:
        pledges[line.pledge_id].releases = line.version
        publish_release(session, pledges[line.pledge_id])
    return Counter({"released": len(behind)})


def _is_behind(pledge: Pledge, heard: PublishedRelease) -> bool:
    if pledge.releases == heard.version:
        return (pledge.version, pledge.paused) != (heard.answers, heard.resting)
    return pledge.releases < heard.version


def _new_match(line: PublishedMatch, need: Need, pledge: Pledge, answer_within: timedelta) -> Match:
    stated = events.match_facts(line.match_id, need, pledge, line.quantity)
    at = datetime.fromtimestamp((line.match_id.int >> 80) / 1000, UTC)
    chosen = line.state == "accepted" and line.version == 1
    return Match(
        id=stated["match_id"], **{name: value for name, value in stated.items() if name != "match_id"}, version=0, state="proposed",
        reasons=[], barred=False, proposed_at=at, answer_by=at if chosen else min(at + answer_within, pledge.valid_until), movements=[],
        best_before=pledge.best_before,
    )  # fmt: skip


def _add_missing_steps(match: Match, line: PublishedMatch) -> Sequence[Event]:
    """Add the steps that the match lacks, and return their events."""
    at, is_over = now(), line.state in {"refused", "lapsed", "declined", "closed"}
    match.state, match.version = line.state, line.version
    missing = [(kind, quantity) for kind, quantity in _published_movements(line) if match.movement(kind) is None]
    corrects = match.movement("received") is not None and line.received is not None and line.received < match.moved("received")
    if corrects:
        match.movements.append(Movement(kind="corrected", quantity=line.received or 0, version=line.version, at=at))
    for number, (kind, quantity) in enumerate(reversed(missing)):
        reason = "other" if kind == "received" and quantity < (line.sent or 0) else None
        version = max(1, line.version - number - is_over)
        match.movements.insert(0, Movement(kind=kind, quantity=quantity, version=version, at=at, reason=reason))
    promised = match.moved("promised")
    back = promised - match.moved("sent")
    if back and match.movement("returned") is None and (match.movement("sent") or is_over):
        match.movements.append(Movement(kind="returned", quantity=back, version=line.version, at=at))
    if line.state in {"refused", "lapsed"} or promised:
        match.answered_at = match.answered_at or at
    if line.state == "accepted" and match.send_by is None:
        set_send_deadline(match, at)
    if line.state in {"declined", "closed"}:
        match.closed_at = at
    if is_over:
        match.ended_because = _find_reason(match)
    match.barred = match.barred or line.state in {"refused", "declined"} or match.ended_because in {"deadline", "not_deliverable"}
    match.barred = match.barred or 0 < promised < match.quantity or match.moved("returned") > 0
    steps = {"promised": events.match_accepted, "sent": events.match_sent, "received": events.match_received}
    ends = {
        "refused": events.match_refused,
        "lapsed": events.match_lapsed,
        "declined": events.match_declined,
        "closed": events.match_closed,
    }
    corrected = [events.match_corrected(match)] if corrects else []
    return [steps[kind](match) for kind, _ in missing] + corrected + ([ends[line.state](match)] if is_over else [])


def _published_movements(line: PublishedMatch) -> list[tuple[str, int]]:
    moved = [("promised", line.quantity)] if line.state in PROMISED else []
    moved += [("sent", line.sent)] if line.sent else []
    return moved + ([("received", line.received or 0)] if line.state == "received" or line.received else [])


def _find_reason(match: Match) -> str:
    if match.state == "lapsed":
        return "deadline" if match.answer_by <= now() else "pledge_changed"
    if match.state != "closed":
        return "other"
    if match.movement("received") is None:
        return "not_deliverable"
    return find_outcome(match.moved("promised"), match.moved("received"))


_RAISE_VERSIONS = text(
    "UPDATE matches SET version = greatest(matches.version, heard.version)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[])) AS heard (id, version)"
    " WHERE matches.id = heard.id AND state IN ('proposed', 'accepted', 'sent', 'received')"
)


def _recount(session: Session, recalled: Sequence[Match]) -> tuple[set[UUID], set[UUID]]:
    """Recompute the free quantities of both sides. Return the rows that are over-allocated, and the pledges whose quantity was raised.

    A pledge is raised to its promised quantity when more was promised than the book says it offers.
    """
    needs, pledges = {match.need_id for match in recalled}, {match.pledge_id for match in recalled}
    reckoned = [
        *recount(session, "pledges", pledges),
        *recount(session, "needs", needs),
    ]
    clearing_queue.add(session, "need", needs)
    clearing_queue.add(session, "pledge", pledges)
    return {row.id for row in reckoned if row.over}, {row.id for row in reckoned if row.raised}


def _lapse_unfit(session: Session, proposed: Sequence[Match], over: set[UUID]) -> None:
    """Lapse proposals whose need or pledge has ended or changed: the events of their end were lost with the book."""
    ended = set(session.scalars(select(Need.id).where(Need.id.in_({match.need_id for match in proposed}), Need.ended)))
    gone = set(session.scalars(select(Pledge.id).where(Pledge.id.in_({match.pledge_id for match in proposed}), Pledge.ended)))
    unfit = [match for match in proposed if match.need_id in ended or {match.need_id, match.pledge_id} & (over | gone)]
    for match in unfit:
        match.state, match.version, match.answered_at = "lapsed", match.version + 1, now()
        match.ended_because = "need_closed" if match.need_id in ended else "pledge_changed"
    session.flush()
    _recount(session, unfit)
    outbox.add(session, *map(events.match_lapsed, unfit))


def _load_by_id(session: Session, entity: Any, ids: set[UUID]) -> dict[UUID, Any]:
    found = select(entity).where(entity.id.in_(ids)).order_by(entity.id)
    return {row.id: row for row in session.scalars(found, execution_options={"populate_existing": True})}
