"""What is told of thanks and appeals: live in the transaction that decided, and anew whenever it is asked for. Never what was written."""

from typing import Any

from contracts.matching import AppealDecided, AppealLodged, ThanksGiven, ThanksRefused, ThanksWritten
from matching.trust.allowed import involved_in
from matching.trust.model import Appeal, Thanks


def thanks_written(thanks: Thanks) -> ThanksWritten:
    stated = _of_thanks(thanks) | {"version": 1}
    return ThanksWritten(**stated, author_id=thanks.author_id, written_at=thanks.written_at)


def thanks_given(thanks: Thanks) -> ThanksGiven:
    return ThanksGiven(**_of_thanks(thanks), with_photo=thanks.photo_id is not None, given_at=thanks.decided_at)


def thanks_refused(thanks: Thanks) -> ThanksRefused:
    return ThanksRefused(**_of_thanks(thanks), reason=thanks.reason, refused_at=thanks.decided_at)


def appeal_lodged(appeal: Appeal) -> AppealLodged:
    involved = sorted(involved_in(appeal, appeal.lodged_at))
    return AppealLodged(version=1, **_of_appeal(appeal), involved=involved, lodged_at=appeal.lodged_at)


def appeal_decided(appeal: Appeal) -> AppealDecided:
    return AppealDecided(version=appeal.version, **_of_appeal(appeal), outcome=appeal.state, decided_at=appeal.decided_at)


def _of_appeal(appeal: Appeal) -> dict[str, Any]:
    match = appeal.mark.match
    stated = {name: getattr(match, name) for name in ("need_id", "pledge_id", "region", "category", "unit", "quantity")}
    side = "giver" if appeal.person_id == match.pledger_id else "household"
    more = {"appeal_id": appeal.id, "match_id": match.id, "appellant_id": appeal.person_id, "side": side, "mark": appeal.mark.kind}
    return stated | more


def _of_thanks(thanks: Thanks) -> dict[str, Any]:
    match = thanks.match
    names = ("need_id", "pledge_id", "account_id", "poster_id", "pledger_id", "region", "category", "unit")
    stated = {name: getattr(match, name) for name in names} | {"quantity": match.moved("received")}
    return {"thanks_id": thanks.id, "version": thanks.version, "match_id": match.id, **stated}
