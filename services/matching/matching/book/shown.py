"""Matches and what belongs to them, noted for the audit log when an answer shows them to somebody who is no party."""

from uuid import UUID

from chassis.http.auth import Caller
from chassis.http.shown import note_shown
from matching.book.model import Match


def note_of_match_shown(
    caller: Caller, match: Match, subject: str = "match", subject_id: UUID | None = None, *, masked: bool = False
) -> None:
    """Note that an answer shows a match, or something that belongs to it, with the data of its two parties."""
    people = (match.pledger_id, match.account_id or match.household_id)
    note_shown(caller, subject, subject_id or match.id, people=people, region=match.region, masked=masked)
