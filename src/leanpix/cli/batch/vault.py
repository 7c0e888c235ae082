"""An archive's JPEGs packed without loss, each verified before its original goes, and given back as they were."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from leanpix.cli.batch.files import sync_folder, write_whole
from leanpix.cli.batch.work import MAX_SOURCE_BYTES
from leanpix.cli.paths import is_there
from leanpix.domain.errors import TaskFailure
from leanpix.domain.formats import OutputFormat
from leanpix.domain.request import CompressionOptions, Packing
from leanpix.domain.states import TaskState

SUFFIX = ".jxl"
_JPEGS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_PACK = CompressionOptions(format=OutputFormat.JXL, packing=Packing.PACK)
_UNPACK = CompressionOptions(format=OutputFormat.JPG, packing=Packing.UNPACK)
_HASH_BOX = struct.pack(">I4s", 8 + 32, b"lpVH")
"""Behind the picture: the SHA-256 of the JPEG that was packed. Other readers pass over a box that they do not know."""


class Engine(Protocol):
    """What packs and unpacks: locked processes."""

    def transcode(self, source: bytes, options: CompressionOptions) -> bytes:
        """The result; TaskFailure."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one file. problem: why it was left as it is; is_failure: though it should not have been."""

    path: Path
    before_bytes: int = 0
    after_bytes: int = 0
    problem: str | None = None
    is_failure: bool = False


def pack_folder(folder: Path, engine: Engine, jobs: int) -> Iterator[Done]:
    """Each JPEG below the folder becomes NAME.jxl in its place; links and what cannot be packed stay."""
    unread: list[Done] = []
    found = (path for path in _files(folder, unread) if path.suffix.lower() in _JPEGS)
    yield from _each(found, lambda path: _pack(path, engine), jobs)
    yield from unread


def restore_folder(folder: Path, engine: Engine, jobs: int) -> Iterator[Done]:
    """Each packed JPEG below the folder becomes the very file that it was."""
    unread: list[Done] = []
    packed = (path for path in _files(folder, unread) if path.suffix == SUFFIX)
    found = (path for path in packed if path.with_suffix("").suffix.lower() in _JPEGS)
    yield from _each(found, lambda path: _restore(path, engine), jobs)
    yield from unread


def _files(folder: Path, unread: list[Done]) -> Iterator[Path]:
    """All below the folder; what cannot be looked into is added to unread."""

    def note(failure: OSError) -> None:
        unread.append(Done(Path(failure.filename), problem=failure.strerror, is_failure=True))

    for place, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


class _Step(Protocol):
    def __call__(self, path: Path) -> Done: ...


def _each(paths: Iterable[Path], step: _Step, jobs: int) -> Iterator[Done]:
    def done(path: Path) -> Done:
        try:
            return step(path)
        except TaskFailure as failure:
            is_failure = failure.state not in {TaskState.NOT_MEETING_REQUIREMENTS, TaskState.INVALID_IMAGE}
            return Done(path, problem=str(failure), is_failure=is_failure)
        except OSError as failure:
            return Done(path, problem=failure.strerror or str(failure), is_failure=True)

    with ThreadPoolExecutor(jobs) as threads:
        yield from threads.map(done, paths)


def _pack(path: Path, engine: Engine) -> Done:
    before, content = _read(path)
    if content is None:
        return before
    target = path.with_name(path.name + SUFFIX)
    digest = hashlib.sha256(content).digest()
    if is_there(target):
        # A run that was broken off has written it; it is believed only if it holds this very file.
        packed = target.read_bytes()
        if hashlib.sha256(engine.transcode(packed, _UNPACK)).digest() != digest:
            return Done(path, problem=f"{target.name} is there already, and holds another picture", is_failure=True)
    else:
        packed = engine.transcode(content, _PACK) + _HASH_BOX + digest
        if len(packed) >= len(content):
            return Done(path, problem="packed it would take as many bytes")
        # What will be on the disk is decoded, in another job, before the original goes.
        if hashlib.sha256(engine.transcode(packed, _UNPACK)).digest() != digest:
            return Done(path, problem="what was packed does not give the same bytes back", is_failure=True)
        write_whole(target, packed, path.stat(), keep_time=True, is_synced=True, attributes_of=path)
    path.unlink()
    sync_folder(path.parent)
    return Done(path, len(content), len(packed))


def _restore(path: Path, engine: Engine) -> Done:
    before, packed = _read(path)
    if packed is None:
        return before
    at = len(packed) - 32 - len(_HASH_BOX)
    if packed[at : at + len(_HASH_BOX)] != _HASH_BOX:
        return Done(path, problem="it was not packed by this command")
    target = path.with_suffix("")
    if is_there(target):
        return Done(path, problem=f"{target.name} is there already", is_failure=True)
    content = engine.transcode(packed, _UNPACK)
    if hashlib.sha256(content).digest() != packed[-32:]:
        return Done(path, problem="damaged: it does not give the bytes back that were packed", is_failure=True)
    write_whole(target, content, path.stat(), keep_time=True, is_synced=True, attributes_of=path)
    path.unlink()
    sync_folder(path.parent)
    return Done(path, len(packed), len(content))


def _read(path: Path) -> tuple[Done, bytes | None]:
    """The content; None with the reason where the file is left alone."""
    found = path.lstat()
    if path.is_symlink():
        return Done(path, problem="a link"), None
    if found.st_nlink > 1:
        return Done(path, problem="it has other hard links, which would keep its bytes"), None
    if found.st_size > MAX_SOURCE_BYTES:
        return Done(path, problem=f"larger than {MAX_SOURCE_BYTES >> 20} MB"), None
    return Done(path), path.read_bytes()
