"""What an ordinary key, or less, can do to a server: each attack runs beside the block that it is entered for."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import secrets
import socket
import statistics
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
import numpy as np
from tests.support import gif_files
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.processes import decoders_of, memory_mb
from tests.support.raw import connected, post_head
from tests.support.server import API, Server
from tests.support.websites import Quiet, website

MB = 1024 * 1024
BODY_BYTES = 27 * MB
RESULT_BYTES = 18_700_000
HALF_SENT, READERS, SLOW_URLS = 25, 40, 1000
SLOW_BYTES_PER_S = 18_000


@dataclass
class MemoryWatch:
    """The most private memory that a process had, in MB, looked at so often.

    of: how much it is at the moment; by default that of the process itself.
    """

    pid: int
    of: Callable[[int], float] = memory_mb
    every_s: float = 0.1
    most_mb: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self.every_s):
            self.most_mb = max(self.most_mb, self.of(self.pid))


def largest_decoder_mb(server_pid: int) -> float:
    """The private memory of the largest process that decodes for a server, in MB."""
    found = [0.0]
    for decoder in decoders_of(server_pid):
        with contextlib.suppress(OSError):  # it has ended
            found.append(memory_mb(decoder))
    return max(found)


def latencies_ms(server: Server, key: str, many: int, side_px: int = 96) -> list[float]:
    """How long whole requests with a small picture take, one after the other."""
    picture, taken = encoded(gradient(side_px, side_px)), []
    with server.client(key) as client:
        for _ in range(many):
            began = time.perf_counter()
            answer = client.post(API, data={"sync": "1", "quality": "80"}, files={"image_file": picture})
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == httpx.codes.OK, answer.text
            assert answer.json()["data"]["state"] == 1, answer.text
    return taken


def p95(taken_ms: Sequence[float]) -> float:
    return statistics.quantiles(taken_ms, n=20)[-1]


@contextmanager
def repeating(act: Callable[[], object], threads: int = 1) -> Iterator[None]:
    """Do it again and again beside the block, whatever the server says."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            with contextlib.suppress(httpx.HTTPError, OSError):
                act()
            time.sleep(0.01)

    running = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in running:
            thread.join(30)


@contextmanager
def apart(attack: Callable[[Server, str], AbstractContextManager[None]], server: Server, key: str) -> Iterator[None]:
    """An attack from a process of its own: its threads would take the interpreter's lock from whoever measures here."""
    forking = multiprocessing.get_context("fork")
    is_under_way, is_over = forking.Event(), forking.Event()

    def run() -> None:
        with attack(server, key):
            is_under_way.set()
            is_over.wait()

    process = forking.Process(target=run, daemon=True)
    process.start()
    try:
        assert is_under_way.wait(60), "the attack did not begin"
        yield
    finally:
        is_over.set()
        process.join(60)


