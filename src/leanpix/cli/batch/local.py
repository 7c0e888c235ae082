"""Compression in this machine's own processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.work import Result
from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.request import CompressionOptions


class _Pool(Protocol):
    def run(self, source: bytes, options: CompressionOptions, *, timeout_s: float) -> Compression | CompressionView: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Locked processes."""

    pool: _Pool
    timeout_s: float

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        """Compress; TaskFailure."""
        del name
        made = self.pool.run(source, options, timeout_s=self.timeout_s)
        return Result(bytes(made.data), made.report.score)

    def abandon(self) -> None:
        """Kill the processes."""
        self.pool.close()


@contextmanager
def local_engine(settings: BatchSettings, *, is_isolated: bool) -> Iterator[LocalEngine]:
    """The engine of this machine, a process of its own for each picture or not; SetupError when none starts."""
    from leanpix.bootstrap.pools import make_pool, make_reused_pool

    with make_pool(settings) if is_isolated else make_reused_pool(settings) as pool:
        yield LocalEngine(pool, settings.task_timeout_s)
