"""Exchanges and queues of a service, declared by a step of its own before anything is published."""

import json
import sys
import time
from collections.abc import Iterable
from importlib import import_module

import amqp
from kombu import Exchange, Queue
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis.data.database import Database, is_transient
from chassis.failures import Parser, describe, one_line_failures
from chassis.messaging.broker import BROKER_ERRORS, connected, count_waiting
from chassis.messaging.events import handlers_of
from chassis.messaging.subscription import Subscription
from chassis.start import installed_service, read_settings
from contracts.event import exchange_of, name_of, producer_of

DELIVERY_LIMIT = 50


def declare(channel: amqp.Channel, service: str, subscriptions: Iterable[Subscription], retry_pause_ms: int) -> None:
    """Declare the exchange of a service and the queues of its subscriptions. Declaring again changes nothing.

    Raises `amqp.PreconditionFailed` when a queue exists with other arguments: give it a new version in its name.
    """
    _exchange(service)(channel).declare()
    for subscription in subscriptions:
        exchange = _exchange(producer_of(subscription.event))(channel)
        exchange.declare()
        _queue(subscription.retry, dead_letters_to=subscription.queue, ttl_ms=retry_pause_ms)(channel).declare()
        _queue(subscription.queue, dead_letters_to=subscription.retry)(channel).declare()
        channel.queue_bind(subscription.queue, exchange.name, name_of(subscription.event))


def _exchange(producer: str) -> Exchange:
    return Exchange(exchange_of(producer), type="topic", durable=True)


def _queue(name: str, dead_letters_to: str, ttl_ms: int | None = None) -> Queue:
    arguments: dict[str, object] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead_letters_to,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    if ttl_ms:
        arguments["x-message-ttl"] = ttl_ms
    return Queue(name, durable=True, queue_arguments=arguments)


def record(session: Session, subscriptions: Iterable[Subscription]) -> None:
    """Record the declared queues, so that a later release finds those it no longer reads."""
    names = [name for subscription in subscriptions for name in (subscription.queue, subscription.retry)]
    session.execute(
        text(
            "INSERT INTO queues (name, declared_at) SELECT name, now() FROM unnest(CAST(:names AS text[])) AS name"
            " ON CONFLICT (name) DO UPDATE SET declared_at = excluded.declared_at"
        ),
        {"names": names},
    )


def orphans(session: Session, connection: amqp.Connection, subscriptions: Iterable[Subscription]) -> dict[str, int]:
    """Return the queues that an earlier release declared and no handler reads, with their message counts; forget deleted ones."""
    read = {name for subscription in subscriptions for name in (subscription.queue, subscription.retry)}
    recorded = sorted(set(session.scalars(text("SELECT name FROM queues"))) - read)
    waiting = {name: count_waiting(connection, name) for name in recorded}
    gone = [name for name, count in waiting.items() if count is None]
    session.execute(text("DELETE FROM queues WHERE name = ANY(:gone)"), {"gone": gone})
    return {name: count for name, count in waiting.items() if count is not None}


@one_line_failures
def main(patience_seconds: float = 60) -> None:
    """Declare the topology of the services named, or list their orphans; wait for the broker at most `patience_seconds`."""
    parser = Parser(prog="python -m chassis.topology", description=__doc__)
    parser.add_argument("service", nargs="+", type=installed_service)
    parser.add_argument("--orphans", action="store_true", help="declare nothing; list queues that no handler reads any more")
    given = parser.parse_args()
    deadline = time.monotonic() + patience_seconds
    for settings in [read_settings(service) for service in given.service]:
        service = settings.service
        subscriptions = [handler.subscription for handler in handlers_of(import_module(f"{service}.worker").Worker)]
        database = Database.of(settings, "topology")
        while True:
            try:
                with connected(settings.broker_url, settings.heartbeat_seconds) as connection, database.begin() as session:
                    if given.orphans:
                        for name, waiting in orphans(session, connection, subscriptions).items():
                            print(json.dumps({"queue": name, "waiting": waiting}))
                    else:
                        declare(connection.channel(), service, subscriptions, settings.retry_pause_ms)
                        record(session, subscriptions)
                break
            except amqp.ChannelError as error:
                sys.exit(f"{service}: the broker refuses the topology: {type(error).__name__}: {error}")
            except (*BROKER_ERRORS, DBAPIError) as error:
                if time.monotonic() > deadline or not (isinstance(error, BROKER_ERRORS) or is_transient(error)):
                    sys.exit(f"{service}: topology not declared: {describe(error)}")
                time.sleep(0.5)
        database.close()


if __name__ == "__main__":
    main()
