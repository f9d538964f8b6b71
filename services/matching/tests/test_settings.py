"""Settings of matching, read from the environment."""

from datetime import timedelta

import pytest
from environs import EnvError

from matching import web
from matching.settings import ProposalSettings, SlipSettings


def test_answer_hours_default_to_three_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANSWER_HOURS", raising=False)
    assert ProposalSettings.of_environment().answer_within == timedelta(days=3)


def test_answer_hours_may_be_a_part_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSWER_HOURS", "0.5")
    assert ProposalSettings.of_environment().answer_within == timedelta(minutes=30)


def test_wrong_answer_hours_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSWER_HOURS", "three days")
    with pytest.raises(EnvError, match="ANSWER_HOURS"):
        ProposalSettings.of_environment()


def test_public_url_loses_its_last_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://example.org/")
    assert SlipSettings.of_environment().public_url == "https://example.org"


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "example.org",
        "ftp://example.org",
        "https://",
        "https://a@example.org",
        "https://example.org/house",
        "https://example.org?a",
    ],
)
def test_web_process_does_not_start_without_its_public_url(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("PUBLIC_URL")
    if address is not None:
        monkeypatch.setenv("PUBLIC_URL", address)
    with pytest.raises(EnvError, match="PUBLIC_URL"):
        web.create()
