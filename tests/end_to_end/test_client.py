"""The API client of the laptop obeys the answers of the API."""

import time
from collections.abc import Callable

import httpx
import pytest

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.fixtures import KnownKeys
from deploy.local.client import ApiClient, one_origin
from needs.api import api


def test_client_waits_as_long_as_retry_after_says(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_GUESTS", "2/second")
    database = Database(database_of("needs", "needs_visitor"), name="client")
    app = create_app("needs", api, database=database, keys=KnownKeys())
    with httpx.Client(transport=httpx.WSGITransport(app=app)) as transport:
        client, began = ApiClient(one_origin("http://needs"), transport), time.monotonic()
        assert all(client.get("/v1/catalogue")["items"] for _ in range(4))
    assert time.monotonic() - began >= 1
    database.close()
