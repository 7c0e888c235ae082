"""The work on one picture: read, skip or compress, decide, write."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from leanpix.cli.batch.backup import Backup
from leanpix.cli.batch.files import WrittenFolders, read_file, sync_folder, write_whole
from leanpix.cli.batch.items import Item, Outcome, Source, WorstPlace
from leanpix.cli.batch.place import Placement, Where, is_marked, numbered, sources_of
from leanpix.cli.batch.state import Journal, JournalRecord, digest_of
from leanpix.cli.paths import is_file, is_there
from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat
from leanpix.domain.holding import SHOWN, Holding
from leanpix.domain.own_mark import mark_of, marked
from leanpix.domain.report import Advice
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState

MAX_SOURCE_BYTES = 512 * 1024 * 1024
_MOST_NUMBERS = 10_000


@dataclass(frozen=True, slots=True)
class Result:
    """A compressed picture; score and its worst place where they were looked for.

    lost: what it has not of its source. advice: another format that would take less than half.
    """

    data: bytes
    score: float | None
    lost: tuple[Holding, ...] = ()
    worst: WorstPlace | None = None
    advice: Advice | None = None


class Engine(Protocol):
    """What compresses: this machine's processes, or a server."""

    def compress(self, name: str, source: bytes, options: CompressionOptions) -> Result:
        """Compress a picture; TaskFailure for one that cannot be, SetupError when no picture can be."""

    def abandon(self) -> None:
        """Give up the pictures under way: their compress ends with CANCELLED."""


class ScoringEngine(Engine, Protocol):
    """The same, which also says how a picture looks."""

    def score(self, reference: bytes, picture: bytes) -> Mapping[str, Any]:
        """The report of a picture beside its reference, by its fields; TaskFailure, SetupError as `compress`."""


class Watcher(Protocol):
    """Sees each pair of pictures while both are at hand."""

    def see(self, source: Source, before: bytes, after: bytes, worst: WorstPlace | None) -> None:
        """A picture was compressed; worst: where that shows most."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A source as it was read."""

    source: Source
    status: os.stat_result
    content: bytes
    digest: str

    def new_format(self, result: Result) -> OutputFormat | None:
        """The result's format where it is another than the source's."""
        return _new_format(self.content, result.data)


def _new_format(before: bytes, after: bytes) -> OutputFormat | None:
    made = OutputFormat.of(after)
    return None if made is OutputFormat.of(before) else made


def asked_of(options: CompressionOptions, content: bytes) -> CompressionOptions:
    """A file of a format that is only written where it is named stays in it: for the command its own name does that."""
    own = OutputFormat.of(content)
    is_named = own is not None and own not in STANDARD_FORMATS and not options.names_format
    return replace(options, format=own) if is_named else options


def is_wanted(before: bytes, after: bytes, options: CompressionOptions, *, is_in_place: bool = False) -> bool:
    """A larger file replaces nothing; apart from its source it may lie where a change was asked for."""
    if len(after) < len(before):
        return True
    converts = options.names_format and _new_format(before, after) is not None
    return (converts or options.changes_dimensions) and not is_in_place


