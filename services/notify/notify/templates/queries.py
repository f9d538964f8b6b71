"""Queries of templates: the words in force in a region, and the versions that it has set."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from notify.templates import rules
from notify.templates.model import WordSet

MOST_SHOWN = 50


@dataclass(frozen=True)
class Wordings:
    """The last versions of regions, by region, kind and side. Those that ended their words are left out."""

    last: Mapping[tuple[str, str, str], WordSet]

    def find(self, region: str, kind: str, side: str) -> WordSet | None:
        """Find the words that hold in a region: its own, or those of the nearest region around it; None where the shipped ones hold."""
        return next((found for place in rules.list_enclosing_regions(region) if (found := self.last.get((place, kind, side)))), None)


def load_wordings(session: Session, regions: Iterable[str], kinds: Collection[str] | None = None) -> Wordings:
    """Load the words in force in any of these regions, for some kinds or all."""
    places = sorted({place for region in regions for place in rules.list_enclosing_regions(region)})
    query = select(WordSet).where(WordSet.region.in_(places)).distinct(WordSet.region, WordSet.kind, WordSet.side)
    if kinds is not None:
        query = query.where(WordSet.kind.in_(kinds))
    newest = query.order_by(WordSet.region, WordSet.kind, WordSet.side, WordSet.version.desc())
    rows = session.scalars(newest).all() if places else []
    return Wordings({(one.region, one.kind, one.side): one for one in rows if one.words is not None})


def list_history(session: Session, caller: Caller, region: str, kind: str, side: str) -> Sequence[WordSet]:
    """List the versions that a region has set, the newest first. Raises `not_found` for a caller who may not read them."""
    if not rules.may_read(caller, region):
        raise not_found()
    query = select(WordSet).where(WordSet.region == region, WordSet.kind == kind, WordSet.side == side)
    return session.scalars(query.order_by(WordSet.version.desc()).limit(MOST_SHOWN)).all()
