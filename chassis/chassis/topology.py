"""The exchanges and queues of a service: declared by a step of its own, before anybody publishes."""

import sys
import time
from collections.abc import Iterable
from importlib import import_module

import amqp
from kombu import Exchange, Queue

from chassis.broker import TROUBLE, connected
from chassis.events import handlers_of
from chassis.places import Place
from chassis.settings import Settings
from contracts.event import exchange_of, name_of, teller_of

DELIVERY_LIMIT = 50


def declare(channel: amqp.Channel, service: str, places: Iterable[Place], retry_pause_ms: int) -> None:
    """Declare what a service tells to and listens on. Declaring again changes nothing.

    Raises `amqp.PreconditionFailed` when a queue stands with other arguments: give it a new version in its name.
    """
    _exchange(service)(channel).declare()
    for place in places:
        exchange = _exchange(teller_of(place.event))(channel)
        exchange.declare()
        _queue(place.retry, dead_letters_to=place.queue, ttl_ms=retry_pause_ms)(channel).declare()
        _queue(place.queue, dead_letters_to=place.retry)(channel).declare()
        channel.queue_bind(place.queue, exchange.name, name_of(place.event))


def _exchange(teller: str) -> Exchange:
    return Exchange(exchange_of(teller), type="topic", durable=True)


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


def main(patience_seconds: float = 60) -> None:
    """Declare the topology of the services named; wait for the broker at most `patience_seconds`."""
    deadline = time.monotonic() + patience_seconds
    for service in sys.argv[1:]:
        settings = Settings.of(service)
        places = [handler.place for handler in handlers_of(import_module(f"{service}.worker").Worker)]
        while True:
            try:
                with connected(settings.broker_url, settings.heartbeat_seconds) as connection:
                    declare(connection.channel(), service, places, settings.retry_pause_ms)
                break
            except amqp.ChannelError as error:
                sys.exit(f"{service}: the broker refuses the topology: {type(error).__name__}: {error}")
            except TROUBLE as error:
                if time.monotonic() > deadline:
                    sys.exit(f"{service}: topology not declared: {type(error).__name__}: {error}")
                time.sleep(0.5)


if __name__ == "__main__":
    main()
