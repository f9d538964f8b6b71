"""Settings of matching, read from the environment."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from environs import EnvError

from chassis.settings import Settings
from chassis.start import read_web_settings
from matching.clear import run
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
        read_web_settings("matching")


@pytest.mark.parametrize("is_right", [True, False])
def test_clear_is_ready_once_its_database_was_reached(
    database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_right: bool
) -> None:
    url = database_of("matching", "matching_ready")
    before, _, after = url.rpartition("@")
    monkeypatch.setenv("MATCHING_DATABASE_URL", url if is_right else f"{before}-wrong@{after}")
    stopping = threading.Event()
    caplog.set_level(logging.INFO)
    thread = threading.Thread(target=run, args=(Settings.of("matching"), stopping))
    thread.start()
    deadline = time.monotonic() + 60
    while not caplog.messages and time.monotonic() < deadline:
        time.sleep(0.02)
    stopping.set()
    thread.join()
    assert ("clear ready" in caplog.messages) is is_right
    reasons = [record.reason for record in caplog.records if hasattr(record, "reason")]
    assert all("password authentication failed" in reason and "\n" not in reason for reason in reasons)
    assert bool(reasons) is not is_right
