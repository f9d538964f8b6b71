"""What was set aside returns to need and pledge: the one way back, and the one order of locks."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.messaging import outbox
from contracts.matching import Lapse
from matching.book import clearing_queue
from matching.book.events import match_lapsed, match_revised
from matching.book.model import Match, Need, Pledge
from matching.reliability import actions

Side = Literal["need", "pledge"]
_ANEW = {"populate_existing": True}


def find_matches(session: Session, state: str, condition: Any, *, locked: bool = False) -> Sequence[Match]:
    query = select(Match).where(Match.state == state, condition).order_by(Match.id)
    return session.scalars(query.with_for_update() if locked else query, execution_options=_ANEW).all()


def lapse_proposals(session: Session, matches: Sequence[Match], because: Lapse | Literal["revised"]) -> Sequence[Match]:
    if not matches:
        return []
    lock_pledges_and_needs(session, matches)
    ended = session.scalars(
        update(Match)
        .where(Match.id.in_([match.id for match in matches]), Match.state == "proposed")
        .values(
            state="lapsed", version=Match.version + 1, ended_because=because, barred=because in {"deadline", "revised"}, answered_at=now()
        )
        .returning(Match),
        execution_options=_ANEW,
    ).all()
    release_matches(session, ended)
    if because == "deadline":
        actions.record_events(session, [match.id for match in ended])
    outbox.add(session, *map(match_revised if because == "revised" else match_lapsed, ended))
    return ended


def lock_pledges_and_needs(session: Session, matches: Sequence[Match]) -> None:
    """Everybody who needs both locks pledges before needs, each in the order of their ids, and matches last: so nobody deadlocks."""
    lock_rows(session, Pledge, {match.pledge_id for match in matches})
    lock_rows(session, Need, {match.need_id for match in matches})


def lock_pledge_and_proposed_needs(session: Session, match: Match) -> None:
    """The pledge of a match, and the needs of all that is proposed of it: with the pledge held, nothing more can be proposed of it."""
    lock_rows(session, Pledge, {match.pledge_id})
    proposed = session.scalars(select(Match.need_id).where(Match.pledge_id == match.pledge_id, Match.state == "proposed"))
    lock_rows(session, Need, {match.need_id, *proposed})


def find_proposed_pledges(session: Session, needs: Collection[UUID]) -> set[UUID]:
    return set(session.scalars(select(Match.pledge_id).where(Match.need_id.in_(needs), Match.state == "proposed")))


def lock_rows(session: Session, entity: type[Pledge] | type[Need], ids: Collection[UUID]) -> None:
    session.execute(select(entity.id).where(entity.id.in_(ids)).order_by(entity.id).with_for_update())


_GIVE_BACK = {
    side: text(
        f"UPDATE {table} SET rest = rest + part.quantity"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS bigint[])) AS part (id, quantity)"
        f" WHERE {table}.id = part.id AND NOT ended"
    )
    for side, table in (("need", "needs"), ("pledge", "pledges"))
}


def release_matches(session: Session, matches: Sequence[Match]) -> None:
    """All that was set aside is free again on both sides."""
    sides: dict[Side, Counter[UUID]] = {"need": Counter(), "pledge": Counter()}
    for match in matches:
        sides["need"][match.need_id] += match.quantity
        sides["pledge"][match.pledge_id] += match.quantity
    for side, freed in sides.items():
        release_quantities(session, side, freed)


def release_quantities(session: Session, side: Side, freed: Mapping[UUID, int]) -> None:
    """So much of each is free again, as far as it is still open, and is looked at again. Its rows are locked already."""
    if freed:
        session.execute(_GIVE_BACK[side], {"ids": list(freed), "quantities": list(freed.values())})
        clearing_queue.add(session, side, freed.keys())
