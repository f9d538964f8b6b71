"""A canary: marked names, phones, ids, texts and secrets of a whole story stand in no sink; planted ones are found in each."""

import pytest

from chassis.testing.campaigns import WHOLE
from deploy.local.client import ApiClient, RequestRefused
from deploy.local.collector import Collector

from . import test_story as story
from .conftest import World
from .sinks import Marks, Sinks, refuse_everything, watched
from .test_story import Cast, eventually

STORIES = [story.test_a_household_with_a_phone_posts_for_itself_and_is_told, story.test_promise_is_sent_received_by_slip_and_counted]
MORE = [
    story.test_delivery_is_shown_thanked_rated_and_raises_reliability,
    story.test_refused_need_reaches_others_after_a_pledge_change,
    story.test_nobody_reaches_what_is_not_theirs,
    story.test_a_dismissed_administrator_can_do_nothing_any_more,
]
PLANTED = "canary-0f2c1b7e"


@pytest.fixture
def sinks(stacked: World, collected: Collector) -> Sinks:
    return Sinks(stacked, collected)


def test_planted_mark_is_found_in_each_sink(sinks: Sinks) -> None:
    found = sinks.plant(PLANTED)
    marks = Marks({"planted": {PLANTED}})
    holding = {name for name, content in found.items() if marks.found_in(content)}
    wanted = {"log", "queue", "needs.outbox", "needs.journal", "needs.audit.entries", "error body", "metric", "trace"}
    assert holding >= wanted, wanted - holding
    # The message is nobody's event, so each listener parks it.
    assert eventually(
        lambda: {name for name, content in sinks.read().items() if name.endswith(".dead_letters") and marks.found_in(content)}
    )


@pytest.mark.timeout(600)
def test_marks_are_found_in_no_sink(stacked: World, sinks: Sinks, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks()
    with watched(monkeypatch, marks, sinks):
        cast = Cast(stacked)
        for play in STORIES + (MORE if WHOLE else []):
            play(Cast(stacked))
        for path, body in refuse_everything(cast.village, marks):
            for client in (cast.village, stacked.client()):
                refused(client, path, body)
    assert marks.found.keys() >= {"name", "text", "phone", "national id", "password", "code", "token", "recovery code"}
    found = sinks.read()
    assert all(found[name] for name in ("log", "queue", "error body", "metric", "trace", "needs.journal"))
    assert {name: kinds for name, content in found.items() if (kinds := marks.found_in(content))} == {}


def refused(client: ApiClient, path: str, body: dict[str, object]) -> None:
    with pytest.raises(RequestRefused):
        client.post(path, body)
