"""A killed broker: events in flight are handled once. These tests use a broker of their own, because a killed one may stay broken."""

from collections.abc import Iterator

import pytest
from keeper import IN_BATCHES, ONE_BY_ONE, House, once, soon, withdrawn_need, withdrawn_pledge
from pantry.actions import SLOW
from sqlalchemy import text

from chassis.testing import rabbitmq as nodes
from chassis.testing.campaigns import only_whole
from chassis.testing.rabbitmq import RabbitMQ

SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


@pytest.fixture
def rabbitmq() -> Iterator[RabbitMQ]:
    with nodes.start() as node:
        yield node


@only_whole
def test_a_broker_outage_uses_up_no_attempt(house: House, rabbitmq: RabbitMQ) -> None:
    events = [*(withdrawn_need(SLOW) for _ in range(3)), withdrawn_pledge(SLOW)]
    house.publish(*events)
    house.relay()
    assert soon(lambda: house.count("journal") == 4)
    rabbitmq.settle()
    worker = house.worker().ready()
    assert soon(lambda: sleeping(house) == 4)
    rabbitmq.kill()
    rabbitmq.start_again()
    assert soon(lambda: worker.says("listening is interrupted"))
    assert soon(lambda: house.taken() == once(*events))
    assert worker.stop() == 0
    assert house.worker().ready()
    assert soon(lambda: not house.waiting(ONE_BY_ONE.queue) and not house.waiting(IN_BATCHES.queue))
    assert house.taken() == once(*events)
    assert not worker.says('"attempt"')
    assert not house.count("dead_letters")


def sleeping(house: House) -> int:
    with house.database.begin() as session:
        return int(session.scalar(text(SLEEPING)) or 0)
