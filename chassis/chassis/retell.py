"""Tells one listener how everything of a service stands now, as events: `python -m chassis.retell needs --to matching`.

For a listener that is added, or restored, when the journal no longer holds everything. Ids are the same each time and versions those
that were told first, so a retelling changes nothing for who knows it already.
"""

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.messaging import resend
from chassis.messaging.events import ServiceWorker, handlers_of
from chassis.messaging.resend import Chapter, Line, Refused
from chassis.messaging.snapshots import Story, retold
from chassis.messaging.subscription import Place
from chassis.settings import Settings
from contracts.event import encode, name_of


def chapters(teller: str, places: Sequence[Place]) -> list[Chapter]:
    """The stories of the teller for these places. Raises `Refused` when there is none for one that is wanted."""
    stories: Sequence[Story] = import_module(f"{teller}.snapshots").SNAPSHOTS
    found = {place.event: place for place in places}
    if untold := sorted(name_of(event) for event in found.keys() - {story.event for story in stories}):
        raise Refused(f"{teller} cannot retell {', '.join(untold)}")
    return [Chapter(found[story.event], story.count, partial(_page, story=story)) for story in stories if story.event in found]


def check(worker: type[ServiceWorker], places: Sequence[Place]) -> None:
    """Raises `Refused` when the listener would do again, upon old events, what cannot be undone."""
    wanted = {place.event for place in places}
    acting = [one.place for one in handlers_of(worker) if one.place.event in wanted and not hasattr(ServiceWorker, one.method)]
    if acting and worker.refuses_retelling:
        names = ", ".join(name_of(place.event) for place in acting)
        raise Refused(f"{worker.name} refuses to be retold {names}: {worker.refuses_retelling}")


def _page(session: Session, mark: str, story: Story) -> list[Line]:
    try:
        after = UUID(mark) if mark else None
    except ValueError:
        raise Refused(f"{mark} is no id") from None
    return [Line(str(key), retold(event), encode(event)) for key, event in story.page(session, after, resend.PAGE)]


def main() -> None:
    given = resend.arguments_of(__doc__)

    def found(_: object) -> list[Chapter]:
        places = resend.places_of(given.teller, given.to, given.event)
        check(import_module(f"{given.to}.worker").Worker, places)
        return chapters(given.teller, places)

    resend.run(given, Settings.of(given.teller), found)


if __name__ == "__main__":
    main()
