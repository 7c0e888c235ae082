"""The work on one file of a catalogue: known already, compressed, or copied as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath

from leanpix.cli.batch.items import Item, Outcome
from leanpix.cli.batch.select import EXTENSIONS
from leanpix.cli.batch.state import digest_of, options_digest
from leanpix.cli.batch.work import MAX_SOURCE_BYTES, Engine, asked_of, is_wanted
from leanpix.cli.catalogue.journal import CatalogueJournal, Row, TargetTakenError
from leanpix.cli.catalogue.places import CONTENT_TYPE, Entry, Opened, Place
from leanpix.domain.errors import SetupError, TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.holding import SHOWN, Holding
from leanpix.domain.own_mark import mark_of, marked
from leanpix.domain.request import CompressionOptions
from leanpix.domain.states import TaskState

# A file that is no picture is held in memory up to this size, and goes through in parts above.
_WHOLE_BYTES = 8 << 20
# What another try with the same options gives again.
_FINAL = frozenset({TaskState.INVALID_IMAGE, TaskState.NOT_MEETING_REQUIREMENTS})
# What a picture is looked at for though its content is of no format that is written: its name says otherwise.
_WRITTEN = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp", "avif", "jxl"})
# So many files in a row that a place refuses are no longer those files' fault.
_MOST_REFUSED = 20


class OnTaken(StrEnum):
    """What is done where the target has a file that no run has written, or that was changed since."""

    REFUSE = "refuse"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What goes into the target: content, or None for the source as it is."""

    outcome: Outcome
    content: bytes | None = None
    new_format: OutputFormat | None = None
    message: str = ""
    score: float | None = None
    lost: tuple[Holding, ...] = ()
    is_final: bool = True


