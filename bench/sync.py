"""What `leanpix sync` takes of a catalogue that is done but for a few files: memory, processor time, by its size.

Both buckets are simulated: a server that lists as many keys as wanted, and takes what is put. Usage:
bench/sync.py [FILES ...]
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from leanpix.cli.batch.items import Outcome
from leanpix.cli.batch.state import options_digest
from leanpix.cli.catalogue.journal import CatalogueJournal, Row
from leanpix.domain.request import CompressionOptions

SIZES = (1_000, 30_000, 300_000)
CHANGED = 20
PAGE = 1000
TIME = "2026-01-01T00:00:00.000Z"
TIME_S = 1_767_225_600


def key_of(number: int) -> str:
    return f"catalogue/{number // 1000:05}/product-{number:08}-front-view.txt"


def etag_of(bucket: str, key: str) -> str:
    return f'"{hashlib.md5(f"{bucket} {key}".encode()).hexdigest()}"'  # noqa: S324 - what S3's ETags are


class Store(BaseHTTPRequestHandler):
    """As much of S3 as a run asks for."""

    protocol_version = "HTTP/1.1"
    files = 0

    def do_GET(self) -> None:
        """A page of a listing, or an object."""
        parts, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        bucket = parts.path.split("/")[1]
        if "list-type" not in query:
            key = parts.path.split("/", 3)[3]
            self._answer(b"price", ETag=etag_of(bucket, key), **{"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})
            return
        start = int(query.get("continuation-token", ["0"])[0])
        end = min(self.files, start + PAGE)
        rows = "".join(
            f"<Contents><Key>x/{key}</Key><LastModified>{TIME}</LastModified><ETag>{etag_of(bucket, key)}</ETag>"
            f"<Size>5</Size></Contents>"
            for key in map(key_of, range(start, end))
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < self.files else ""
        is_more = str(end < self.files).lower()
        self._answer(f"<ListBucketResult><IsTruncated>{is_more}</IsTruncated>{rows}{more}</ListBucketResult>".encode())

    def do_PUT(self) -> None:
        """Take an object."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"", ETag='"new"')

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serve(files: int, told: Connection) -> None:
    Store.files = files
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    told.send(server.server_port)
    server.serve_forever()


@contextmanager
def running_store(files: int) -> Iterator[str]:
    here, there = get_context("fork").Pipe()
    process = get_context("fork").Process(target=serve, args=(files, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.kill()
        process.join()


def remember(state: Path, files: int) -> None:
    """As a first run would have left it: all done, but for the last files."""
    options = options_digest(CompressionOptions(target_score=75.0))
    with CatalogueJournal(state) as journal:
        for number in range(files - CHANGED):
            key = key_of(number)
            source, target = f"{etag_of('from', key)} {TIME_S}", etag_of("to", key)
            journal.keep(Row(key, key, options, source, "d" * 32, "[]", target, 5, 5, Outcome.COPIED))


def measured(files: int, folder: Path) -> tuple[float, float, float]:
    """Peak MB and processor seconds of a run, and MB of its journal."""
    state = folder / f"{files}.sqlite"
    remember(state, files)
    with running_store(files) as endpoint:
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1"}
        command = ["leanpix", "sync", "s3://from/x", "s3://to/x", "--state", str(state), "--on-conflict", "replace"]
        program = Path(sys.executable).with_name(command[0])
        environment = os.environ | keys | {"AWS_ENDPOINT_URL": endpoint, "LEANPIX_WORKERS": "1"}
        with (folder / "output").open("w+") as output:
            process = subprocess.Popen([program, *command[1:]], env=environment, stdout=output)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            told = output.read()
    if process.returncode != 0 or f"{files - CHANGED:,}" not in told:
        raise SystemExit(f"not what was meant: {told}")
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, state.stat().st_size / 1e6


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print("| files | peak MB of memory | CPU s | journal MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for files in sizes:
            peak, spent_s, journal = measured(files, Path(folder))
            print(f"| {files:,} | {peak:.0f} | {spent_s:.1f} | {journal:.0f} |", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    main()
