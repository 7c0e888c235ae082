"""What earlier runs have done, by content: so that a second run skips it, and a result is never compressed again.

A file of JSON lines, only ever appended to, each line written at once: a run that is killed loses at most the line it
was writing, and two runs may share the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from leanpix.domain.errors import SetupError
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions

_DIGEST_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """What became of a content: its result's digest and size, and its format where that is another than before.

    source_size: the content's own, 0 where a release before it was remembered has written the line.

    result None: the content is as small as it gets with these options, and was kept.
    """

    result: str | None
    size: int = 0
    new_format: OutputFormat | None = None
    source_size: int = 0


def digest_of(content: bytes) -> str:
    """The name of a content."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]


def options_digest(options: CompressionOptions) -> str:
    """The name of a set of options; results made with other options do not count.

    Only the options that were given make it: a release that adds one must not compress earlier results again.
    """
    return digest_of(json.dumps(options.given(), sort_keys=True).encode())


class Journal:
    """Remembers, for one set of options, and whatever the options which contents are its own. path None: nothing.

    is_forgetful: what is done is done again; it is remembered all the same, or the next run would not know its results.
    is_read_only: what is known counts, and nothing is written, for a run that changes nothing.
    elsewhere: where runs remember that put their results beside their sources. It is only read, for what they made.
    """

    def __init__(
        self,
        path: Path | None,
        options: CompressionOptions,
        *,
        is_forgetful: bool = False,
        is_read_only: bool = False,
        elsewhere: Path | None = None,
    ) -> None:
        self._path, self._options, self._is_forgetful = path, options_digest(options), is_forgetful
        self._is_read_only, self._elsewhere = is_read_only, elsewhere
        self._records: dict[str, JournalRecord] = {}
        self._results: dict[str, JournalRecord] = {}
        self._own: set[str] = set()
        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Open it and read what is known; SetupError where it cannot be kept."""
        if self._elsewhere is not None and self._elsewhere != self._path:
            with suppress(OSError):
                self._made.update(_results_in(self._elsewhere.read_bytes()))
        if self._path is not None and self._is_read_only:
            with suppress(FileNotFoundError):
                self._read(self._path)
        elif self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._read(self._path)
            except OSError as failure:
                text = f"cannot remember what is done in {self._path}: {failure.strerror}; see --state and --force"
                raise SetupError(text) from failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def remembers(self) -> bool:
        """Whether what was done before counts."""
        return self._path is not None

    def record_of(self, digest: str) -> JournalRecord | None:
        """What became of this content, where that is known."""
        return self._records.get(digest)

    def is_own(self, digest: str) -> bool:
        """Whether some run, with whatever options, has written this content: as a result, or as a copy of a source."""
        return digest in self._own

    def is_made(self, digest: str) -> bool:
        """Whether some run, with whatever options and wherever it put it, has made this content out of another."""
        return digest in self._made

    def is_settled(self, digest: str) -> bool:
        """Whether this content needs no more work: it is a result, or was found as small as it gets."""
        record = self._records.get(digest)
        return digest in self._results or (record is not None and record.result is None)

    def size_before(self, digest: str) -> int | None:
        """What the source of this result had, where that is known."""
        record = self._results.get(digest)
        return record.source_size or None if record is not None else None

    def add(self, digest: str, record: JournalRecord) -> None:
        """Remember what became of a content."""
        with self._lock:
            self._keep(digest, record)
            self._own.add(record.result or digest)
            if record.result is not None:
                self._made.add(record.result)
            if self._descriptor is not None:
                row = {"options": self._options, "source": digest, "result": record.result, "size": record.size}
                row |= {"new_format": record.new_format, "source_size": record.source_size}
                os.write(self._descriptor, json.dumps(row).encode() + b"\n")

    def _keep(self, digest: str, record: JournalRecord) -> None:
        self._records[digest] = record
        if record.result is not None:
            self._results[record.result] = record

    def _read(self, path: Path) -> None:
        text = path.read_bytes()
        if self._descriptor is not None and text and not text.endswith(b"\n"):
            os.write(self._descriptor, b"\n")  # a line that was cut short must not swallow the next one
        for line in text.splitlines():
            self._read_line(line)

    def _read_line(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            if not isinstance(row, Mapping):
                return
            self._own.add(row["result"] or row["source"])
            if row["result"] is not None:
                self._made.add(row["result"])
            if row["options"] == self._options and not self._is_forgetful:
                kind = row["new_format"]
                before = int(row.get("source_size", 0))
                self._keep(
                    row["source"], JournalRecord(row["result"], int(row["size"]), kind and OutputFormat(kind), before)
                )
        except (ValueError, KeyError, TypeError):
            return  # cut short, or another program's: only costs the work


def _results_in(text: bytes) -> Iterator[str]:
    for line in text.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            row = json.loads(line)
            if row["result"] is not None:
                yield str(row["result"])
