"""A collector of OpenTelemetry spans that draws a trace as a tree."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.tree import Tree


@dataclass(frozen=True)
class Span:
    """One span; times in nanoseconds since 1970."""

    trace_id: str
    id: str
    parent_id: str
    process: str
    name: str
    began: int
    ended: int


@dataclass
class Collector:
    """The collector's `address`, the spans it received, and the bodies of the requests that brought them."""

    address: str
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def receive(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                for one in scope.spans:
                    ids = one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()
                    self.spans.append(Span(*ids, process, one.name, one.start_time_unix_nano, one.end_time_unix_nano))

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace in the order of their beginnings."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.began)

    def tree(self, trace_id: str) -> Tree:
        """Draw the trace; each span shows its start after the first span and its length, in milliseconds."""
        spans = self.trace(trace_id)
        below: dict[str, list[Span]] = defaultdict(list)
        for span in spans:
            below[span.parent_id if span.parent_id in {one.id for one in spans} else ""].append(span)

        def grow(tree: Tree, parent: str) -> Tree:
            for span in below[parent]:
                began, took = (span.began - spans[0].began) / 1e6, (span.ended - span.began) / 1e6
                grow(tree.add(f"{span.process}: {span.name}  +{began:.0f} ms, {took:.1f} ms", highlight=False), span.id)
            return tree

        return grow(Tree(f"trace {trace_id}", highlight=False), "")


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector on a free port; its address suits `OTEL_EXPORTER_OTLP_ENDPOINT`."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collected.receive(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collected = Collector(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collected
    finally:
        server.shutdown()
        server.server_close()
