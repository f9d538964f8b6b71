"""People who answer proposals and deliver: acts that only matching's journal records."""

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.problems import Problem
from matching.book.model import Match
from matching.matches.actions import answers, delivery


def act(database: Database, drawn: random.Random, many: int) -> int:
    """Let `count` people do their next act on a match; return how many did."""
    with database.begin() as session:
        open_ = select(Match.id).where(Match.state.in_(("proposed", "accepted", "sent", "received"))).order_by(Match.id)
        chosen = list(session.scalars(open_))
    return sum(_act(database, drawn, match_id) for match_id in drawn.sample(chosen, min(many, len(chosen))))


def _act(database: Database, drawn: random.Random, match_id: UUID) -> bool:
    try:
        with database.begin() as session:
            match = session.get_one(Match, match_id)
            _next(match, drawn)(session)
    except Problem:
        return False
    return True


def _next(match: Match, drawn: random.Random) -> Callable[[Session], Any]:
    def by(person: UUID | None, kind: str, act: Callable[..., Any], *stated: Any) -> Callable[[Session], Any]:
        return lambda session: act(session, Caller(person or match.pledger_id, kind, session), match.id, *stated)

    promised = match.moved("promised")
    if match.state == "proposed":
        if drawn.random() < 0.25:
            return by(match.pledger_id, "donor", answers.refuse_match, "other")
        return by(match.pledger_id, "donor", answers.accept_match, drawn.randint(1, match.quantity))
    if match.state == "accepted":
        if drawn.random() < 0.2:
            return by(match.account_id, "household", answers.decline_match, "not_needed")
        return by(match.pledger_id, "donor", delivery.send_match, "self", None, drawn.randint(1, promised))
    if match.state == "sent":
        return by(match.account_id, "household", delivery.receive_match)
    return by(match.account_id, "household", delivery.close_match)
