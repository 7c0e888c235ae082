"""A collector that takes OTLP over HTTP, as a program of its own: it writes each span as a line of JSON."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def spans_of(body: bytes) -> Iterator[dict[str, Any]]:
    """The spans of a request, as plain values."""
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            yield {
                "service": {one.key: one.value.string_value for one in resource.resource.attributes},
                "trace": span.trace_id.hex(),
                "id": span.span_id.hex(),
                "parent": span.parent_span_id.hex(),
                "name": span.name,
                "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                "failed": span.status.code == span.status.STATUS_CODE_ERROR,
                "attributes": {one.key: one.value.string_value or one.value.int_value for one in span.attributes},
            }


def main(output: Path) -> None:
    """Listen on a free port, told on standard output, until killed."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            with output.open("a") as file:
                file.writelines(json.dumps(span) + "\n" for span in spans_of(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
