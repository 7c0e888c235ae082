"""What lies outside the service: pictures, the engine, sites that sources are fetched from, receivers of webhooks."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import BinaryIO
from urllib.parse import urlsplit

from tests.simulation.scheduler import Scheduler, SimulatedEvent

from leanpix.domain.account import RateBucket
from leanpix.domain.errors import LeanpixError, TaskFailure
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import CompressionView, Report, SetImage
from leanpix.domain.request import CompressionOptions
from leanpix.domain.source_headers import SourceHeaders
from leanpix.domain.states import TaskState
from leanpix.domain.webhook import WebhookAnswer
from leanpix.service.open_files import all_of
from leanpix.service.ports import Sink

SMALL_PX, LARGE_PX = 100, 5000
LATE_S = 60.0
ENDS = {
    b"small": TaskState.SUCCEEDED,
    b"large": TaskState.SUCCEEDED,
    b"broken": TaskState.INVALID_IMAGE,
    b"deadly": TaskState.PROGRAM_FAILED,
    b"empty": TaskState.EMPTY_RESULT,
    b"endless": TaskState.TIMED_OUT,
    b"unreachable": TaskState.DOWNLOAD_FAILED,
}
"""How a picture's task ends where nothing goes wrong in the service, by the picture's first word."""
_WEIGHTS = (12, 4, 1, 1, 1, 1, 2)
_REPORT = Report(10, SourceFormat.JPG, SMALL_PX, 10, 5, OutputFormat.JPG, SMALL_PX, 10, "none")


def picture(draw: Random) -> bytes:
    """Some picture: its first word says how it fares."""
    return draw.choices(list(ENDS), _WEIGHTS)[0] + b" %d" % draw.randrange(4)


def _set_image(width_px: int) -> SetImage:
    return SetImage(f"{width_px}.jpg", width_px, 10, OutputFormat.JPG, 5)


def result_of(source: bytes) -> bytes:
    """What the engine makes of it."""
    return b"" if source.startswith(b"empty") else b"result of " + source


@dataclass
class Engine:
    """The port `Compressor`: takes its time, and looks at each step whether its process is stopping."""

    scheduler: Scheduler
    stopping: SimulatedEvent
    draw: Random

    def run(
        self,
        source: BinaryIO,
        options: CompressionOptions,
        *,
        timeout_s: float,
        tenant: str | None = None,
        in_background: bool = False,
        on_phase: Callable[[str, float], None] | None = None,
        on_sides: Callable[[int], None] | None = None,
        on_spent: Callable[[float], None] | None = None,
        given_up: int | None = None,
    ) -> CompressionView:
        del tenant, in_background
        try:
            done = self._made(all_of(source), timeout_s, on_phase, on_sides, given_up)
            return replace(done, report=replace(done.report, images=tuple(map(_set_image, options.widths))))
        finally:
            if on_spent is not None:
                on_spent(0.5)

    def status(self) -> Mapping[str, str]:
        return {}

    def _made(
        self,
        content: bytes,
        timeout_s: float,
        on_phase: Callable[[str, float], None] | None,
        on_sides: Callable[[int], None] | None,
        given_up: int | None,
    ) -> CompressionView:
        kind = content.split()[0]
        side = LARGE_PX if kind == b"large" else SMALL_PX
        if on_sides is not None and kind != b"broken":
            on_sides(side)
        needs_s = 2 * timeout_s if kind == b"endless" else self.draw.choice((0.01, 0.5, 2.0, 8.0))
        self._work(min(needs_s, timeout_s) / 2, given_up)
        if on_phase is not None:
            on_phase("searching", self.scheduler.monotonic())
        self._work(min(needs_s, timeout_s) / 2, given_up)
        if needs_s >= timeout_s:
            raise TaskFailure(TaskState.TIMED_OUT)
        if ENDS[kind] is not TaskState.SUCCEEDED and kind != b"empty":
            raise TaskFailure(ENDS[kind])
        report = replace(_REPORT, source_width_px=side, width_px=side)
        return CompressionView(memoryview(result_of(content)), report)

    def _work(self, seconds: float, given_up: int | None) -> None:
        self.scheduler.point("engine")
        if self.stopping.wait(seconds) or _is_readable(given_up):
            raise TaskFailure(TaskState.CANCELLED)


def _is_readable(descriptor: int | None) -> bool:
    if descriptor is None:
        return False
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


@dataclass
class Sites:
    """The port `Fetcher`: a picture lies behind its own name."""

    scheduler: Scheduler
    draw: Random

    def fetch(self, url: str, into: Sink, headers: SourceHeaders = ()) -> None:
        del headers  # no site here asks for any
        self.scheduler.point(f"fetch {url}")
        self.scheduler.sleep(self.draw.choice((0.01, 0.2, 3.0)))
        content = urlsplit(url).path.removeprefix("/").replace("-", " ").encode()
        if content.startswith(b"unreachable"):
            raise TaskFailure(TaskState.DOWNLOAD_FAILED)
        into.write(content)


@dataclass
class Receivers:
    """The port `Poster`: receivers that are late, down for a while, or lose their own answer."""

    scheduler: Scheduler
    draw: Random
    told: Callable[[str, bytes], None]
    are_calm: bool = False
    times: dict[str, int] = field(default_factory=dict)

    def admits(self, url: str) -> bool:
        del url
        return True

    def post(self, url: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> WebhookAnswer:
        self.scheduler.point(f"post {url}")
        fate = 1.0 if self.are_calm else self.draw.random()
        if fate < 0.1:
            raise LeanpixError("nobody there")
        self.scheduler.sleep(self.draw.choice((0.01, 1.0)) if fate > 0.2 else LATE_S)
        self.told(dict(headers)["webhook-id"], body)
        if fate < 0.3:
            raise LeanpixError("the answer was lost")
        return WebhookAnswer(500 if fate < 0.4 else 200)


@dataclass
class Rates:
    """The port `RateLimits`: every request is within them."""

    scheduler: Scheduler
    waits: bool = True

    def take(self, key_id: str, bucket: RateBucket, per_s: float) -> float:
        del key_id, bucket, per_s
        self.scheduler.point("rates.take")
        return 0.0

    def take_and_owed(self, key_id: str, bucket: RateBucket, per_s: float, budget: RateBucket) -> tuple[float, float]:
        return self.take(key_id, bucket, per_s), self.owed_s(key_id, budget)

    def spend(self, key_id: str, bucket: RateBucket, amount: float, per_s: float) -> None:
        del key_id, bucket, amount, per_s
        self.scheduler.point("rates.spend")

    def owed_s(self, key_id: str, bucket: RateBucket) -> float:
        del key_id, bucket
        return 0.0