@contextmanager
def bodies(server: Server, key: str) -> Iterator[None]:
    """Half-sent JSON with a picture in it that never ends, and long urlencoded forms of nothing but escapes."""
    head = b'{"image_base64":"'
    escaped = b"image_base64=" + b"%41" * ((BODY_BYTES - 13) // 3)

    def send_escaped() -> None:
        with server.client(key) as client:
            client.post(API, content=escaped, headers={"Content-Type": "application/x-www-form-urlencoded"})

    with ExitStack() as held:
        for _ in range(HALF_SENT):
            connection = held.enter_context(connected(server))
            lines = ("Content-Type: application/json", f"Content-Length: {BODY_BYTES}")
            with contextlib.suppress(OSError):  # refused before it was read
                connection.sendall(post_head(server, *lines, key=key) + head + b"A" * (BODY_BYTES // 2))
        held.enter_context(repeating(send_escaped, threads=3))
        yield


def large_result(server: Server, key: str) -> str:
    """A link to a result of many megabytes: what is stored of a small one is replaced."""
    is_promised = {"Idempotency-Key": secrets.token_hex(8)}  # so that its result is a file
    with server.client(key) as client:
        picture = encoded(gradient(64, 64))
        answer = client.post(API, data={"sync": "1"}, files={"image_file": picture}, headers=is_promised)
    link = str(answer.json()["data"]["image"])
    name = urlsplit(link).path.rpartition("/")[2]
    stored = next((server.data_dir / "files" / "results").rglob(name))
    stored.write_bytes(b"\xff\xd8\xff" + bytes(RESULT_BYTES - 3))
    return link


def reader(link: str, receive_bytes: int = 4096) -> socket.socket:
    """A connection that has asked for a result and takes nothing of it by itself."""
    parts = urlsplit(link)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.connect((parts.hostname, parts.port))
    connection.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return connection


@contextmanager
def readers(server: Server, key: str) -> Iterator[None]:
    """Many who read one large result, slowly."""
    link = large_result(server, key)
    with ExitStack() as held:
        slow = [held.enter_context(contextlib.closing(reader(link))) for _ in range(READERS)]

        def take_a_little() -> None:
            for connection in slow:
                connection.recv(1024)

        held.enter_context(repeating(take_a_little))
        yield


class SlowSource(Quiet, BaseHTTPRequestHandler):
    """A picture that comes just fast enough to be waited for."""

    asked = 0

    def do_GET(self) -> None:
        SlowSource.asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(10 * MB))
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(SLOW_BYTES_PER_S // 10))
                time.sleep(0.1)


@contextmanager
def slow_sources(server: Server, key: str) -> Iterator[None]:
    """Links to a slow server: four by themselves, and a batch of many.

    Fetching has to be allowed from loopback, and from one port, which is the slow server's.
    """
    port, asked = int(server.environment["LEANPIX_FETCH_PORTS"]), SlowSource.asked
    with website(SlowSource, port) as base, server.client(key) as client:
        urls = [f"{base}/{number}.jpg" for number in range(SLOW_URLS)]
        for url in urls[:4]:
            client.post(API, json={"image_url": url}).raise_for_status()
        answer = client.post("/v1/batches", json={"image_urls": urls})
        assert answer.status_code == httpx.codes.OK, answer.text
        until(lambda: SlowSource.asked > asked + 4)
        yield
        client.delete(f"/v1/batches/{answer.json()['data']['batch_id']}")


def bomb(entries: int = 25, entry_bytes: int = 20 * MB) -> bytes:
    """A ZIP of half a megabyte that holds half a gigabyte."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(entries):
            archive.writestr(f"{number}.bmp", bytes(entry_bytes))
    return file.getvalue()


def overlapping_bomb(entries: int = 25, entry_bytes: int = 20 * MB) -> bytes:
    """A ZIP of a fifth of a megabyte that holds half a gigabyte: every entry is the same, and says it is all of it."""
    content = bomb(1, entry_bytes)
    directory, end = content.rindex(b"PK\1\2"), content.rindex(b"PK\5\6")
    packed_bytes = entry_bytes // 99  # no suspicious ratio; what follows the last block of an entry is not looked at
    packed = content[:directory].ljust(packed_bytes + 64, b"\0")
    entry, tail = bytearray(content[directory:end]), bytearray(content[end:])
    struct.pack_into("<I", entry, 20, packed_bytes)
    struct.pack_into("<HHII", tail, 8, entries, entries, entries * len(entry), len(packed))
    return packed + bytes(entry) * entries + bytes(tail)


def archive_of(entries: int, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(entries):
            archive.writestr(f"{number}.jpg", content)
    return file.getvalue()


@contextmanager
def archives(server: Server, key: str) -> Iterator[None]:
    """Bombs, and real archives of many pictures, one after the other."""
    sent = [bomb(), archive_of(300, encoded(gradient(700, 500)))]

    def send() -> None:
        with server.client(key) as client:
            for content in sent:
                client.post("/v1/batches", files={"archive": content})

    with repeating(send, threads=4):
        time.sleep(1)
        yield


def contradictions() -> dict[str, bytes]:
    """Files whose header tells one size in one place and a far larger one in another, where a decoder may look."""
    tags = ((256, 10), (257, 10), (256, 30_000), (257, 30_000), (258, 8), (262, 1), (273, 8), (278, 30_000), (279, 100))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    many, few = struct.pack("<H", len(tags)), entries[:24]
    small_last = entries[24:48] + few + entries[48:]
    pixels = bytes(100)

    def tiff(described: bytes) -> bytes:
        return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + many + described + bytes(4)

    packed_sgi = bytearray(encoded(gradient(8000, 8), "SGI", rle=True))
    packed_sgi[4:12] = struct.pack(">HHHH", 1, 8000, 65_535, 1)
    frame = bytearray(gif_files.frame(np.zeros((10, 10), np.int64)))
    struct.pack_into("<HH", frame, 13, 16_000, 16_000)
    return {
        "TIFF, the small size first": tiff(entries),
        "TIFF, the large size first": tiff(small_last),
        "SGI of one dimension with a height": bytes(packed_sgi),
        "GIF whose frame is larger than the picture": gif_files.gif(10, 10, [bytes(frame)]),
    }


@contextmanager
def dear_pictures(server: Server, key: str) -> Iterator[None]:
    """Small pictures that are to be enlarged to the most there is."""
    picture = encoded(gradient(64, 64))

    def send() -> None:
        with server.client(key) as client:
            client.post(API, data={"width": "8000", "height": "8000"}, files={"image_file": picture})

    with repeating(send, threads=2):
        time.sleep(2)
        yield


def files_bytes(folder: Path) -> int:
    """How much lies in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
