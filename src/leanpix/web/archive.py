"""A ZIP of pictures, read from a stranger: nothing in it is believed, everything is counted while it is unpacked."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from leanpix.domain.batch import MOST_ITEMS
from leanpix.domain.errors import BodyError, InvalidParameterError, SourceCountError, UploadTooLargeError, shown
from leanpix.service.batch import BatchSize, NamedSource
from leanpix.service.spool import SpoolFile
from leanpix.service.submit import Upload
from leanpix.web.archive_names import named_entries

_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# A thousand entries with long names take less; the archive's own words on how much it is are not asked.
_MOST_DIRECTORY_BYTES = 2 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
# Pictures are packed already: of BMP with large flat areas a ZIP makes a fiftieth, of JPEG nine tenths. A bomb of zeros
# makes a thousandth. What is small altogether may be anything.
_MOST_RATIO = 100
_UNSUSPICIOUS_BYTES = 32 * 1024 * 1024
_NO_PICTURES = ("__MACOSX/", "Thumbs.db", ".DS_Store")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, struct.error)


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one entry, and all of them together, may be once unpacked."""

    max_entry_bytes: int
    max_total_bytes: int


class Archive:
    """A ZIP whose list of entries has been read and judged; nothing of it is unpacked yet."""

    def __init__(self, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
        self._archive = archive
        self._entries, self.renamed = named_entries(entries)
        """What pictures were called in the archive, by the names that they go by instead; at most a hundred."""

    @property
    def size(self) -> BatchSize:
        """How many pictures it holds, and how many bytes they say they are: they may be fewer, not more."""
        return BatchSize(len(self._entries), sum(named.entry.file_size for named in self._entries))

    def pictures(self, spool_file: Callable[[], SpoolFile]) -> Iterator[NamedSource]:
        """The pictures in their order, each good until the next is asked for; BodyError where one is broken."""
        for named in self._entries:
            file = spool_file()
            self._unpack(named.entry, file)
            yield NamedSource(named.name, Upload(file.content()))

    def _unpack(self, entry: zipfile.ZipInfo, file: SpoolFile) -> None:
        """Write the entry's content: it is counted while it is unpacked, whatever the entry claims."""
        try:
            with self._archive.open(entry) as unpacking:
                while piece := unpacking.read(_PIECE_BYTES):
                    if file.size_bytes + len(piece) > entry.file_size:
                        raise BodyError(f"archive: this entry is larger than it says: {shown(entry.filename)}")
                    file.write(piece)
        except _BROKEN as failure:
            raise BodyError(f"archive: this entry cannot be unpacked: {shown(entry.filename)}") from failure


def opened_archive(file: IO[bytes], limits: ArchiveLimits) -> Archive:
    """Read an archive's list of entries; folders and what desktops add by themselves are left out.

    Raises BodyError for what is no readable ZIP, SourceCountError, UploadTooLargeError for more than the limits or for
    what can only be a bomb, and InvalidParameterError for an entry that is encrypted or packed in an unknown way.
    """
    bounded = _BoundedReads(file)
    try:
        archive = zipfile.ZipFile(bounded)
    except _BROKEN as failure:
        raise BodyError("archive: not a ZIP file that can be read") from failure
    entries = [entry for entry in archive.infolist() if not _is_beside(entry)]
    _check_entries(entries)
    _check_sizes(entries, limits, file.seek(0, os.SEEK_END))
    bounded.opened()
    return Archive(archive, entries)


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
    name = entry.orig_filename.replace("\\", "/")
    return name.endswith(("/", *_NO_PICTURES)) or name.removeprefix("./").startswith("__MACOSX/")


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise SourceCountError("archive: there is no picture in it")
    if len(entries) > MOST_ITEMS:
        raise SourceCountError(f"archive: {len(entries)} entries; a batch takes at most {MOST_ITEMS} pictures")
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise InvalidParameterError("archive", entry.filename, "entries without a password")
        if entry.compress_type not in _METHODS:
            raise InvalidParameterError("archive", entry.filename, "entries that are stored or deflated")


def _check_sizes(entries: list[zipfile.ZipInfo], limits: ArchiveLimits, archive_bytes: int) -> None:
    """Judge what the entries say they are; that they are no more is seen while they are unpacked."""
    for entry in entries:
        if entry.file_size > limits.max_entry_bytes:
            most = limits.max_entry_bytes
            raise UploadTooLargeError(f"archive: this entry exceeds {most} bytes unpacked: {shown(entry.filename)}")
    packed, unpacked = sum(entry.compress_size for entry in entries), sum(entry.file_size for entry in entries)
    if unpacked > limits.max_total_bytes:
        raise UploadTooLargeError(f"archive: what the archive holds exceeds {limits.max_total_bytes} bytes unpacked")
    if packed > archive_bytes:  # the same bytes more than once: their ratio says nothing of how much they make
        raise BodyError("archive: its entries overlap, or are larger than the archive")
    if unpacked > max(_UNSUSPICIOUS_BYTES, packed * _MOST_RATIO):
        raise UploadTooLargeError(f"archive: it holds more than {_MOST_RATIO} times what it is: pictures do not")
