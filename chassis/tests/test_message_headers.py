"""Headers of a delivered message: failures counted from what any program may have written, and values that PostgreSQL can store."""

from datetime import UTC, datetime
from typing import Any

import amqp
import pytest

from chassis.messaging.deliveries import count_failures, exceeded_delivery_limit, headers_as_json


def message(deaths: Any = None, **headers: Any) -> amqp.Message:
    return amqp.Message("", application_headers=headers if deaths is None else headers | {"x-death": deaths})


@pytest.mark.parametrize(
    ("deaths", "count"),
    [
        (None, 0),
        ("rejected", 0),
        ([], 0),
        ([{"reason": "rejected", "count": 2}], 2),
        ([{"reason": "rejected", "count": 2}, {"reason": "expired", "count": 40}, {"reason": "rejected", "count": 3}], 5),
        ([{"reason": "rejected", "count": "7"}, "rejected", {"reason": "rejected"}], 0),
        ([{"reason": "rejected", "count": -4}], 0),
        ([{"reason": "rejected", "count": 1_000_001}], 1_000_000),
    ],
)
def test_failures_are_counted_between_none_and_a_million(deaths: Any, count: int) -> None:
    assert count_failures(message(deaths)) == count


@pytest.mark.parametrize(
    ("deaths", "exceeded"),
    [
        (None, False),
        ([{"reason": "rejected", "count": 60}], False),
        ([{"reason": "rejected"}, {"reason": "delivery_limit"}], True),
        (["delivery_limit"], False),
    ],
)
def test_delivery_limit_is_one_of_the_deaths(deaths: Any, exceeded: bool) -> None:
    assert exceeded_delivery_limit(message(deaths)) is exceeded


def test_message_without_headers_has_no_failures() -> None:
    bare = amqp.Message("")
    assert (count_failures(bare), exceeded_delivery_limit(bare)) == (0, False)
    assert headers_as_json(bare) == {"content-type": None, "content-encoding": None}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        (1.5, 1.5),
        (float("nan"), "float"),
        (float("-inf"), "float"),
        ("a" * 501, "a" * 500),
        ("a\0b\ud800c", "a\ufffdb?c"),
        (datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00+00:00"),
        (b"\xff", "bytes"),
        (list(range(501)), list(range(500))),
        ({"a": {"b": {"c": {"d": 1}}}}, {"a": {"b": {"c": "dict"}}}),
        ([[[[1]]]], [[["list"]]]),
        ({"a" * 501: 1, "b\0": 2}, {"a" * 500: 1, "b\ufffd": 2}),
    ],
)
def test_headers_are_kept_as_json_of_limited_size(given: Any, kept: Any) -> None:
    sent = amqp.Message("", application_headers={"x": given}, content_type="application/json", content_encoding="gzip")
    assert headers_as_json(sent) == {"x": kept, "content-type": "application/json", "content-encoding": "gzip"}
