"""The gain of publishing events in arrays: one event a message against a hundred, through the broker, without handling."""

import random
import time
from collections.abc import Callable, Sequence

import amqp
import msgspec

from bench.matching import book
from bench.matching.costs import seconds_of
from bench.matching.figures import progress, report
from bench.matching.scene import AT_ONCE, Scene, message_of
from chassis.data.database import new_id, now
from chassis.messaging.broker import Message, Publisher, connected, message_for
from contracts.event import Envelope, decode
from contracts.needs import NeedPublished

QUEUE = "bench.matching.arrays"
OF_ONE = 100


class Item(msgspec.Struct, frozen=True):
    """One event of an array, with its own id for the inbox."""

    envelope: Envelope
    event: NeedPublished


_many = msgspec.json.Decoder(list[Item])


def measure(scene: Scene, luck: random.Random, events: int) -> None:
    """Print two lines: events a second, and the processor time of a thousand in producer, listener and broker together."""
    scene.declare(QUEUE)
    needs = [book.published(luck) for _ in range(events)]
    ways = {"one event a message": (_singly, _read_one), f"{OF_ONE} events a message": (_in_arrays, _read_many)}
    rates, costs = {}, {}
    for way, (written, read) in ways.items():
        progress(f"arrays, {way}")
        started, spent = time.monotonic(), time.process_time() + seconds_of(scene.broker.pid)
        _through(scene, written(needs), read, events)
        rates[way] = events / (time.monotonic() - started)
        costs[way] = 1e6 * (time.process_time() + seconds_of(scene.broker.pid) - spent) / events
    single, array = ways
    report(f"through the broker, {array}", rates[array], "events/s", rates[single], rates[array] / rates[single])
    report(f"through the broker, {array}, time of its own", costs[array], "ms/1000 events", costs[single], costs[array] / costs[single])


def _singly(needs: Sequence[NeedPublished]) -> list[Message]:
    return [message_of(need, QUEUE) for need in needs]


def _in_arrays(needs: Sequence[NeedPublished]) -> list[Message]:
    letters = []
    for at in range(0, len(needs), OF_ONE):
        items = [Item(_envelope(need), need) for need in needs[at : at + OF_ONE]]
        letters.append(message_for(items[0].envelope, msgspec.json.encode(items), QUEUE))
    return letters


def _envelope(need: NeedPublished) -> Envelope:
    return Envelope(id=new_id(), name="need_published", producer="needs", subject=need.need_id, recorded_at=now())


def _read_one(message: amqp.Message) -> int:
    Envelope.of(message.headers)
    decode(NeedPublished, message.body)
    return 1


def _read_many(message: amqp.Message) -> int:
    return len(_many.decode(message.body))


def _through(scene: Scene, letters: Sequence[Message], read: Callable[[amqp.Message], int], events: int) -> None:
    with connected(scene.broker_url, 60) as connection:
        publisher = Publisher(connection, 60)
        for at in range(0, len(letters), AT_ONCE):
            publisher.publish(letters[at : at + AT_ONCE])
    with scene.channel() as channel:
        channel.basic_qos(0, AT_ONCE, False)
        heard = 0

        def take(message: amqp.Message) -> None:
            nonlocal heard
            before, heard = heard, heard + read(message)
            if heard // OF_ONE > before // OF_ONE or heard == events:
                channel.basic_ack(message.delivery_tag, multiple=True)

        channel.basic_consume(QUEUE, callback=take)
        while heard < events:
            channel.connection.drain_events(timeout=30)
