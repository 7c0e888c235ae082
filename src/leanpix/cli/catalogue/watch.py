"""A folder followed: what arrives is brought over once nobody writes to it any more."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import typer

from leanpix.batch_settings import BatchSettings
from leanpix.cli.batch.batch import ExitCode
from leanpix.cli.batch.items import Item, Outcome, shown_path
from leanpix.cli.batch.sizes import shown_size
from leanpix.cli.catalogue.folder import Folder
from leanpix.cli.catalogue.places import Entry
from leanpix.cli.catalogue.sync import Session, SyncRequest, Tally, opened, places, show_in_words, show_json
from leanpix.cli.paths import is_folder, is_link, real_path
from leanpix.domain.errors import SetupError

_TICK_S = 0.2
_WRITTEN = frozenset({Outcome.COMPRESSED, Outcome.KEPT, Outcome.COPIED, Outcome.DELETED})


@dataclass(frozen=True, slots=True)
class Pace:
    """settle_s: for so long a file has to be as it is. rescan_s: between two looks at everything.

    poll_s: the same where nothing tells of changes.
    """

    settle_s: float
    rescan_s: float
    poll_s: float


@dataclass(slots=True)
class Arrivals:
    """Files that may still be written to: by key, how they looked and since when."""

    folder: Folder
    settle_s: float
    _waiting: dict[str, tuple[str, float]] = field(default_factory=dict)

    def add(self, key: str) -> None:
        """Wait for a file; of a folder, for all that is in it."""
        path = self.folder.folder / key
        if is_folder(path) and not is_link(path):
            for entry in self.folder.entries(key):
                self._waiting.setdefault(entry.key, ("", 0.0))
        else:
            self._waiting.setdefault(key, ("", 0.0))

    def holds(self, entry: Entry) -> bool:
        """Whether a listed file has been written to just now: it waits then. One that waits already is held."""
        if entry.problem:
            return False
        modified_s = int(entry.stamp.rpartition("-")[2]) / 1e9
        is_quiet = not 0 <= time.time() - modified_s < self.settle_s and not is_being_written(
            self.folder.folder / entry.key
        )
        if entry.key in self._waiting or not is_quiet:
            self.add(entry.key)
            return True
        return False

    def take_settled(self) -> tuple[list[Entry], list[str]]:
        """What nobody writes to any more, and what is gone; neither waits any longer."""
        now, ready, gone = time.monotonic(), list[Entry](), list[str]()
        for key, (stamp, since) in list(self._waiting.items()):
            entry = self.folder.entry(key)
            if entry is None:
                gone.append(key)
            elif entry.stamp != stamp:
                self._waiting[key] = entry.stamp, now
                continue
            elif now - since < self.settle_s or is_being_written(self.folder.folder / key):
                continue
            else:
                ready.append(entry)
            del self._waiting[key]
        return ready, gone


def run_watch(request: SyncRequest, pace: Pace, settings: BatchSettings) -> ExitCode:
    """Catch up, then follow the folder until SIGTERM or Ctrl-C."""
    stop, tally = Event(), Tally(show_json if request.as_json else _show)
    try:
        source, target = places(request)
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        return ExitCode.USAGE
    if not isinstance(source, Folder):
        text = f"{request.source} is no folder: `leanpix sync` looks at buckets, as often as it is run"
        typer.echo(f"leanpix: {text}", err=True)
        return ExitCode.USAGE
    # A lease that is asked for while somebody opens the file would be called back by this signal, which ends a process.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    code = ExitCode.DONE
    try:
        with opened(request, settings, source, target, tally, stop) as session:
            _follow(session, Arrivals(source, pace.settle_s), pace)
    except SetupError as failure:
        typer.echo(f"leanpix: {failure}", err=True)
        code = ExitCode.NO_ENGINE
    tally.conclude(is_dry=False, is_json=request.as_json)
    return code


def is_being_written(path: Path) -> bool:
    """Whether somebody has a file open for writing, as far as the kernel tells: it gives no lease then.

    False also where it cannot be told, of another user's file or on a file system without leases.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as failure:
        return failure.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def _follow(session: Session, arrivals: Arrivals, pace: Pace) -> None:
    changes = _changes(arrivals.folder.folder, session.stop, pace)
    next(changes)  # from here on nothing is missed
    due_at = time.monotonic()
    for found in changes:
        if time.monotonic() >= due_at or found is None:
            session.bring_all(arrivals.holds)
            due_at = time.monotonic() + pace.rescan_s
        for key in found or ():
            arrivals.add(key)
        ready, gone = arrivals.take_settled()
        session.bring(iter(one for one in ready if not session.leaves_out(one)), session.tally.take)
        for key in gone if session.request.deletes else ():
            session.delete(key)
        if session.stop.is_set():
            return


def _changes(folder: Path, stop: Event, pace: Pace) -> Iterator[set[str] | None]:
    """Keys that have changed, a few times a second and once at the start; None: all has to be looked at."""
    if find_spec("watchfiles") is None:
        text = f"looks every {pace.poll_s:g} s; the extra leanpix[watch] would tell at once what arrives"
        typer.echo(f"leanpix: {text}", err=True)
        yield None
        yield set()
        at = time.monotonic()
        while not stop.wait(_TICK_S):
            is_time = time.monotonic() - at >= pace.poll_s
            at = time.monotonic() if is_time else at
            yield None if is_time else set()
        return
    import watchfiles

    top = real_path(folder)
    tick_ms = int(_TICK_S * 1000)
    for found in watchfiles.watch(
        top,
        watch_filter=None,
        debounce=tick_ms,
        step=50,
        rust_timeout=tick_ms,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        yield {os.path.relpath(path, top) for _, path in found if path != str(top)}


def _show(item: Item) -> None:
    """A line for each file that was written, and for what went wrong."""
    if item.outcome in _WRITTEN:
        sizes = f" {shown_size(item.size_before)} -> {shown_size(item.size_after)}" if item.size_before else ""
        typer.echo(f"{shown_path(item.path)}: {item.outcome.value}{sizes}")
    else:
        show_in_words(item)
