"""Whatever a service tells it can tell anew."""

from importlib import import_module

from contracts.event import every_event, producer_of


def test_every_event_of_a_service_has_a_story() -> None:
    for name in {producer_of(event) for event in every_event().values()}:
        told = {event for event in every_event().values() if producer_of(event) == name}
        assert {story.event for story in import_module(f"{name}.snapshots").SNAPSHOTS} == told
