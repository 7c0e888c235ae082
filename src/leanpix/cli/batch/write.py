"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(target: Path, content: bytes, like: os.stat_result, *, keep_time: bool) -> None:
    """Put a file in its place in one step, on the disk before anything that was there is gone.

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
            os.fsync(descriptor)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
