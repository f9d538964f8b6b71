"""What is told of thanks and appeals: live in the transaction that decided, and anew whenever it is asked for. Never what was written."""

from typing import Any

from contracts.matching import AppealDecided, ThanksGiven, ThanksRefused
from matching.trust.model import Appeal, Thanks


def thanks_given(thanks: Thanks) -> ThanksGiven:
    return ThanksGiven(**_of_thanks(thanks), with_photo=thanks.photo_id is not None, given_at=thanks.decided_at)


def thanks_refused(thanks: Thanks) -> ThanksRefused:
    return ThanksRefused(**_of_thanks(thanks), reason=thanks.reason, refused_at=thanks.decided_at)


def appeal_decided(appeal: Appeal) -> AppealDecided:
    mark = appeal.mark
    match = mark.match
    return AppealDecided(
        version=appeal.version, appeal_id=appeal.id, match_id=match.id, need_id=match.need_id, pledge_id=match.pledge_id,
        appellant_id=appeal.person_id, side="giver" if appeal.person_id == match.pledger_id else "household", mark=mark.kind,
        region=match.region, category=match.category, unit=match.unit, quantity=match.quantity,
        outcome=appeal.state, decided_at=appeal.decided_at,
    )  # fmt: skip


def _of_thanks(thanks: Thanks) -> dict[str, Any]:
    match = thanks.match
    names = ("need_id", "pledge_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    stated = {name: getattr(match, name) for name in names} | {"quantity": match.moved("received")}
    return {"thanks_id": thanks.id, "version": thanks.version, "match_id": match.id, **stated}
