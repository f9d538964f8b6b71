"""W3C trace contexts from request to event to handler, and OpenTelemetry spans.

Spans are recorded when the standard setting `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector and the extra
`duijie-chassis[tracing]` is installed. Otherwise each trace context is passed on unchanged.
"""

import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Literal

from chassis.environment import SettingsError

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
Kind = Literal["server", "producer", "consumer", "internal"]
_tracer: Any = None


def start(service: str, role: str, collector: str) -> None:
    """Send spans to the collector, if there is one; `OTEL_TRACES_SAMPLER` chooses the sampler.

    Exits when a collector is set and the extra is not installed. Raises `SettingsError` when OpenTelemetry refuses another of its settings.
    """
    global _tracer
    if not collector:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        sys.exit("OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: pip install 'duijie-chassis[tracing]'")
    try:
        provider = TracerProvider(resource=Resource.create({"service.name": f"{service}-{role}", "service.namespace": "duijie"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except (ValueError, OSError) as error:
        raise SettingsError({"OTEL_…": "settings are wrong: one of them has a value that OpenTelemetry cannot read"}) from error
    _tracer = provider.get_tracer("duijie")


def continue_or_start(traceparent: str | None) -> str:
    """Return the given trace context, or a new one when it is invalid."""
    known = traceparent is not None and _TRACEPARENT.match(traceparent)
    return traceparent if known and traceparent else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def span(name: str, traceparent: str | None, kind: Kind = "internal", **attributes: str | int) -> AbstractContextManager[str]:
    """Record a span below the given trace context for as long as the block lasts; yields the context of its children."""
    return nullcontext(continue_or_start(traceparent)) if _tracer is None else _recorded(name, traceparent, kind, attributes)


@contextmanager
def spans(named: Sequence[tuple[str, str | None]], kind: Kind = "internal", **attributes: str | int) -> Iterator[list[str]]:
    """Record spans of work done together that belongs to different traces: `named` are pairs of name and trace context."""
    if _tracer is None:
        yield [continue_or_start(traceparent) for _, traceparent in named]
        return
    with ExitStack() as running:
        yield [running.enter_context(_recorded(name, traceparent, kind, attributes)) for name, traceparent in named]


@contextmanager
def _recorded(name: str, traceparent: str | None, kind: Kind, attributes: Mapping[str, str | int]) -> Iterator[str]:
    from opentelemetry.trace import SpanKind, Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()
    parent = propagator.extract({"traceparent": traceparent} if traceparent else {})
    recorded = _tracer.start_span(name, parent, SpanKind[kind.upper()], attributes)
    try:
        context = recorded.get_span_context()
        yield f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    except BaseException as error:
        # An exception's text may quote a row or a body.
        recorded.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        recorded.end()
