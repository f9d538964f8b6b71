"""Logs of a process: one JSON object a line, without content of events and without personal data."""

import logging
import os
import re
import sys
import threading
from typing import Any

import structlog

from chassis.ops import tracing
from chassis.settings import LogSettings

LEVELS = dict.fromkeys(("amqp", "kombu", "nameko", "httpx", "httpcore", "alembic"), logging.WARNING) | {
    # uvicorn warns of each request that is not HTTP.
    "uvicorn.error": logging.ERROR,
    # nameko logs the text of exceptions; `consumer` logs the same without it.
    "nameko.containers": logging.CRITICAL,
}
ALLOWED_KEYS = {
    "event", "level", "logger", "timestamp", "service", "role", "lineno", "error", "raised_at", "request_id", "trace_id", "endpoint",
    "status", "seconds", "caller_id", "act", "outcome", "subject_id", "queue", "queues", "event_id", "events", "kind", "side", "attempt",
    "parked", "listener", "pause_seconds", "timer", "reason", "count", "letter", "by",
    "row", "code_id", "message_id",
}  # fmt: skip
"""Keys that a line may contain. Any other key may hold personal data: it is named in `withheld`, and its value is left out."""
_NUMBERS = re.compile(
    r"(?P<id>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[0-9]*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{16})\b)"
    r"|(?<!\d)(?:\+?\d{2}[- ]?)?\d{3}[- ]?\d{4}[- ]?\d{4}(?!\d)|(?<!\d)\d{14,19}[Xx]?(?!\d)"
)
log = logging.getLogger("chassis.telemetry")


def start(service: str, role: str) -> None:
    """Write all logs of level `LOG_LEVEL` (INFO) and above to stderr as JSON, and start tracing (`tracing.start`).

    Raises `SettingsError` for a level or a collector that cannot be.
    """
    settings = LogSettings.of_environment()

    def name_process(_: object, __: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
        entry.update(service=service, role=role)
        return entry

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter], logger_factory=structlog.stdlib.LoggerFactory()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.LINENO]),
                drop_exception_text,
                keep_allowed_keys,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level, force=True)
    logging.captureWarnings(True)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    tracing.start(service, role, settings.collector)
    sys.excepthook = lambda kind, error, trace: log.critical("the process ends by an error", exc_info=(kind, error, trace))
    threading.excepthook = lambda args: log.critical("a thread ended by an error", exc_info=args.exc_value)


def drop_exception_text(_: object, __: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace an exception by its type and where it was raised: its text may quote a row or a body."""
    if info := entry.pop("exc_info", None):
        error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
        if error is not None:
            entry["error"] = type(error).__name__
            entry["raised_at"] = _frames(error)
    return entry


def keep_allowed_keys(_: object, __: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep only keys of the allow-list, and mask numbers that look like a phone or a document."""
    withheld = sorted(entry.keys() - ALLOWED_KEYS)
    kept = {key: redact_numbers(value) for key, value in entry.items() if key in ALLOWED_KEYS}
    return kept | ({"withheld": [redact_numbers(key) for key in withheld]} if withheld else {})


def redact_numbers(value: Any) -> Any:
    """Mask with `***` every run of digits that looks like a phone, an id card or a bank card; ids of things stay."""
    if isinstance(value, str):
        return _NUMBERS.sub(lambda found: found["id"] or "***", value)
    if isinstance(value, list | tuple):
        return [redact_numbers(one) for one in value]
    if isinstance(value, int | float | None):
        return value if value is None or abs(value) < 10**10 else "***"
    return redact_numbers(str(value))


def _frames(error: BaseException) -> list[str]:
    frames, frame = [], error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        frames.append(f"{os.path.basename(code.co_filename)}:{frame.tb_lineno}:{code.co_name}")
        frame = frame.tb_next
    return frames[-8:]
