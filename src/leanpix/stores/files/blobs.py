"""Files of sources and results on local disk.

Keys are joined to their folder as text: pathlib interns each name that it is given, and the table of those, two
megabytes after some ten thousand tasks, is then made anew again and again beside the old one.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from leanpix.domain.errors import StoreUnavailableError
from leanpix.domain.room import Room

_libc = ctypes.CDLL(None, use_errno=True)
_CHUNK_BYTES = 64 * 1024
_SHARE, _DELETERS = 50, 16  # files that one of so many threads removes at a time


class LocalBlobs:
    """Blobs in a folder; has_room keeps a share of the disk free.

    sync: put returns only once the file would outlive a power cut, as a committed row does.
    """

    presigns = False

    def __init__(self, root: Path, min_free_share: float, *, sync: bool = True) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root, self._min_free_share, self._sync = root, min_free_share, sync

    def put(self, key: str, content: bytes | memoryview | Path, *, waits: bool = True) -> None:
        """Store content, replacing what was there; whole or not at all. StoreUnavailableError where it cannot be."""
        place, waits = self._place(key), waits and self._sync
        try:
            try:
                _put(place, content, waits=waits)
            except FileNotFoundError:  # the folder was empty, and was removed after it was made sure of
                _put(place, content, waits=waits)
        except OSError as failure:
            raise StoreUnavailableError from failure

    def flush(self) -> None:
        """Wait until all that was put without waiting is on the disk: once for a thousand files, not once for each."""
        if not self._sync:
            return
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            if _libc.syncfs(descriptor):
                raise StoreUnavailableError
        finally:
            os.close(descriptor)

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        try:
            with open(self._place(key), "rb") as file:  # in this thread: the store's own call goes through two more
                return file.read()
        except FileNotFoundError:
            return None

    def open(self, key: str) -> BinaryIO | None:
        """The content as an open file that has a descriptor, or None."""
        try:
            return open(self._place(key), "rb", buffering=0)
        except FileNotFoundError:
            return None

    def stream(self, key: str) -> FileStream | None:
        """The content in chunks, or None."""
        file = self.open(key)
        return None if file is None else FileStream(file)

    def delete(self, key: str) -> None:
        """Remove a blob; none there is no error."""
        self.delete_under(key)

    def discard(self, key: str) -> None:
        """The same: it takes no time here."""
        self.delete_under(key)

    def delete_under(self, prefix: str) -> None:
        """Remove every blob whose key is the prefix, or lies in that folder; none there is no error."""
        place = self._place(prefix)
        _remove(place)
        if prefix.count("/") > 1:  # folders of kinds stay: the next file is due
            with suppress(OSError):  # not empty, and so still of use
                os.rmdir(os.path.dirname(place))

    def delete_all(self, prefixes: Sequence[str]) -> None:
        """The same for many prefixes: a disk that waits for one removal can begin others."""
        places = [self._place(prefix) for prefix in prefixes]
        shares = [places[start : start + _SHARE] for start in range(0, len(places), _SHARE)]
        if len(shares) < _DELETERS // 2:
            _remove_all(places)
            return
        with ThreadPoolExecutor(_DELETERS, thread_name_prefix="delete") as threads:
            for _ in threads.map(_remove_all, shares):
                pass

    def older_than(self, age_s: float) -> Iterator[str]:
        """Keys of blobs last written more than age_s seconds ago, those that were never written to their end too.

        The store itself does not list the latter.
        """
        oldest = datetime.now(UTC).timestamp() - age_s
        for folder, _, names in os.walk(self._root):
            for place in (f"{folder}/{name}" for name in names):
                with suppress(FileNotFoundError):
                    if os.stat(place).st_mtime < oldest:
                        yield place.removeprefix(self._place(""))

    def has_room(self, more_bytes: int = 0) -> bool:
        """Whether more can be stored, so many bytes beside what lies there already."""
        room = self.room()
        return room.free_bytes - more_bytes >= room.kept_free_bytes

    def room(self) -> Room:
        """The disk's room, and how much of it has to stay free."""
        usage = shutil.disk_usage(self._root)
        return Room(usage.free, usage.total, int(self._min_free_share * usage.total))

    def glance(self, key: str) -> bytes | None:
        """The content, or None; StoreUnavailableError where the folder is not there."""
        if not self._root.is_dir():
            raise StoreUnavailableError
        return self.get(key)

    def close(self) -> None:
        """Nothing is left open."""

    def presign(self, key: str, expires_s: float) -> str | None:
        """None: files on a local disk have no URL of their own."""
        del key, expires_s
        return None

    def _place(self, key: str) -> str:
        return f"{self._root}/{key}"


class FileStream:
    """An open file read in chunks, once; closed at its end, or before by who needs no more of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = os.fstat(file.fileno()).st_size

    def __iter__(self) -> Iterator[bytes]:
        """The chunks, in order."""
        with self._file:
            while chunk := self._file.read(_CHUNK_BYTES):
                yield chunk

    def close(self) -> None:
        """Read no further."""
        self._file.close()


def _remove_all(places: Iterable[str]) -> None:
    for place in places:
        _remove(place)


def _remove(place: str) -> None:
    """Remove a file, or a folder and what lies in it; none there is no error.

    The file is tried first: asking what it is takes as long, and most places that a sweep looks at are empty.
    """
    try:
        os.unlink(place)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):  # the second is what some systems say of a folder
        with suppress(FileNotFoundError):  # somebody else was quicker
            for entry in os.listdir(place):
                _remove(f"{place}/{entry}")
            os.rmdir(place)


def _put(place: str, content: bytes | memoryview | Path, *, waits: bool) -> None:
    """Write beside the place first, and give it its name once it is whole: in this thread, without a hand-over."""
    beside = f"{place}#{secrets.token_hex(8)}"
    changed = _make_folder(os.path.dirname(place))
    try:
        if not (isinstance(content, Path) and _is_linked(content, beside)):
            _write(beside, content)
        if waits:
            _to_disk(beside)
        os.replace(beside, place)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise
    for folder in changed if waits else ():
        _to_disk(folder)


def _make_folder(folder: str) -> list[str]:
    """Have the folder; those that get a new entry with a file in it: itself, and those of the folders made."""
    if os.path.isdir(folder):
        return [folder]
    changed = [folder, *_make_folder(os.path.dirname(folder))]
    with suppress(FileExistsError):
        os.mkdir(folder)
    return changed


def _is_linked(content: Path, place: str) -> bool:
    """Give an open file of the same disk a name, without a copy; False where that cannot be."""
    try:
        os.link(content, place, follow_symlinks=True)
    except OSError:  # another disk, or a file that has lost its name: it is copied
        return False
    return True


def _write(place: str, content: bytes | memoryview | Path) -> None:
    """A new file with this content."""
    with open(place, "xb", buffering=0) as file:
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, file)
            return
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]


def _to_disk(place: str) -> None:
    """Wait until the file or folder is on the disk itself."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
