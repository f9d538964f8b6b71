"""Logs, metrics and traces: allowed keys only, no personal numbers, one trace per request."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from keeper import House, unguarded
from prometheus_client import REGISTRY

from chassis.data.database import Database
from chassis.messaging import outbox
from chassis.ops import metrics, tracing
from chassis.ops.telemetry import redact_numbers

TALK = """
import sys
from chassis.ops import telemetry
if len(sys.argv) > 1:
    import otherwise
    getattr(otherwise, sys.argv[1])()
telemetry.start("pantry", "worker")
import logging
log = logging.getLogger("somebody")
log.warning("call 13912345678 or 139-1234-5678", extra={"queue": "a.b.c.v1", "event_id": "0192f0c1-7a00-7000-8000-139123456789"})
log.warning("registered", extra={"holder": "王奶奶", "events": ["need_published", "51090319900101123X"], "count": 3})
"""


def said(script: str, *arguments: str) -> list[dict[str, Any]]:
    house = Path(__file__).parent / "house"
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    ended = subprocess.run(command, env={"PYTHONPATH": str(house)}, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ended.stderr.splitlines()]


@pytest.mark.parametrize("otherwise", [None, unguarded("without_withholding", "without the allow-list any key is logged")])
def test_log_lines_hold_no_personal_number_or_unknown_key(otherwise: str | None) -> None:
    called, registered = said(TALK, *([otherwise] if otherwise else []))
    assert called["event"] == "call *** or ***"
    assert called["queue"] == "a.b.c.v1"
    assert called["event_id"] == "0192f0c1-7a00-7000-8000-139123456789"
    assert registered["events"] == ["need_published", "***"]
    assert registered["count"] == 3
    assert "holder" not in registered
    assert registered["withheld"] == ["holder"]


@pytest.mark.parametrize(
    "text",
    [
        "13912345678",
        "+86 139 1234 5678",
        "８６１３９１２３４５６７８",
        "tel:13912345678。",
        "6222021234567890123",
        "510903199001011234",
        13912345678,
    ],
)
def test_phone_and_document_numbers_are_redacted(text: object) -> None:
    assert "***" in redact_numbers(text)
    assert not any(character.isdigit() for character in redact_numbers(text))


@pytest.mark.parametrize(
    "text",
    ["0192f0c1-7a00-7000-8000-139123456789", "4bf92f3577b34da6a3ce929d0e0e4736", "510903100208", "2026-11-23T09:30:00.123456Z", 5, True],
)
def test_ids_region_codes_and_times_are_not_redacted(text: object) -> None:
    assert redact_numbers(text) == text


@pytest.mark.parametrize(
    "given", [None, "", "00-x", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01", f"ff-{'a' * 32}-{'1' * 16}-01"]
)
def test_an_invalid_trace_context_is_replaced(given: str | None) -> None:
    new = tracing.continue_or_start(given)
    assert new != given
    assert tracing.continue_or_start(new) == new


def test_tracing_without_its_extra_names_what_to_install() -> None:
    script = (
        "import sys; sys.modules['opentelemetry.sdk.trace'] = None; from chassis.ops import telemetry; telemetry.start('pantry', 'web')"
    )
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "pip install 'duijie-chassis[tracing]'" in ended.stderr


def test_a_gauge_without_its_database_hides_no_other_gauge(house: House) -> None:
    def asked(database: Database) -> float | None:
        metrics.read_from_database(metrics.outbox_age, house.settings(), database, outbox.age_seconds)
        return REGISTRY.get_sample_value("duijie_outbox_age_seconds", {"service": "pantry"})

    assert asked(house.database) == 0
    assert str(asked(Database("postgresql+psycopg://nobody@127.0.0.1:9/none", name="away"))) == "nan"
    taken = Database(house.database_url, name="taken", pool_size=1, pool_wait_seconds=0.1)
    with taken.begin() as session:
        session.connection()
        assert str(asked(taken)) == "nan"
    taken.close()


def test_an_unreachable_trace_collector_blocks_nothing() -> None:
    script = "from chassis.ops import telemetry, tracing; telemetry.start('pantry', 'web')\nwith tracing.span('a', None) as id: print(id)"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert tracing.continue_or_start(ended.stdout.strip()) == ended.stdout.strip()
