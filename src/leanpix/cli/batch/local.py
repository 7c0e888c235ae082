"""Compression in this machine's own processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from leanpix.bootstrap import make_pool
from leanpix.cli.batch.work import Result
from leanpix.domain.report import Compression
from leanpix.domain.request import CompressionOptions
from leanpix.settings import Settings


class _Pool(Protocol):
    def run(self, source: bytes, options: CompressionOptions, *, timeout_s: float) -> Compression: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """A locked process a picture."""

    pool: _Pool
    timeout_s: float

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        """Compress; TaskFailure."""
        del name
        made = self.pool.run(source, options, timeout_s=self.timeout_s)
        return Result(made.data, made.report.score)

    def abandon(self) -> None:
        """Kill the processes."""
        self.pool.close()


@contextmanager
def local_engine(settings: Settings) -> Iterator[LocalEngine]:
    """The engine of this machine; SetupError when its processes cannot be started."""
    with make_pool(settings) as pool:
        yield LocalEngine(pool, settings.task_timeout_s)
