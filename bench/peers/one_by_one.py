"""The pantry's worker with `@handles` where it has `@handles_batch`: `python -m bench.peers.one_by_one pantry`."""

from chassis import worker  # isort: skip  # Eventlet comes before everything else.

from pantry import actions
from pantry import worker as pantry
from sqlalchemy.orm import Session

from chassis.messaging.events import handles
from contracts.needs import PledgeWithdrawn


class Worker(pantry.Worker):  # type: ignore[misc]
    @handles(PledgeWithdrawn)
    def on_pledge_withdrawn(self, session: Session, event: PledgeWithdrawn) -> None:
        actions.take(session, [event])


if __name__ == "__main__":
    pantry.Worker = Worker
    worker.main()
