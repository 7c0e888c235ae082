"""Sources as open files, whose bytes stay where they lie until somebody reads them; contents that were read."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from io import FileIO
from typing import BinaryIO

UNCHANGING = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
"""The seals of a memory file that nobody can change any more, whoever holds a descriptor of it."""


class WholeContent:
    """A blob's content that was read already."""

    def __init__(self, content: bytes) -> None:
        self.content, self.size_bytes = content, len(content)

    def __iter__(self) -> Iterator[bytes]:
        """It, in one piece."""
        yield self.content

    def close(self) -> None:
        """Nothing is open."""


def in_memory(content: bytes | memoryview) -> BinaryIO:
    """An open file that lies in memory, with this content for good; OSError where there is no memory for it."""
    file = os.fdopen(os.memfd_create("source", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "w+b", buffering=0)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, UNCHANGING)
    except BaseException:
        file.close()
        raise
    return file


def size_of(file: BinaryIO) -> int:
    """Its length in bytes."""
    return os.fstat(file.fileno()).st_size


def head_of(file: BinaryIO, size: int) -> bytes:
    """Its first bytes."""
    return os.pread(file.fileno(), size, 0)


def all_of(file: BinaryIO) -> bytes:
    """Its whole content."""
    file.seek(0)
    return file.read()


def sha256_of(file: BinaryIO) -> bytes:
    """The SHA-256 of its whole content: 32 bytes."""
    with FileIO(file.fileno(), closefd=False) as content:
        content.seek(0)
        return hashlib.file_digest(content, "sha256").digest()
