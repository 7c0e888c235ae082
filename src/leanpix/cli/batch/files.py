"""Files that are read in few calls, and written so that they are there whole or not at all.

By descriptors and not by pathlib, tempfile and file objects: those cost a small picture 0.2 ms of processor time.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

UNFINISHED = ".leanpix-tmp"
"""How the names end of files that are being written."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def file_failure(failure: OSError, path: Path) -> str:
    """Which file it was and why, in words. path: what was being written, by the name that people know."""
    name = str(failure.filename or path)
    return f"{path if name.endswith(UNFINISHED) else name}: {failure.strerror or failure}"


def read_file(path: Path, max_bytes: int) -> tuple[os.stat_result, bytes]:
    """A file's status and content; OSError for what is no file or larger than max_bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a pipe must not wait
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "not a file")
        if status.st_size > max_bytes:
            raise OSError(None, f"larger than {max_bytes >> 20} MB")
        return status, _read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _read(descriptor: int, size: int) -> bytes:
    """All of a file that had this size a moment ago."""
    parts = [os.read(descriptor, size + 1)]  # one more: the end is seen in the same call
    if len(parts[0]) != size:
        while part := os.read(descriptor, max(size, 1 << 16)):
            parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_whole(
    target: Path,
    content: bytes | Iterable[bytes],
    like: os.stat_result | None,
    *,
    keep_time: bool,
    is_synced: bool,
    attributes_of: Path | None = None,
) -> None:
    """Put a file in its place in one step; with is_synced, on the disk before anything that was there is gone.

    It gets the permissions of like, its owner where that is allowed and, with keep_time, its times; and the extended
    attributes of a file, where its file system takes them. like None: a new file's. content: whole, or in parts that
    are written as they come. OSError.
    """
    place = os.fspath(target.parent)
    name = f"{place}/.{os.urandom(8).hex()}{UNFINISHED}"
    is_own = like is not None and (like.st_uid, like.st_gid) == (os.geteuid(), os.getegid())
    mode = 0o666 if like is None else like.st_mode & (0o777 if is_own else 0o600)
    descriptor = os.open(name, _NEW, mode)
    try:
        try:
            for part in (content,) if isinstance(content, bytes) else content:
                _write(descriptor, part)
            if like is not None:
                _make_like(descriptor, like)
            if attributes_of is not None:
                _copy_attributes(attributes_of, descriptor)
            if keep_time and like is not None:
                os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
            if is_synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(name, target)  # noqa: PTH104 - replaces as Path.replace does, without making another Path
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - as above
        raise


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_like(descriptor: int, like: os.stat_result) -> None:
    """Change what is not already so: each change is one of the file system's own journal, too."""
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
        with suppress(PermissionError):  # only root gives files away
            os.fchown(descriptor, like.st_uid, like.st_gid)
    if stat.S_IMODE(made.st_mode) != like.st_mode & 0o777:
        os.fchmod(descriptor, like.st_mode & 0o777)


def _copy_attributes(source: Path, descriptor: int) -> None:
    """What a file manager or a web server keeps with a file; those that only the system may set stay behind."""
    with suppress(OSError):
        for name in os.listxattr(source):
            with suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(source, name))


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class WrittenFolders:
    """The folders that a batch writes into, made where they are missing. Thread-safe.

    What is in them may not be on the disk yet.
    """

    _known: set[Path] = field(default_factory=set)
    _by_device: dict[int, Path] = field(default_factory=dict)

    def make_ready(self, folder: Path) -> None:
        """Have the folder there: something is about to be written into it."""
        if folder not in self._known:
            folder.mkdir(parents=True, exist_ok=True)
            self._by_device.setdefault(folder.stat().st_dev, folder)
            self._known.add(folder)

    def sync(self) -> None:
        """Bring everything to the disk; OSError where some of it could not be written."""
        for folder in self._by_device.values():
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _sync_file_system(descriptor)
            finally:
                os.close(descriptor)


def _sync_file_system(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).syncfs(ctypes.c_int(descriptor)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
