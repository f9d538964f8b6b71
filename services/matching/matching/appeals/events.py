"""Events about appeals, made from their rows; never the text."""

from typing import Any, Literal, cast

from contracts.matching import AppealDecided, AppealLodged
from matching.appeals.model import Appeal
from matching.appeals.rules import people_involved_in
from matching.book.events import required


def appeal_lodged(appeal: Appeal) -> AppealLodged:
    """Build the event that somebody appealed."""
    involved = sorted(people_involved_in(appeal, appeal.lodged_at))
    return AppealLodged(version=1, **_facts(appeal), involved=involved, lodged_at=appeal.lodged_at)


def appeal_decided(appeal: Appeal) -> AppealDecided:
    """Build the event that the county decided an appeal."""
    outcome = cast("Literal['upheld', 'dismissed']", appeal.state)
    return AppealDecided(version=appeal.version, **_facts(appeal), outcome=outcome, decided_at=required(appeal.decided_at))


def _facts(appeal: Appeal) -> dict[str, Any]:
    match = appeal.event.match
    stated = {name: getattr(match, name) for name in ("need_id", "pledge_id", "region", "category", "unit", "quantity")}
    side = "giver" if appeal.person_id == match.pledger_id else "household"
    more = {"appeal_id": appeal.id, "match_id": match.id, "appellant_id": appeal.person_id, "side": side, "mark": appeal.event.kind}
    return stated | more
