"""A ZIP of pictures, read from a stranger: nothing in it is believed, everything is counted while it is unpacked."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from leanpix.domain.batch import MOST_ITEMS
from leanpix.domain.errors import BodyError, InvalidParameterError, SourceCountError, UploadTooLargeError, shown
from leanpix.service.batch import NamedSource
from leanpix.service.submit import Upload

_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_LONGEST_NAME_BYTES = 255
_DEEPEST = 16
# A thousand entries with long names take less; the archive's own words on how much it is are not asked.
_MOST_DIRECTORY_BYTES = 2 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_NO_PICTURES = ("__MACOSX/", "Thumbs.db", ".DS_Store")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, struct.error)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one entry, and all of them together, may be once unpacked."""

    max_entry_bytes: int
    max_total_bytes: int


def pictures_in(file: IO[bytes], limits: ArchiveLimits) -> Iterator[NamedSource]:
    """The archive's pictures in their order; folders and what desktops add by themselves are left out.

    Raises BodyError for what is no readable ZIP, SourceCountError, UploadTooLargeError, and InvalidParameterError for
    an entry that is refused, by its name or because it is encrypted.
    """
    bounded = _BoundedReads(file)
    try:
        archive = zipfile.ZipFile(bounded)
    except _BROKEN as failure:
        raise BodyError("archive: not a ZIP file that can be read") from failure
    entries = [entry for entry in archive.infolist() if not _is_beside(entry)]
    _check_entries(entries)
    bounded.opened()
    left = limits.max_total_bytes
    for entry in entries:
        content = _unpacked(archive, entry, min(limits.max_entry_bytes, left))
        if content is None:
            which = "this entry" if limits.max_entry_bytes <= left else "what the archive holds"
            most = limits.max_entry_bytes if limits.max_entry_bytes <= left else limits.max_total_bytes
            raise UploadTooLargeError(f"archive: {which} exceeds {most} bytes unpacked: {shown(entry.filename)}")
        left -= len(content)
        yield NamedSource(entry.filename, Upload(content))


class _BoundedReads:
    """A file that refuses long reads until it is told that the archive's directory has been read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._most = file, _MOST_DIRECTORY_BYTES
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def opened(self) -> None:
        """The directory has been read."""
        self._most = _PIECE_BYTES

    def read(self, size: int = -1) -> bytes:
        """Read; BodyError where it would be more than any directory takes."""
        found = self._file.read(self._most + 1 if size < 0 else min(size, self._most + 1))
        if len(found) > self._most:
            raise BodyError(f"archive: its list of entries is longer than {self._most} bytes")
        return found


def _is_beside(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or entry.filename.startswith("__MACOSX/") or entry.filename.endswith(_NO_PICTURES)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise SourceCountError("archive: there is no picture in it")
    if len(entries) > MOST_ITEMS:
        raise SourceCountError(f"archive: {len(entries)} entries; a batch takes at most {MOST_ITEMS} pictures")
    names = set[str]()
    for entry in entries:
        _check_name(entry)
        if entry.filename in names:
            raise InvalidParameterError("archive", entry.filename, "each name once")
        names.add(entry.filename)
        if entry.flag_bits & _ENCRYPTED:
            raise InvalidParameterError("archive", entry.filename, "entries without a password")
        if entry.compress_type not in _METHODS:
            raise InvalidParameterError("archive", entry.filename, "entries that are stored or deflated")


def _check_name(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    # The module cuts a name at a zero byte: the name as it was written counts.
    written = entry.orig_filename
    parts = written.split("/")
    is_odd = not written.isprintable() or "\\" in written or ":" in parts[0]
    if is_odd or name.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise InvalidParameterError("archive", written, "names that are relative paths without . and ..")
    if len(name.encode()) > _LONGEST_NAME_BYTES or len(parts) > _DEEPEST:
        allowed = f"names of at most {_LONGEST_NAME_BYTES} bytes and {_DEEPEST} levels"
        raise InvalidParameterError("archive", name, allowed)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes | None:
    """The content, or None where it is more than `most` bytes: told while unpacking, whatever the entry claims."""
    content = bytearray()
    try:
        with archive.open(entry) as unpacking:
            while piece := unpacking.read(_PIECE_BYTES):
                content += piece
                if len(content) > most:
                    return None
    except _BROKEN as failure:
        raise BodyError(f"archive: this entry cannot be unpacked: {shown(entry.filename)}") from failure
    return bytes(content)
