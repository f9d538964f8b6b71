"""Rules of the review: its clocks, the value that needs a second step, the order of the work list. No rule needs a database."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from chassis.problems import Problem
from chassis.working_days import deadline_after
from needs.model import Need
from needs.problems import story_identifies
from needs.review.identifying import LABELS, find_identifying
from needs.rules import WAITING

Act = Literal["verify", "return", "reject"]

REVIEW_DAYS = {"posted": 2, "confirmed": 20}
"""Working days from the beginning of a step until its decision, by the state in which a need waits."""
REMINDED_BEFORE = 1
"""Reviewers are reminded when so many working days are left."""
STEPS = {"village": "posted", "county": "confirmed"}
"""The state in which a need waits at each step."""
URGENCIES = ("critical", "urgent", "normal")
"""The order of the work list; within an urgency the needs whose time ends first come first."""


@dataclass(frozen=True)
class Decided:
    """What a reviewer decides about a need. `reason` goes with a return or a rejection, `story` and `quantity` with a verification."""

    need_id: UUID
    act: Act
    reason: str | None = None
    story: str | None = None
    note: str | None = None
    quantity: int | None = None


def find_due(state: str, at: datetime) -> datetime:
    """Return the end of the time to decide about a need that begins to wait in this state."""
    return deadline_after(at, REVIEW_DAYS[state]).at


def is_overdue(need: Need, at: datetime) -> bool:
    """Tell whether a need waits longer than it should."""
    return need.state in WAITING and need.due_at <= at


def needs_county(state: str, value: int | None, county_above: int) -> bool:
    """Tell whether a need that is verified in this state goes to the county: its value is known and above the threshold."""
    return state == "posted" and value is not None and value > county_above


def is_repeat(decided: Decided, caller_id: UUID, need: Need) -> bool:
    """Tell whether the caller has decided just this about the need already, so that the same request twice does the same once."""
    done = {
        "verify": (need.state == "published" and need.verifier_id == caller_id)
        or (need.state == "confirmed" and need.confirmed_by == caller_id),
        "return": need.state == "returned" and need.returned_by == caller_id and need.returned_because == decided.reason,
        "reject": need.state == "rejected" and need.verifier_id == caller_id and need.ended_because == decided.reason,
    }
    return done[decided.act]


def find_story_problem(story: str | None) -> Problem | None:
    """Return why a text may not be shown to everybody, or None: it tells who somebody is, or how to reach them."""
    if story is None or not (found := find_identifying(story)):
        return None
    kinds = dict.fromkeys(kind for kind, _, _ in found)
    listed = [{"kind": kind, "at": begin, "length": end - begin} for kind, begin, end in found]
    zh, en = (separator.join(LABELS[kind][place] for kind in kinds) for place, separator in ((0, "、"), (1, ", ")))
    return story_identifies(members={"found": listed}, zh_found=zh, en_found=en)


def list_roots(held: Collection[str], asked: str) -> list[str]:
    """List the widest regions that lie in those that are held and in the one that is asked for."""
    inside = {asked if asked.startswith(own) else own for own in held if asked.startswith(own) or own.startswith(asked)}
    return sorted(root for root in inside if not any(root != other and root.startswith(other) for other in inside))
