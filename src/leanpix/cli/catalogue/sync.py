"""A whole catalogue: listed, brought over, told."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from threading import Event

import typer

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.batch import ExitCode, engine_of
from leanpix.cli.batch.items import Item, Losses, Outcome, Totals, shown_path
from leanpix.cli.batch.lines import as_json, totals_as_json
from leanpix.cli.batch.run import interruptible, run
from leanpix.cli.batch.select import EXTENSIONS, Selection, matches
from leanpix.cli.catalogue.folder import Folder
from leanpix.cli.catalogue.journal import CatalogueJournal
from leanpix.cli.catalogue.opening import are_apart, source_at, target_at
from leanpix.cli.catalogue.places import OWN_PREFIX, Entry, Place
from leanpix.cli.catalogue.work import CatalogueWork, OnTaken
from leanpix.cli.paths import real_path
from leanpix.domain.errors import SetupError
from leanpix.domain.holding import Holding
from leanpix.domain.request import CompressionOptions

# Files on their way beside the pictures that are being compressed: a store answers after 10 to 100 ms.
_TRANSFERS = 4
_PAGE = 1000
_NAME_CHARACTERS = 12
_TOLD = frozenset({Outcome.FAILED, Outcome.LEFT, Outcome.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What was asked for. state None: beside a folder's files, or in the user's own folder for a bucket."""

    source: str
    target: str
    options: CompressionOptions
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    jobs: int = 1
    state: Path | None = None
    pictures_only: bool = False
    deletes: bool = False
    is_forgetful: bool = False
    is_dry: bool = False
    as_json: bool = False
    on_taken: OnTaken = OnTaken.REFUSE
    may_lose: frozenset[Holding] = frozenset()

    def leaves_out(self, key: str) -> bool:
        """Whether a file is neither brought over nor missed."""
        path = PurePosixPath(key)
        if matches(path, self.exclude) or (self.include and not matches(path, self.include)):
            return True
        return self.pictures_only and path.suffix[1:].lower() not in EXTENSIONS


@dataclass(slots=True)
class Tally:
    """What has come of the files so far; nothing in it grows with their number. show: tells of one at once."""

    show: Callable[[Item], None]
    totals: Totals = field(default_factory=Totals)
    losses: Losses = field(default_factory=Losses)
    left_out: int = 0
    listed: int = 0
    is_whole: bool = True
    began_s: float = field(default_factory=time.monotonic)

    def take(self, item: Item) -> None:
        """Count an item, and tell of it."""
        self.totals.add(item)
        self.losses.add(item)
        self.show(item)

    def conclude(self, *, is_dry: bool, is_json: bool) -> None:
        """Say what it came to."""
        elapsed_s, selection = time.monotonic() - self.began_s, Selection(left_out=self.left_out)
        if is_json:
            typer.echo(totals_as_json(self.totals, selection, elapsed_s))
            return
        from leanpix.cli.batch import show

        show.show_losses(self.losses)
        show.show_totals(self.totals, selection, elapsed_s, is_dry=is_dry)


def show_json(item: Item) -> None:
    """A line for programs."""
    typer.echo(as_json(item))


def show_in_words(item: Item) -> None:
    """A line for people, of what they may want to do something about; of a dry run all of it."""
    if item.outcome in _TOLD:
        typer.echo(f"leanpix: {shown_path(item.path)}: {item.outcome.value}: {item.message}", err=True)
    elif item.outcome is Outcome.NOT_BEGUN:
        typer.echo(f"{shown_path(item.path)}: {item.message}")


