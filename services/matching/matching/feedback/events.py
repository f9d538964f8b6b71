"""Events about thanks, made from their rows; never the text."""

from typing import Any

from contracts.matching import ThanksGiven, ThanksRefused, ThanksWritten
from matching.feedback.model import Thanks


def thanks_written(thanks: Thanks) -> ThanksWritten:
    stated = _of_thanks(thanks) | {"version": 1}
    return ThanksWritten(**stated, author_id=thanks.author_id, written_at=thanks.written_at)


def thanks_given(thanks: Thanks) -> ThanksGiven:
    return ThanksGiven(**_of_thanks(thanks), with_photo=thanks.photo_id is not None, given_at=thanks.decided_at)


def thanks_refused(thanks: Thanks) -> ThanksRefused:
    return ThanksRefused(**_of_thanks(thanks), reason=thanks.reason, refused_at=thanks.decided_at)


def _of_thanks(thanks: Thanks) -> dict[str, Any]:
    match = thanks.match
    names = ("need_id", "pledge_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    stated = {name: getattr(match, name) for name in names} | {"quantity": match.moved("received")}
    return {"thanks_id": thanks.id, "version": thanks.version, "match_id": match.id, **stated}
