"""The API's pages of a whole origin."""

import sys

import pytest

from chassis import docs


def test_the_pages_show_each_service_s_document_of_the_same_origin_and_load_nothing_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["chassis.docs", "needs", "users"])
    client = docs.create().test_client()
    page = client.get("/docs/").get_data(as_text=True)
    assert "/openapi/needs.json" in page
    assert "/openapi/users.json" in page
    assert "https://" not in page.replace("https://github.com", "")
    assert client.get("/livez").status_code == 200
