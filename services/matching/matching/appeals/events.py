"""Events about appeals, made from their rows; never the text."""

from typing import Any

from contracts.matching import AppealDecided, AppealLodged
from matching.appeals.model import Appeal
from matching.appeals.rules import people_involved_in


def appeal_lodged(appeal: Appeal) -> AppealLodged:
    involved = sorted(people_involved_in(appeal, appeal.lodged_at))
    return AppealLodged(version=1, **_of_appeal(appeal), involved=involved, lodged_at=appeal.lodged_at)


def appeal_decided(appeal: Appeal) -> AppealDecided:
    return AppealDecided(version=appeal.version, **_of_appeal(appeal), outcome=appeal.state, decided_at=appeal.decided_at)


def _of_appeal(appeal: Appeal) -> dict[str, Any]:
    match = appeal.event.match
    stated = {name: getattr(match, name) for name in ("need_id", "pledge_id", "region", "category", "unit", "quantity")}
    side = "giver" if appeal.person_id == match.pledger_id else "household"
    more = {"appeal_id": appeal.id, "match_id": match.id, "appellant_id": appeal.person_id, "side": side, "mark": appeal.event.kind}
    return stated | more