@dataclass(slots=True)
class CatalogueWork:
    """What is done to each file. Thread-safe.

    engine None: what would be done is said, and nothing is read or written. compressing: bounds the pictures that are
    compressed at a time; more files than these may be on their way. is_forgetful: what is done is done again.
    deletes: what has another name with other options than before goes from its old one.
    """

    source: Place
    target: Place
    engine: Engine | None
    options: CompressionOptions
    journal: CatalogueJournal
    compressing: threading.Semaphore
    may_lose: frozenset[Holding] = frozenset()
    on_taken: OnTaken = OnTaken.REFUSE
    is_forgetful: bool = False
    deletes: bool = False
    _options: str = field(init=False)
    _refused: int = 0

    def __post_init__(self) -> None:
        self._options = options_digest(self.options)

    def __call__(self, entry: Entry) -> Item:
        """Do it; what goes wrong with this file is in the item. SetupError where nothing more can be done."""
        path = PurePosixPath(entry.key)
        self.journal.see(entry.key)
        if entry.problem:
            outcome = Outcome.FAILED if entry.is_hole else Outcome.LEFT
            return Item(path, outcome, message=entry.problem)
        try:
            item = self._known(entry) or self._made(entry)
        except TaskFailure as failure:
            return Item(path, Outcome.INTERRUPTED, message=str(failure))
        except TargetTakenError as failure:
            return Item(path, Outcome.FAILED, message=f"its result would replace that of {failure}")
        except OSError as failure:
            self._count_refusal(str(failure.strerror or failure))
            return Item(path, Outcome.FAILED, entry.size, entry.size, message=failure.strerror or str(failure))
        self._refused = 0
        return item

    def delete_gone(self) -> Iterator[Item]:
        """Remove what was made of sources that are gone, if it is still what was made; an item for each."""
        for row in self.journal.gone():
            if (item := self.delete(row)) is not None:
                yield item

    def delete(self, row: Row) -> Item | None:
        """Remove what was made of a source that is gone; None where it was gone before."""
        path = PurePosixPath(row.key)
        there = self.journal.stamp_there(row.target)
        if there is None:
            self.journal.forget(row.key)
            return None
        if row.target_stamp and there != row.target_stamp:
            return Item(path, Outcome.LEFT, message=f"{row.target} was changed since it was written")
        if self.engine is None:
            return Item(path, Outcome.NOT_BEGUN, message=f"{row.target} would be deleted")
        try:
            self.target.delete(row.target)
        except OSError as failure:
            return Item(path, Outcome.FAILED, message=failure.strerror or str(failure))
        self.journal.forget(row.key)
        return Item(path, Outcome.DELETED, target=PurePosixPath(row.target))

    def _known(self, entry: Entry) -> Item | None:
        """The item of a file that an earlier run has done and nobody has touched since: nothing is read for it."""
        row = self.journal.row_of(entry.key)
        if row is None or not self._stands(row) or row.source_stamp != entry.stamp:
            return None
        return _done(row)

    def _stands(self, row: Row) -> bool:
        """Whether the target still has what was made with these options."""
        if self.is_forgetful or not row.target_stamp or row.options != self._options:
            return False
        return self.journal.stamp_there(row.target) == row.target_stamp

    def _made(self, entry: Entry) -> Item:
        if self.engine is None:
            what = "compressed" if _may_be_picture(entry) else "copied"
            return Item(PurePosixPath(entry.key), Outcome.NOT_BEGUN, entry.size, message=f"would be {what}")
        with self.source.open(entry.key) as opened:
            is_small = opened.size <= (MAX_SOURCE_BYTES if _may_be_picture(entry) else _WHOLE_BYTES)
            content = opened.read() if is_small else None
            digest = "" if content is None else digest_of(content)
            row = self.journal.row_of(entry.key)
            headers = dict(opened.headers)
            is_same = row is not None and row.digest == digest != "" and row.headers == _as_text(headers)
            if row is not None and is_same and self._stands(row):  # touched, and the same as it was
                self.journal.keep(replace(row, source_stamp=opened.stamp))
                return _done(row)
            verdict = _COPY if content is None else self._verdict(self.engine, entry, content, headers)
            return self._put(entry, opened, content, digest, verdict)

    def _verdict(self, engine: Engine, entry: Entry, content: bytes, headers: Mapping[str, str]) -> _Verdict:
        """What is made of a file that was read whole; TaskFailure when it was given up."""
        if (as_it_is := self._without_engine(entry, content, headers)) is not None:
            return as_it_is
        try:
            with self.compressing:
                result = engine.compress(entry.key, content, asked_of(self.options, content))
        except TaskFailure as failure:
            if failure.state is TaskState.CANCELLED:
                raise
            text = f"{failure} Copied as it is."
            return _Verdict(Outcome.FAILED, message=text, is_final=failure.state in _FINAL)
        if OutputFormat.of(content) is None and not self.options.names_format:
            return _NOT_WRITTEN
        data = marked(result.data)
        if not is_wanted(content, data, self.options):
            return _Verdict(Outcome.KEPT, message="as small as it gets")
        shown = [one for one in result.lost if one in SHOWN and one not in self.may_lose]
        if shown:
            names = " and ".join(one.in_words for one in shown)
            text = f"copied as it is, for it would lose {names}: see --allow-loss {','.join(shown)}"
            return _Verdict(Outcome.LEFT, message=text, lost=tuple(shown))
        own, made = OutputFormat.of(content), OutputFormat.of(data)
        return _Verdict(Outcome.COMPRESSED, data, None if made is own else made, "", result.score, result.lost)

    def _without_engine(self, entry: Entry, content: bytes, headers: Mapping[str, str]) -> _Verdict | None:
        """The verdict on what is copied whatever could be made of it; None for a picture to compress."""
        own = OutputFormat.of(content)
        if own is None and PurePosixPath(entry.key).suffix[1:].lower() not in EXTENSIONS:
            return _COPY
        if "Content-Encoding" in headers:
            return replace(_COPY, message="its content is encoded")
        suffix = PurePosixPath(entry.key).suffix[1:].lower()
        if own is None and not self.options.names_format and suffix not in _WRITTEN:
            return _NOT_WRITTEN
        changes = self.options.names_format or self.options.changes_dimensions
        is_result = mark_of(content) is not None and not changes
        return _Verdict(Outcome.KEPT, message="a result already") if is_result else None

    def _put(self, entry: Entry, opened: Opened, content: bytes | None, digest: str, verdict: _Verdict) -> Item:
        target = entry.key if verdict.new_format is None else f"{entry.key}.{verdict.new_format.value}"
        before = self.journal.row_of(entry.key)
        self.journal.refuse_taken(entry.key, target)
        self._refuse_foreign(target, before)
        text, headers = _as_text(opened.headers), dict(opened.headers)
        if verdict.new_format is not None:
            headers[CONTENT_TYPE] = verdict.new_format.media_type
        row = Row(entry.key, target, self._options, opened.stamp, digest, text)
        self.journal.keep(row)

        data = content if verdict.content is None else verdict.content
        stamp = self.target.put(target, opened.parts() if data is None else data, opened, headers)
        self.journal.keep_there([(target, stamp)])
        sizes = opened.size, opened.size if data is None else len(data)
        if verdict.is_final:
            done = replace(row, target_stamp=stamp, size_before=sizes[0], size_after=sizes[1])
            self.journal.keep(replace(done, outcome=verdict.outcome, message=verdict.message))
        if self.deletes and before is not None and before.target != target:
            self.target.delete(before.target)  # it had another name with other options
        path = PurePosixPath(entry.key)
        where = PurePosixPath(target)
        return Item(path, verdict.outcome, *sizes, where, verdict.score, verdict.message, verdict.lost)

    def _refuse_foreign(self, target: str, before: Row | None) -> None:
        """FileExistsError where the target has a file of this name that no run has written, or that was changed."""
        there = self.journal.stamp_there(target)
        if there is None or self.on_taken is OnTaken.REPLACE:
            return
        is_own = before is not None and before.target == target and before.target_stamp in {"", there}
        if not is_own:
            what = "was changed since it was written" if before is not None else "is there already"
            raise FileExistsError(None, f"{target} {what}, and not by this command: see --on-conflict")

    def _count_refusal(self, why: str) -> None:
        self._refused += 1
        if self._refused >= _MOST_REFUSED:
            raise SetupError(f"{self._refused} files in a row could not be brought over, the last one: {why}")


_COPY = _Verdict(Outcome.COPIED)
_NOT_WRITTEN = _Verdict(Outcome.KEPT, message="results cannot be written in its format: see --format")


def _done(row: Row) -> Item:
    """What is told of a file that was done before: a picture that failed is named again."""
    path, is_told = PurePosixPath(row.key), row.outcome in {Outcome.FAILED, Outcome.LEFT}
    outcome = row.outcome if is_told else Outcome.DONE
    message = row.message if is_told else ""
    return Item(path, outcome, row.size_before, row.size_after, PurePosixPath(row.target), message=message)


def _may_be_picture(entry: Entry) -> bool:
    """By its name; a name without an extension, as stores have them, may be anything's."""
    suffix = PurePosixPath(entry.key).suffix[1:].lower()
    return not suffix or suffix in EXTENSIONS


def _as_text(headers: Mapping[str, str]) -> str:
    return json.dumps(sorted(headers.items()))
