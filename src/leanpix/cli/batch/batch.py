"""A whole batch, from the options of the command to its exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from threading import Event

import typer

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.backup import Backup, undo
from leanpix.cli.batch.files import WrittenFolders
from leanpix.cli.batch.items import Item, Outcome, Totals
from leanpix.cli.batch.lines import as_json, totals_as_json
from leanpix.cli.batch.local import local_engine
from leanpix.cli.batch.place import Placement
from leanpix.cli.batch.run import interruptible, run
from leanpix.cli.batch.select import Rules, Selection, select
from leanpix.cli.batch.showcase import Showcase
from leanpix.cli.batch.state import Journal
from leanpix.cli.batch.work import Engine, OnConflict, ScoringEngine, Work
from leanpix.domain.errors import SetupError
from leanpix.domain.holding import Holding
from leanpix.domain.request import CompressionOptions

_JOURNAL_NAME = ".leanpix-state.jsonl"


class ExitCode(IntEnum):
    """How the command ends."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    NO_ENGINE = 3
    WASTEFUL = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What the command line asks for.

    state None: the place that goes with the placement. listed: files that a list names.
    """

    paths: Sequence[Path]
    options: CompressionOptions
    placement: Placement
    rules: Rules
    jobs: int = 1
    state: Path | None = None
    is_forgetful: bool = False
    keep_time: bool = True
    is_dry: bool = False
    as_json: bool = False
    report: Path | None = None
    is_isolated: bool = False
    on_conflict: OnConflict = OnConflict.REFUSE
    backup: Path | None = None
    may_lose: frozenset[Holding] = frozenset()
    listed: Sequence[Path] = ()


@dataclass(slots=True)
class BatchRun:
    """What has come of the pictures so far."""

    selection: Selection = field(default_factory=Selection)
    items: list[Item] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    stop: Event = field(default_factory=Event)
    showcase: Showcase = field(default_factory=Showcase)

    @property
    def totals(self) -> Totals:
        """What they come to, those included that were not begun."""
        return Totals.of(self.items, self.selection.pictures)


def run_batch(request: BatchRequest, settings: BatchSettings) -> ExitCode:
    """Do it, show what came of it, and say how it ended."""
    batch = BatchRun()
    code = work_through(request, settings, batch)
    is_reported = _has_report(request, batch)
    _conclude(request, batch)
    return ExitCode.SOME_FAILED if code is ExitCode.DONE and not is_reported else code


def work_through(request: BatchRequest, settings: BatchSettings, batch: BatchRun) -> ExitCode:
    """Work on every picture; how it ended. What keeps all of them from being compressed is told."""
    batch.selection = select(request.paths, request.rules, request.listed)
    for item in batch.selection.problems:
        _tell(request, batch, item)
    if not batch.selection.pictures:
        return ExitCode.DONE  # no process is started for nothing
    try:
        with engine_of(settings, is_isolated=request.is_isolated) as engine:
            _work_through(request, engine, batch)
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        return ExitCode.NO_ENGINE
    if batch.stop.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if any(i.outcome is Outcome.FAILED for i in batch.items) else ExitCode.DONE


def run_undo(folder: Path, *, is_json: bool) -> ExitCode:
    """Put back what a backup holds, and say what came of each."""
    batch = BatchRun()
    try:
        for item in undo(folder):
            batch.items.append(item)
            if is_json:
                typer.echo(as_json(item))
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        return ExitCode.USAGE
    elapsed_s = time.monotonic() - batch.began_s
    if is_json:
        typer.echo(totals_as_json(batch.totals, batch.selection, elapsed_s))
    else:
        from leanpix.cli.batch import show

        show.show_problems(batch.items)
        show.show_summary(batch.items, batch.totals, batch.selection, elapsed_s, is_dry=False)
    is_whole = all(item.outcome in {Outcome.RESTORED, Outcome.DONE} for item in batch.items)
    return ExitCode.DONE if is_whole else ExitCode.SOME_FAILED


@contextmanager
def engine_of(settings: BatchSettings, *, is_isolated: bool) -> Iterator[ScoringEngine]:
    """What compresses: a server where one is named, else this machine; SetupError."""
    if settings.server is not None:
        from leanpix.cli.batch.remote import remote_engine

        with remote_engine(settings.server, settings.key) as remote:
            yield remote
        return
    with local_engine(settings, is_isolated=is_isolated) as local:
        yield local


def _work_through(request: BatchRequest, engine: Engine, batch: BatchRun) -> None:
    sources = batch.selection.sources
    with ExitStack() as stack:
        journal = stack.enter_context(
            Journal(
                _journal_path(request),
                request.options,
                is_forgetful=request.is_forgetful,
                is_read_only=request.is_dry,
                elsewhere=_own_journal(),
            )
        )
        work = Work(
            engine,
            request.options,
            request.placement,
            journal,
            watcher=None if request.report is None else batch.showcase,
            backup=None if request.backup is None else Backup(request.backup),
            may_lose=request.may_lose,
            on_conflict=request.on_conflict,
            keep_time=request.keep_time,
            is_dry=request.is_dry,
        )
        stack.enter_context(_synced_after(work.folders))
        stack.enter_context(interruptible(batch.stop, engine.abandon, _say))
        advance = stack.enter_context(_progress(request, len(sources)))

        def ended(item: Item) -> None:
            advance(item)
            _tell(request, batch, item)

        run(sources, work, request.jobs, batch.stop, ended)


@contextmanager
def _progress(request: BatchRequest, total: int) -> Iterator[Callable[[Item], None]]:
    if request.as_json:
        yield lambda _item: None
        return
    from leanpix.cli.batch import show  # with rich, which programs have no use for

    with show.progress(total) as advance:
        yield advance


@contextmanager
def _synced_after(folders: WrittenFolders) -> Iterator[None]:
    try:
        yield
    finally:
        try:
            folders.sync()
        except OSError as failure:
            raise SetupError(f"results could not be brought to the disk: {failure.strerror}") from failure


def _tell(request: BatchRequest, batch: BatchRun, item: Item) -> None:
    batch.items.append(item)
    if request.as_json:
        typer.echo(as_json(item))


def _has_report(request: BatchRequest, batch: BatchRun) -> bool:
    """Write the page that was asked for; where it cannot be, that is told."""
    if request.report is None:
        return True
    from leanpix.cli.batch.report import report_page

    try:
        request.report.write_text(report_page(batch.items, batch.totals, batch.showcase), encoding="utf-8")
    except OSError as failure:
        _say(f"--report {request.report}: {failure.strerror}")
        return False
    return True


def _conclude(request: BatchRequest, batch: BatchRun) -> None:
    elapsed_s = time.monotonic() - batch.began_s
    if request.as_json:
        typer.echo(totals_as_json(batch.totals, batch.selection, elapsed_s))
        return
    from leanpix.cli.batch import show

    if not batch.selection.pictures:
        show.show_nothing(request.paths, batch.selection)
        return
    show.show_problems(batch.items)
    show.show_summary(batch.items, batch.totals, batch.selection, elapsed_s, is_dry=request.is_dry)


def _journal_path(request: BatchRequest) -> Path | None:
    if request.state is not None:
        return request.state
    if request.placement.is_tree and request.placement.folder is not None:
        return request.placement.folder / _JOURNAL_NAME
    return _own_journal()


def _own_journal() -> Path:
    """The user's own, of results that lie with their sources."""
    return Path(typer.get_app_dir("leanpix")) / _JOURNAL_NAME.removeprefix(".leanpix-")


def _say(text: str) -> None:
    typer.echo(f"leanpix: {text}", err=True)
