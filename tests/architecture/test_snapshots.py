"""Every service can republish each of its events."""

from importlib import import_module

from contracts.event import every_event, producer_of


def test_every_event_of_a_service_has_a_snapshot() -> None:
    for name in {producer_of(event) for event in every_event().values()}:
        published = {event for event in every_event().values() if producer_of(event) == name}
        assert {snapshot.event for snapshot in import_module(f"{name}.snapshots").SNAPSHOTS} == published
