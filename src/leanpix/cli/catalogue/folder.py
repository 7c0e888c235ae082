"""A catalogue in a folder."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from leanpix.cli.batch.files import UNFINISHED, write_whole
from leanpix.cli.catalogue.places import CONTENT_TYPE, OWN_PREFIX, Entry, Opened
from leanpix.cli.paths import is_folder
from leanpix.domain.formats import OutputFormat

_PART_BYTES = 4 << 20
# What older Pythons do not know.
_MEDIA_TYPES = {f".{kind.value}": kind.media_type for kind in OutputFormat}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with all below it. Links are named and not followed."""

    folder: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.folder)

    def entries(self, within: str = "") -> Iterator[Entry]:
        """Every file, or every file within a folder of it; folder by folder, by name within each."""
        yield from _below(str(self.folder / within), f"{within}/" if within else "")

    def entry(self, key: str) -> Entry | None:
        """One file as it is now; None where there is none."""
        if _is_own(key.rpartition("/")[2]):
            return None
        try:
            status = (self.folder / key).lstat()
        except OSError:
            return None
        return _entry_of(key, status)

    def stamps(self) -> Iterator[tuple[str, str]]:
        """Key and stamp of every file."""
        yield from ((entry.key, entry.stamp) for entry in self.entries() if not entry.is_hole)

    @contextmanager
    def open(self, key: str) -> Iterator[OpenedFile]:
        """A file to read."""
        path = self.folder / _checked(key)
        # Opening a pipe must not wait, and a link is not followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(None, "not a file")
            yield OpenedFile(path, status, file)

    def put(self, key: str, content: bytes | Iterable[bytes], like: Opened, headers: Mapping[str, str]) -> str:
        """Write it beside its place, bring it to the disk, and rename it."""
        del headers  # a disk has no place for them
        path = self.folder / _checked(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_folder(path):
            raise IsADirectoryError(None, f"{key} is a folder in {self.folder}")
        write_whole(path, content, like.status, keep_time=True, is_synced=True, attributes_of=like.path)
        if like.status is None:
            os.utime(path, ns=(like.modified_ns, like.modified_ns))
        return stamp_of(path.stat())

    def delete(self, key: str) -> None:
        """Remove a file, and the folders that are empty without it."""
        path = self.folder / _checked(key)
        path.unlink(missing_ok=True)
        for above in path.parents:
            if above == self.folder or not _is_removed(above):
                return


@dataclass(slots=True)
class OpenedFile:
    """A file on a disk."""

    path: Path | None
    status: os.stat_result | None
    file: FileIO = field(repr=False)
    stamp: str = ""
    size: int = 0
    modified_ns: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        status = os.fstat(self.file.fileno())
        self.stamp, self.size, self.modified_ns = stamp_of(status), status.st_size, status.st_mtime_ns
        guessed = mimetypes.guess_type(str(self.path))[0] or _MEDIA_TYPES.get(Path(str(self.path)).suffix.lower())
        self.headers = {CONTENT_TYPE: guessed} if guessed else {}

    def read(self) -> bytes:
        """All of it."""
        return b"".join(self.parts())

    def parts(self) -> Iterator[bytes]:
        """All of it in parts; OSError where it is being written."""
        while part := self.file.read(_PART_BYTES):
            yield part
        if stamp_of(os.fstat(self.file.fileno())) != self.stamp:
            raise OSError(None, "changed while it was being read")


def stamp_of(status: os.stat_result) -> str:
    """What changes when a file is written."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _below(folder: str, within: str) -> Iterator[Entry]:
    try:
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as failure:
        yield Entry(within.rstrip("/") or ".", problem=failure.strerror or str(failure), is_hole=True)
        return
    for one in found:
        key = within + one.name
        if not _is_text(one.name):
            shown = key.encode(errors="backslashreplace").decode()
            yield Entry(shown, problem="its name is not UTF-8", is_hole=one.is_dir(follow_symlinks=False))
        elif one.is_dir(follow_symlinks=False):
            yield from _below(one.path, f"{key}/")
        elif not _is_own(one.name):
            try:
                status = one.stat(follow_symlinks=False)
            except OSError:
                continue  # gone meanwhile
            if (entry := _entry_of(key, status)) is not None:
                yield entry


def _entry_of(key: str, status: os.stat_result) -> Entry | None:
    if stat.S_ISLNK(status.st_mode):
        return Entry(key, problem="a link: links are not followed")
    return Entry(key, stamp_of(status), status.st_size) if stat.S_ISREG(status.st_mode) else None


def _is_own(name: str) -> bool:
    return name.startswith(OWN_PREFIX) or name.endswith(UNFINISHED)


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _checked(key: str) -> str:
    """A key that names a file below the folder; a store's may name anything."""
    if any(part in {"", ".", ".."} for part in key.split("/")) or "\0" in key:
        raise OSError(None, "no file can have this name")
    return key


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
