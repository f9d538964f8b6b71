"""Events about thanks, made from their rows; never the text."""

from typing import Any, cast

from contracts.matching import ThanksGiven, ThanksRefusal, ThanksRefused, ThanksWritten
from matching.book.events import required
from matching.feedback.model import Thanks


def thanks_written(thanks: Thanks) -> ThanksWritten:
    """Build the event that thanks were written, whatever was decided about them since."""
    facts = _facts(thanks) | {"version": 1}
    return ThanksWritten(**facts, author_id=thanks.author_id, written_at=thanks.written_at)


def thanks_given(thanks: Thanks) -> ThanksGiven:
    """Build the event that thanks were released to the giver."""
    return ThanksGiven(**_facts(thanks), with_photo=thanks.photo_id is not None, given_at=required(thanks.decided_at))


def thanks_refused(thanks: Thanks) -> ThanksRefused:
    """Build the event that thanks were refused."""
    return ThanksRefused(**_facts(thanks), reason=cast("ThanksRefusal", thanks.reason), refused_at=required(thanks.decided_at))


def _facts(thanks: Thanks) -> dict[str, Any]:
    match = thanks.match
    names = ("need_id", "pledge_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    stated = {name: getattr(match, name) for name in names} | {"quantity": required(match.movement("received")).quantity}
    return {"thanks_id": thanks.id, "version": thanks.version, "match_id": match.id, **stated}
