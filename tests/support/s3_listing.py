"""A store that speaks as much S3 as listing and reading take, and holds keys that others do not take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 2


@contextmanager
def listing_store(objects: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    """One bucket, `shop`, with these objects, in pages of two; the variables by which a client finds it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            key = unquote(parts.path.removeprefix("/shop")).removeprefix("/")
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._send(objects[key] if key else _listed(objects, query))

        def _send(self, content: bytes) -> None:
            self.send_response(200)
            head = {
                "Content-Length": str(len(content)),
                "ETag": '"1"',
                "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            }
            for name, value in head.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
        yield keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _listed(objects: Mapping[str, bytes], query: Mapping[str, str]) -> bytes:
    """A page of ListObjectsV2: keys in their order, and below a delimiter what they have in common."""
    prefix, after = query.get("prefix", ""), query.get("continuation-token") or query.get("start-after", "")
    names = dict[str, int]()
    for key, content in sorted(objects.items()):
        if key.startswith(prefix):
            head, cut, _ = key[len(prefix) :].partition(query.get("delimiter") or "\0")
            names[prefix + head + cut] = len(content)
    left = [name for name in names if name > after]
    rows = [
        f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
        if name.endswith("/")
        else f"<Contents><Key>{escape(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;1&quot;</ETag><Size>{names[name]}</Size></Contents>"
        for name in left[:PAGE]
    ]
    more = f"<NextContinuationToken>{escape(left[PAGE - 1])}</NextContinuationToken>" if len(left) > PAGE else ""
    head = f"<Name>shop</Name><KeyCount>{len(rows)}</KeyCount><IsTruncated>{str(bool(more)).lower()}</IsTruncated>"
    return f"<ListBucketResult>{head}{more}{''.join(rows)}</ListBucketResult>".encode()
