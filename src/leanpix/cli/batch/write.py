"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


def write_whole(target: Path, content: bytes, like: os.stat_result, *, keep_time: bool, is_synced: bool) -> None:
    """Put a file in its place in one step; with is_synced, on the disk before anything that was there is gone.

    It gets the permissions of like, its owner where that is allowed and, with keep_time, its times. OSError.
    """
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".leanpix-tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with contextlib.suppress(PermissionError):  # only root gives files away
                os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fchmod(descriptor, like.st_mode & 0o777)
            if keep_time:
                os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
            if is_synced:
                os.fsync(descriptor)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Unsynced:
    """The file systems that hold what has been written and perhaps not yet brought to the disk. Thread-safe."""

    _folders: dict[int, Path] = field(default_factory=dict)

    def add(self, folder: Path) -> None:
        """Something was written into this folder."""
        self._folders.setdefault(folder.stat().st_dev, folder)

    def sync(self) -> None:
        """Bring everything to the disk; OSError where some of it could not be written."""
        for folder in self._folders.values():
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _sync_file_system(descriptor)
            finally:
                os.close(descriptor)


def _sync_file_system(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).syncfs(ctypes.c_int(descriptor)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
