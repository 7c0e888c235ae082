"""What a place that holds a catalogue can do: a folder (folder.py) or a bucket of an object store (bucket.py)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BUCKET_SCHEMES = ("s3", "gs", "az")
CONTENT_TYPE = "Content-Type"
OWN_PREFIX = ".leanpix-"
"""What this command's own files beside a catalogue begin with: they are no part of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a listing names it.

    key: its path below the place, parts joined by `/`. stamp: changes whenever its content or its headers do. problem:
    why it cannot be taken; is_hole: what lies below it was not seen.
    """

    key: str
    stamp: str = ""
    size: int = 0
    problem: str = ""
    is_hole: bool = False


class Opened(Protocol):
    """A file that is being read. headers: what a store sends along with it, by the headers' names.

    status, path: of one on a disk; None elsewhere. modified_ns: nanoseconds since 1970.
    """

    stamp: str
    size: int
    headers: Mapping[str, str]
    status: os.stat_result | None
    path: Path | None
    modified_ns: int

    def read(self) -> bytes:
        """All of it; OSError."""

    def parts(self) -> Iterator[bytes]:
        """The same, a few megabytes at a time; OSError, also where it changes meanwhile."""


class Place(Protocol):
    """A folder or a bucket. Thread-safe. Whatever goes wrong with one file is an OSError."""

    @property
    def name(self) -> str:
        """Its path or URL."""

    def entries(self) -> Iterator[Entry]:
        """Every file, a page at a time; SetupError where the place cannot be listed to its end."""

    def stamps(self) -> Iterator[tuple[str, str]]:
        """Every file's key and its stamp as `put` gave it; SetupError."""

    def open(self, key: str) -> AbstractContextManager[Opened]:
        """A file to read."""

    def put(self, key: str, content: bytes | Iterable[bytes], like: Opened, headers: Mapping[str, str]) -> str:
        """Have a file there whole, or not at all, in place of what is there; its stamp."""

    def delete(self, key: str) -> None:
        """Remove a file; none there is no error."""