class OnConflict(StrEnum):
    """What is done where a result's name is taken by a file that no run has made."""

    REFUSE = "refuse"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class ClaimedNames:
    """The new names that results of a run take: a.jpg and a.png are worked on at once, and both may become a.webp.

    Thread-safe.
    """

    _claimed: set[Path] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def claim(self, name: Path) -> bool:
        """Take a name; False where another result has it."""
        with self._lock:
            is_free = name not in self._claimed
            self._claimed.add(name)
            return is_free


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to each picture. Thread-safe.

    What replaces a picture is on the disk before that one goes; what lies apart from its source is so when folders
    have been synced, once for all of them.
    """

    engine: Engine
    options: CompressionOptions
    placement: Placement
    journal: Journal
    watcher: Watcher | None = None
    backup: Backup | None = None
    may_lose: frozenset[Holding] = frozenset()
    on_conflict: OnConflict = OnConflict.REFUSE
    keep_time: bool = True
    is_dry: bool = False
    folders: WrittenFolders = field(default_factory=WrittenFolders)
    names: ClaimedNames = field(default_factory=ClaimedNames)

    def __call__(self, source: Source) -> Item:
        """Do it; what goes wrong with this picture is in the item. SetupError when no picture can be compressed."""
        try:
            return self._done(source)
        except TaskFailure as failure:
            outcome = Outcome.INTERRUPTED if failure.state is TaskState.CANCELLED else Outcome.FAILED
            return Item(source.path, outcome, message=str(failure))
        except OSError as failure:
            return Item(source.path, Outcome.FAILED, message=failure.strerror or str(failure))

    def _done(self, source: Source) -> Item:
        status, content = read_file(source.path, MAX_SOURCE_BYTES)
        picture = _Picture(source, status, content, digest_of(content))
        if self.placement.where is Where.IN_PLACE and (text := _reason_to_leave(status)):
            return Item(source.path, Outcome.LEFT, len(content), len(content), message=text)
        try:
            return self._known(picture) or self._beside(picture) or self._made(picture)
        except TaskFailure as failure:
            if failure.state is TaskState.CANCELLED or not self.placement.is_tree or self.is_dry:
                raise
            return self._copied(picture, str(failure))

    def _made(self, picture: _Picture) -> Item:
        if self.journal.is_settled(picture.digest):
            return self._keep(picture)
        if self._would_change_format(picture.content):
            size, text = (
                len(picture.content),
                "results cannot be written in its format; --format replaces it by another",
            )
            return Item(picture.source.path, Outcome.LEFT, size, size, message=text)
        result = self.engine.compress(
            picture.source.path.name, picture.content, asked_of(self.options, picture.content)
        )
        if self.placement.where is Where.IN_PLACE:
            result = replace(result, data=marked(result.data))
        return self._settle(picture, result)

    def _known(self, picture: _Picture) -> Item | None:
        """The item of a picture that an earlier run has done, if what it made is still there."""
        source, digest, size = picture.source, picture.digest, len(picture.content)
        record = self.journal.record_of(digest)
        if self.placement.where is Where.IN_PLACE:
            # A result is known by what is in it too: on another machine no journal knows it.
            is_result = self.journal.remembers and mark_of(picture.content) is not None
            settled = is_result or self.journal.is_settled(digest)
            before = self.journal.size_before(digest) or size
            return Item(source.path, Outcome.DONE, before, size, source.path) if settled else None
        if record is None:
            return None
        if record.result is None and self.placement.where is Where.BESIDE:
            return Item(source.path, Outcome.DONE, size, size)
        made_size = size if record.result is None else record.size
        for target in self._names(self.placement.target(source, record.new_format)):
            if not is_file(target):
                return None
            if target.stat().st_size == made_size and self.journal.is_own(_digest_at(target)):
                return Item(source.path, Outcome.DONE, size, made_size, target)
        return None

    def _beside(self, picture: _Picture) -> Item | None:
        """The item of what a run has put beside its source: elsewhere that one is compressed, and not its result."""
        path, size = picture.source.path, len(picture.content)
        if self.placement.where is Where.BESIDE or not (is_marked(path) and self.journal.is_made(picture.digest)):
            return None
        if not any(map(is_file, sources_of(path))):
            return None
        return Item(path, Outcome.LEFT, size, size, message="an earlier run has made it of the picture beside it")

    def _would_change_format(self, content: bytes) -> bool:
        in_place = self.placement.where is Where.IN_PLACE
        return in_place and not self.options.names_format and OutputFormat.of(content) is None

    def _settle(self, picture: _Picture, result: Result) -> Item:
        is_in_place = self.placement.where is Where.IN_PLACE
        if not is_wanted(picture.content, result.data, self.options, is_in_place=is_in_place):
            return self._keep(picture)
        shown = [one for one in result.lost if one in SHOWN and one not in self.may_lose]
        if shown and is_in_place:
            size, names = len(picture.content), ",".join(shown)
            text = f"it would lose {' and '.join(one.in_words for one in shown)}: see --allow-loss {names}"
            return Item(picture.source.path, Outcome.LEFT, size, size, message=text, lost=tuple(shown))
        target = self._free(self.placement.target(picture.source, picture.new_format(result)), result.data)
        if not self.is_dry:
            self._write(picture, result, target)
        if self.watcher is not None:
            self.watcher.see(picture.source, picture.content, result.data, result.worst)
        sizes = len(picture.content), len(result.data)
        return Item(
            *(picture.source.path, Outcome.COMPRESSED, *sizes, target, result.score),
            lost=result.lost,
            advice=result.advice,
        )

    def _keep(self, picture: _Picture) -> Item:
        size, target = len(picture.content), picture.source.path
        if self.placement.where is Where.MIRROR:
            target = self._free(self.placement.target(picture.source, None), picture.content)
        if not self.is_dry:
            if self.placement.where is Where.MIRROR:
                self._put(target, picture)
            self.journal.add(picture.digest, JournalRecord(None, source_size=size))
        return Item(picture.source.path, Outcome.KEPT, size, size, target, message="as small as it gets")

    def _copied(self, picture: _Picture, why: str) -> Item:
        """A mirror is complete: what cannot be compressed lies in it as it is, and is named."""
        size, target = len(picture.content), self._free(self.placement.target(picture.source, None), picture.content)
        self._put(target, picture)
        return Item(picture.source.path, Outcome.FAILED, size, size, target, message=f"{why} Copied as it is.")

    def _free(self, target: Path, content: bytes) -> Path:
        """Where a result may lie: its own name, or by option a numbered one; FileExistsError.

        A file may be replaced that some run has made; one that is the same already may be, too.
        """
        if self.placement.where is Where.IN_PLACE:
            return target
        for one in self._names(target):
            if not os.path.lexists(one) or _is_file_of(
                one, lambda d: self.journal.is_own(d) or d == digest_of(content)
            ):
                return one
        text = f"{target.name} is there already, and no run of this command made it: see --on-conflict"
        raise FileExistsError(None, text)

    def _names(self, target: Path) -> Iterator[Path]:
        yield target
        if self.on_conflict is OnConflict.NUMBER:
            yield from (numbered(target, number) for number in range(2, _MOST_NUMBERS))

    def _write(self, picture: _Picture, result: Result, target: Path) -> None:
        source = picture.source.path
        replaces = self.placement.where is Where.IN_PLACE
        if replaces and target != source and (is_there(target) or not self.names.claim(target)):
            raise FileExistsError(None, f"{target.name} is there already")
        if replaces and _stamp(source.stat()) != _stamp(picture.status):
            raise OSError(None, "changed while it was being compressed")
        sizes = len(result.data), len(picture.content)
        record = JournalRecord(digest_of(result.data), sizes[0], picture.new_format(result), sizes[1])
        # Before the source is gone: a result that no journal knows would be compressed again.
        self.journal.add(picture.digest, record)
        if replaces and self.backup is not None:
            self.backup.keep(picture.source, picture.content, picture.status, target, digest_of(result.data))
        self._put(target, picture, result.data)
        if replaces and target != source:
            sync_folder(target.parent)
            source.unlink()
            sync_folder(target.parent)

    def _put(self, target: Path, picture: _Picture, content: bytes | None = None) -> None:
        """Write a result, or the picture as it is."""
        replaces = self.placement.where is Where.IN_PLACE
        if not replaces:
            self.folders.make_ready(target.parent)
        write_whole(
            target,
            picture.content if content is None else content,
            picture.status,
            keep_time=self.keep_time,
            is_synced=replaces,
            attributes_of=picture.source.path,
        )


def _reason_to_leave(status: os.stat_result) -> str:
    """Why a file is not to be replaced, or nothing."""
    if status.st_nlink > 1:
        return f"one file by {status.st_nlink} names (hard links): a result in its place would part them"
    # A folder's permission would do for replacing it, but whoever writes protected it meant its content.
    return "" if status.st_mode & stat.S_IWUSR else "it is read-only"


def _digest_at(path: Path) -> str:
    return digest_of(read_file(path, MAX_SOURCE_BYTES)[1])


def _is_file_of(path: Path, is_meant: Callable[[str], bool]) -> bool:
    """Whether a plain file, no link, has a content whose digest is meant."""
    try:
        return not path.is_symlink() and is_meant(_digest_at(path))
    except OSError:
        return False


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
