"""A file store behind something that answers some of its questions itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from leanpix.domain.room import Room
from leanpix.service.ports import Blobs, BlobStream


@dataclass(frozen=True, slots=True)
class ForwardedBlobs:
    """The store's own answers."""

    blobs: Blobs

    @property
    def presigns(self) -> bool:
        """As the store says."""
        return self.blobs.presigns

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        """Store content."""
        self.store().put(key, content, waits=waits)

    def flush(self) -> None:
        """Wait until all that was put without waiting would outlive a power cut."""
        self.store().flush()

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        return self.store().get(key)

    def open(self, key: str) -> BinaryIO | None:
        """The content as an open file, or None."""
        return self.store().open(key)

    def stream(self, key: str) -> BlobStream | None:
        """The content in chunks, or None."""
        return self.store().stream(key)

    def delete(self, key: str) -> None:
        """Remove a blob."""
        self.store().delete(key)

    def discard(self, key: str) -> None:
        """Remove a blob behind the caller's back."""
        self.blobs.discard(key)

    def delete_under(self, prefix: str) -> None:
        """Remove every blob under the prefix."""
        self.store().delete_under(prefix)

    def delete_all(self, prefixes: Sequence[str]) -> None:
        """The same for many prefixes."""
        self.store().delete_all(prefixes)

    def older_than(self, age_s: float) -> Iterable[str]:
        """Keys of blobs last written more than age_s seconds ago."""
        return self.store().older_than(age_s)

    def has_room(self, more_bytes: int = 0) -> bool:
        """As the store says."""
        return self.blobs.has_room(more_bytes)

    def room(self) -> Room | None:
        """As the store says."""
        return self.blobs.room()

    def glance(self, key: str) -> bytes | None:
        """What lies there, asked once."""
        return self.blobs.glance(key)

    def presign(self, key: str, expires_s: float) -> str | None:
        """A URL that reads the blob without a key."""
        return self.store().presign(key, expires_s)

    def close(self) -> None:
        """Remove what is still to be discarded."""
        self.blobs.close()

    def store(self) -> Blobs:
        """The store for a question whose answer counts; it may be refused here."""
        return self.blobs
