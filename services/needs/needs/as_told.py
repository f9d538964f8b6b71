"""Export the state of matches and pledges as received from matching: `python -m needs.as_told > as-told.jsonl`.

The JSON lines hold no personal data. `matching.recall` reads them after matching's database was restored from an older backup.
The command refuses to run while events of matching still wait in a queue.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from sqlalchemy import case, select, text
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.failures import Parser, one_line_failures
from chassis.messaging.broker import connected, count_waiting
from chassis.messaging.resend import subscriptions_of
from chassis.settings import Settings
from chassis.start import read_settings
from needs.model import Match, Need, Pledge


def export_lines(session: Session) -> Iterator[dict[str, Any]]:
    """Yield a line for every match, with the end of its need, and one for every pledge that matching has answered."""
    ended = case((Need.state == "withdrawn", "need_withdrawn"), (Need.state.in_(("closed", "expired", "met")), "need_closed"))
    names = ("version", "need_id", "pledge_id", "quantity", "state", "sent", "received")
    matches = select(Match.id.label("match_id"), *(getattr(Match, name) for name in names), ended.label("need_ended"))
    for row in session.execute(matches.outerjoin(Need, Need.id == Match.need_id).order_by(Match.id)).mappings():
        yield {"of": "match", **row}
    answers = Pledge.released_version.label("version"), Pledge.answered_version.label("answers"), Pledge.resting
    released = select(Pledge.id.label("pledge_id"), *answers).where(Pledge.released_version > 0)
    for row in session.execute(released.order_by(Pledge.id)).mappings():
        yield {"of": "pledge", **row}


def find_waiting_queues(settings: Settings) -> list[str]:
    """List the queues, retry queues included, that hold events of matching."""
    queues = [queue for place in subscriptions_of("matching", "needs") for queue in (place.queue, f"{place.queue}.retry")]
    with connected(settings.broker_url, settings.heartbeat_seconds) as connection:
        return [queue for queue in queues if count_waiting(connection, queue)]


@one_line_failures
def main() -> None:
    Parser(description=__doc__).parse_args()
    settings = read_settings("needs")
    if waiting := find_waiting_queues(settings):
        sys.exit(f"events of matching still wait, let needs-worker handle them first: {', '.join(waiting)}")
    database = Database.of(settings, "as-told")
    try:
        with database.begin() as session:
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            for line in export_lines(session):
                print(json.dumps(line, default=str))
    finally:
        database.close()


if __name__ == "__main__":
    main()
