"""API pages of one origin."""

import sys

import pytest

from chassis import docs


def test_the_api_pages_load_nothing_from_other_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["chassis.docs", "needs", "users"])
    client = docs.create().test_client()
    page = client.get("/docs/").get_data(as_text=True)
    assert "/openapi/needs.json" in page
    assert "/openapi/users.json" in page
    assert "https://" not in page.replace("https://github.com", "")
    assert client.get("/livez").status_code == 200
