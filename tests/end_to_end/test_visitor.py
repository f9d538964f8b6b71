"""Who uses the API from outside does as its answers say."""

import time
from collections.abc import Callable

import httpx
import pytest

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.fixtures import KnownKeys
from deploy.local.visitor import Visitor, one_origin
from needs.api import api


def test_who_asks_too_often_waits_for_as_long_as_the_answer_says(
    database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_GUESTS", "2/second")
    database = Database(database_of("needs", "needs_visitor"), name="visitor")
    app = create_app("needs", api, database=database, keys=KnownKeys())
    with httpx.Client(transport=httpx.WSGITransport(app=app)) as client:
        visitor, began = Visitor(one_origin("http://needs"), client), time.monotonic()
        assert all(visitor.get("/v1/catalogue")["items"] for _ in range(4))
    assert time.monotonic() - began >= 1
    database.close()
