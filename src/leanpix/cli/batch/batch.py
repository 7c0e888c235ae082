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
from leanpix.cli.batch.files import Places
from leanpix.cli.batch.items import Item, Outcome, Totals
from leanpix.cli.batch.lines import as_json, totals_as_json
from leanpix.cli.batch.local import local_engine
from leanpix.cli.batch.place import Placement, Where
from leanpix.cli.batch.run import interruptible, run
from leanpix.cli.batch.select import Rules, Selection, select
from leanpix.cli.batch.showcase import Showcase
from leanpix.cli.batch.state import Journal
from leanpix.cli.batch.work import Engine, OnConflict, Work
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
class Order:
    """What was asked for. state None: the place that goes with the placement. listed: files that a list names."""

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
class Ends:
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


def run_batch(order: Order, settings: BatchSettings) -> ExitCode:
    """Do it, show what came of it, and say how it ended."""
    ends = Ends()
    code = work_through(order, settings, ends)
    _conclude(order, ends)
    return code


def work_through(order: Order, settings: BatchSettings, ends: Ends) -> ExitCode:
    """Work on every picture; how it ended. What keeps all of them from being compressed is told."""
    ends.selection = select(order.paths, order.rules, order.listed)
    for item in ends.selection.problems:
        _tell(order, ends, item)
    if not ends.selection.pictures:
        return ExitCode.DONE  # no process is started for nothing
    try:
        with engine_of(settings, is_isolated=order.is_isolated) as engine:
            _work_through(order, engine, ends)
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        return ExitCode.NO_ENGINE
    if ends.stop.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if any(i.outcome is Outcome.FAILED for i in ends.items) else ExitCode.DONE


def run_undo(folder: Path, *, is_json: bool) -> ExitCode:
    """Put back what a backup holds, and say what came of each."""
    ends = Ends()
    try:
        for item in undo(folder):
            ends.items.append(item)
            if is_json:
                typer.echo(as_json(item))
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        return ExitCode.USAGE
    elapsed_s = time.monotonic() - ends.began_s
    if is_json:
        typer.echo(totals_as_json(ends.totals, ends.selection, elapsed_s))
    else:
        from leanpix.cli.batch import show

        show.show_problems(ends.items)
        show.show_summary(ends.items, ends.totals, ends.selection, elapsed_s, is_dry=False)
    is_whole = all(item.outcome in {Outcome.RESTORED, Outcome.DONE} for item in ends.items)
    return ExitCode.DONE if is_whole else ExitCode.SOME_FAILED


@contextmanager
def engine_of(settings: BatchSettings, *, is_isolated: bool) -> Iterator[Engine]:
    """What compresses: a server where one is named, else this machine; SetupError."""
    if settings.server is not None:
        from leanpix.cli.batch.remote import remote_engine

        with remote_engine(settings.server, settings.key or "") as remote:
            yield remote
        return
    with local_engine(settings, is_isolated=is_isolated) as local:
        yield local


def _work_through(order: Order, engine: Engine, ends: Ends) -> None:
    sources = ends.selection.sources
    with ExitStack() as stack:
        journal = stack.enter_context(
            Journal(_journal_path(order), order.options, is_forgetful=order.is_forgetful, is_read_only=order.is_dry)
        )
        work = Work(
            engine,
            order.options,
            order.placement,
            journal,
            watcher=None if order.report is None else ends.showcase,
            backup=None if order.backup is None else Backup(order.backup),
            may_lose=order.may_lose,
            on_conflict=order.on_conflict,
            keep_time=order.keep_time,
            is_dry=order.is_dry,
        )
        stack.enter_context(_synced_after(work.places))
        stack.enter_context(interruptible(ends.stop, engine.abandon, _say))
        advance = stack.enter_context(_progress(order, len(sources)))

        def ended(item: Item) -> None:
            advance(item)
            _tell(order, ends, item)

        run(sources, work, order.jobs, ends.stop, ended)


@contextmanager
def _progress(order: Order, total: int) -> Iterator[Callable[[Item], None]]:
    if order.as_json:
        yield lambda _item: None
        return
    from leanpix.cli.batch import show  # with rich, which programs have no use for

    with show.progress(total) as advance:
        yield advance


@contextmanager
def _synced_after(places: Places) -> Iterator[None]:
    try:
        yield
    finally:
        try:
            places.sync()
        except OSError as failure:
            raise SetupError(f"results could not be brought to the disk: {failure.strerror}") from failure


def _tell(order: Order, ends: Ends, item: Item) -> None:
    ends.items.append(item)
    if order.as_json:
        typer.echo(as_json(item))


def _conclude(order: Order, ends: Ends) -> None:
    elapsed_s = time.monotonic() - ends.began_s
    if order.report is not None:
        from leanpix.cli.batch.report import report_page

        order.report.write_text(report_page(ends.items, ends.totals, ends.showcase), encoding="utf-8")
    if order.as_json:
        typer.echo(totals_as_json(ends.totals, ends.selection, elapsed_s))
        return
    from leanpix.cli.batch import show

    if not ends.selection.pictures:
        show.show_nothing(order.paths, ends.selection)
        return
    show.show_problems(ends.items)
    show.show_summary(ends.items, ends.totals, ends.selection, elapsed_s, is_dry=order.is_dry)


def _journal_path(order: Order) -> Path | None:
    if order.state is not None:
        return order.state
    if order.placement.where is Where.MIRROR and order.placement.folder is not None:
        return order.placement.folder / _JOURNAL_NAME
    return Path(typer.get_app_dir("leanpix")) / _JOURNAL_NAME.removeprefix(".leanpix-")


def _say(text: str) -> None:
    typer.echo(f"leanpix: {text}", err=True)