@dataclass(frozen=True, slots=True)
class Session:
    """Both places, and what works on them."""

    request: SyncRequest
    source: Place
    target: Place
    journal: CatalogueJournal
    work: CatalogueWork
    tally: Tally
    stop: Event

    def bring(self, entries: Iterator[Entry], ended: Callable[[Item], None]) -> None:
        """Work on these files, some at a time; SetupError."""
        run(entries, self.work, self.request.jobs + _TRANSFERS, self.stop, ended)

    def bring_all(self, holds: Callable[[Entry], bool] = lambda _entry: False) -> None:
        """One pass over both listings; with `deletes`, what is gone from the source goes from the target too.

        holds: says of a file that it is not to be brought yet.
        """
        self.tally.listed, self.tally.is_whole = 0, True
        self.journal.begin_pass()
        self.look_at_target()
        with _progress(self.request) as advance:

            def ended(item: Item) -> None:
                advance(item)
                self.tally.take(item)

            self.bring(self._entries(holds), ended)
        if self.request.deletes and not self.stop.is_set():
            self.delete_gone()

    def look_at_target(self) -> None:
        """Note what the target has; SetupError."""
        stamps = self.target.stamps()
        while page := list(islice(stamps, _PAGE)):
            self.journal.keep_there(page)

    def delete_gone(self) -> None:
        """Follow deletions, unless the listing has a hole, or nothing at all in it."""
        if not self.tally.is_whole or not self.tally.listed:
            why = "is empty" if self.tally.is_whole else "could not be read whole"
            typer.echo(f"leanpix: {self.source.name} {why}: nothing is deleted", err=True)
            return
        for item in self.work.delete_gone():
            self.tally.take(item)

    def delete(self, key: str) -> None:
        """Follow the deletion of a file, or of a folder with all that was in it."""
        for row in self.journal.rows_at(key):
            if (item := self.work.delete(row)) is not None:
                self.tally.take(item)

    def leaves_out(self, entry: Entry) -> bool:
        """Whether a file is neither brought over nor missed; it is counted then."""
        if entry.is_hole or not self.request.leaves_out(entry.key):
            return False
        self.tally.left_out += 1
        self.journal.see(entry.key)
        return True

    def _entries(self, holds: Callable[[Entry], bool]) -> Iterator[Entry]:
        for entry in self.source.entries():
            self.tally.listed += not entry.is_hole
            self.tally.is_whole &= not entry.is_hole
            if self.leaves_out(entry):
                continue
            if holds(entry):
                self.journal.see(entry.key)
            else:
                yield entry


def run_sync(request: SyncRequest, settings: BatchSettings) -> ExitCode:
    """Do it, say what came of it, and how it ended."""
    stop, tally = Event(), Tally(show_json if request.as_json else show_in_words)
    try:
        source, target = places(request)
    except SetupError as failure:
        return _refused(failure, ExitCode.USAGE)
    code = ExitCode.DONE
    try:
        with opened(request, settings, source, target, tally, stop) as session:
            session.bring_all()
    except SetupError as failure:
        code = _refused(failure, ExitCode.NO_ENGINE)
    tally.conclude(is_dry=request.is_dry, is_json=request.as_json)
    if code is not ExitCode.DONE:
        return code
    if stop.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.SOME_FAILED if tally.totals.counts[Outcome.FAILED] else ExitCode.DONE


def places(request: SyncRequest) -> tuple[Place, Place]:
    """Source and target; SetupError where either is none, or one lies in the other."""
    if not (request.source and request.target):
        raise SetupError("source and target have to be named: one of them is empty")
    if not are_apart(request.source, request.target):
        text = "source and target lie in one another; `leanpix compress --in-place` replaces the pictures of a folder"
        raise SetupError(text)
    return source_at(request.source), target_at(request.target, makes=not request.is_dry)


@contextmanager
def opened(
    request: SyncRequest, settings: BatchSettings, source: Place, target: Place, tally: Tally, stop: Event
) -> Iterator[Session]:
    """What works on both places; the first Ctrl-C sets stop, the second one gives up. SetupError."""
    engine_or_none = nullcontext(None) if request.is_dry else engine_of(settings, is_isolated=False)
    journal_path = request.state or _state_of(source, target)
    with CatalogueJournal(journal_path, is_read_only=request.is_dry) as journal, engine_or_none as engine:
        work = CatalogueWork(
            source,
            target,
            engine,
            request.options,
            journal,
            threading.Semaphore(request.jobs),
            may_lose=request.may_lose,
            on_taken=request.on_taken,
            is_forgetful=request.is_forgetful,
            deletes=request.deletes,
        )
        abandon = (lambda: None) if engine is None else engine.abandon
        with interruptible(stop, abandon, lambda text: typer.echo(f"leanpix: {text}", err=True)):
            yield Session(request, source, target, journal, work, tally, stop)


def _state_of(source: Place, target: Place) -> Path:
    places_named = f"{_whole_name(source)}\n{_whole_name(target)}".encode(errors="surrogateescape")
    name = f"sync-{hashlib.sha256(places_named).hexdigest()[:_NAME_CHARACTERS]}.sqlite"
    if isinstance(target, Folder):
        return target.folder / f"{OWN_PREFIX}{name}"
    return Path(typer.get_app_dir("leanpix")) / name


def _whole_name(place: Place) -> str:
    return str(real_path(place.folder)) if isinstance(place, Folder) else place.name.rstrip("/")


def _refused(failure: SetupError, code: ExitCode) -> ExitCode:
    typer.echo(f"leanpix: {failure}", err=True)
    return code


@contextmanager
def _progress(request: SyncRequest) -> Iterator[Callable[[Item], None]]:
    if request.as_json:
        yield lambda _item: None
        return
    from leanpix.cli.batch import show  # with rich, which programs have no use for

    with show.progress(None) as advance:
        yield advance
