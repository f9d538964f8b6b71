"""States how matches and releases of pledges stand as matching told them: `python -m needs.as_told > as-told.jsonl`.

JSON lines without personal data, which `matching.recall` takes when matching's database had to be restored from an older backup. Refuses
while something that matching told still waits to be heard.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from sqlalchemy import case, select, text
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.messaging.broker import connected, waiting_in
from chassis.messaging.resend import subscriptions_of
from chassis.settings import Settings
from needs.model import Match, Need, Pledge


def lines(session: Session) -> Iterator[dict[str, Any]]:
    """A line for every match, with how its need ended, and one for every pledge that matching answered to."""
    ended = case((Need.state == "withdrawn", "need_withdrawn"), (Need.state == "closed", "need_closed"))
    names = ("version", "need_id", "pledge_id", "quantity", "state", "sent", "received")
    matches = select(Match.id.label("match_id"), *(getattr(Match, name) for name in names), ended.label("need_ended"))
    for row in session.execute(matches.outerjoin(Need, Need.id == Match.need_id).order_by(Match.id)).mappings():
        yield {"of": "match", **row}
    heard = Pledge.released_version.label("version"), Pledge.answered_version.label("answers"), Pledge.resting
    released = select(Pledge.id.label("pledge_id"), *heard).where(Pledge.released_version > 0)
    for row in session.execute(released.order_by(Pledge.id)).mappings():
        yield {"of": "pledge", **row}


def unheard(settings: Settings) -> list[str]:
    """The queues in which something that matching told waits."""
    queues = [queue for place in subscriptions_of("matching", "needs") for queue in (place.queue, f"{place.queue}.retry")]
    with connected(settings.broker_url, settings.heartbeat_seconds) as connection:
        return [queue for queue in queues if waiting_in(connection, queue)]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    settings = Settings.of("needs")
    if waiting := unheard(settings):
        sys.exit(f"not everything that was told is heard yet, let needs-worker go on: {', '.join(waiting)}")
    database = Database.of(settings, "as-told")
    try:
        with database.begin() as session:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            for line in lines(session):
                print(json.dumps(line, default=str))
    finally:
        database.close()


if __name__ == "__main__":
    main()
