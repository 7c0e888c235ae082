"""Compression in this machine's own processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.items import WorstPlace
from leanpix.cli.batch.work import Result
from leanpix.domain.pair import pair_of
from leanpix.domain.report import Compression, CompressionView
from leanpix.domain.request import CompressionOptions

_TENANT = "the person who runs the command"


class _Pool(Protocol):
    def run(
        self, source: bytes, options: CompressionOptions, *, timeout_s: float, tenant: str | None
    ) -> CompressionView: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Locked processes."""

    pool: _Pool
    timeout_s: float

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        """Compress; TaskFailure."""
        del name
        made = self.pool.run(source, options, timeout_s=self.timeout_s, tenant=_TENANT)
        report = made.report
        return Result(bytes(made.data), report.score, report.lost, WorstPlace.of(report.fields()), report.advice)

    def transcode(self, source: bytes, options: CompressionOptions) -> bytes:
        """The result alone; TaskFailure."""
        return self.compress("", source, options).data

    def compare(self, reference: bytes, picture: bytes) -> Compression:
        """The map and the report of a picture beside its reference; TaskFailure."""
        options = CompressionOptions(compares=True)
        source = pair_of(reference, picture)
        made = self.pool.run(source, options, timeout_s=self.timeout_s, tenant=_TENANT)
        return Compression(bytes(made.data), made.report)

    def score(self, reference: bytes, picture: bytes) -> Mapping[str, Any]:
        """The report alone, by its fields; TaskFailure."""
        return self.compare(reference, picture).report.fields()

    def abandon(self) -> None:
        """Kill the processes."""
        self.pool.close()


@contextmanager
def local_engine(settings: BatchSettings, *, is_isolated: bool) -> Iterator[LocalEngine]:
    """The engine of this machine, a process of its own for each picture or not; SetupError when none starts.

    A person's own pictures are no strangers to one another: without is_isolated their processes live as long as the
    command needs them.
    """
    from leanpix.bootstrap.pools import make_pool

    isolation = {"isolation": "picture"} if is_isolated else {"isolation": "key", "child_max_age_s": 86_400.0}
    with make_pool(settings.model_copy(update=isolation)) as pool:
        yield LocalEngine(pool, settings.task_timeout_s)
