"""Where sources and results lie, and where callers want results to be put."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from leanpix.domain.export_target import ExportTarget
from leanpix.domain.room import Room


class Blobs(Protocol):
    """Where sources and results lie. Keys are paths of letters, digits, `-`, `.` and `/`.

    A store that does not answer raises StoreUnavailableError; a local disk that refuses, OSError.
    """

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        """Store content, replacing what was there; whole or not at all. A file may be taken over rather than copied.

        waits False: a power cut may undo it until `flush` has returned.
        """

    def flush(self) -> None:
        """Wait until all that was put without waiting would outlive a power cut."""

    def get(self, key: str) -> bytes | None:
        """The content, or None."""

    def open(self, key: str) -> BinaryIO | None:
        """The content as an open file that has a descriptor, to be closed by the caller; or None.

        It stays readable and as it is, whatever happens to the blob.
        """

    def stream(self, key: str) -> BlobStream | None:
        """The content in chunks, or None."""

    def delete(self, key: str) -> None:
        """Remove a blob; none there is no error."""

    def discard(self, key: str) -> None:
        """Remove a blob that nobody needs, at once or within a second or so; the store may be away."""

    def delete_under(self, prefix: str) -> None:
        """Remove every blob whose key is the prefix, or lies in that folder; none there is no error."""

    def delete_all(self, prefixes: Sequence[str]) -> None:
        """The same for many prefixes, as fast as the store can."""

    def older_than(self, age_s: float) -> Iterable[str]:
        """Keys of blobs last written more than age_s seconds ago."""

    def has_room(self, more_bytes: int = 0) -> bool:
        """Whether more can be stored, so many bytes beside what lies there already."""

    def room(self) -> Room | None:
        """How much room there is, or None where the store has no end that could be asked for."""

    def glance(self, key: str) -> bytes | None:
        """The content, or None, asked once and without patience; StoreRefusedError where no patience would help."""

    def close(self) -> None:
        """Remove what is still to be discarded."""

    @property
    def presigns(self) -> bool:
        """Whether `presign` gives URLs at all; asking costs nothing."""

    def presign(self, key: str, expires_s: float) -> str | None:
        """A URL that reads the blob without a key, or None where this store cannot."""


class BlobStream(Protocol):
    """A blob's content as it is read: in chunks, once. Close it to stop early."""

    @property
    def size_bytes(self) -> int:
        """The whole content's length."""

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, in order."""

    def close(self) -> None:
        """Read no further; may be called again."""


class ResultExporter(Protocol):
    """Stores of those who ask for results to be put there."""

    def put(self, target: ExportTarget, content: bytes, media_type: str) -> str:
        """Store the content; its URL there.

        InvalidParameterError for a place that is not allowed, CallerError where the store does not take it,
        CapacityError where it does not answer.
        """
