"""Originals kept before they are replaced, and put back.

A folder with the originals under the names they had, and a file of JSON lines that says where each came from and what
replaced it. An original that was kept is never written over.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from leanpix.cli.batch.files import read_file, sync_folder, write_whole
from leanpix.cli.batch.items import Item, Outcome, Source
from leanpix.cli.batch.place import numbered
from leanpix.cli.batch.state import digest_of
from leanpix.cli.paths import is_there, real_path
from leanpix.domain.errors import SetupError

MANIFEST = "leanpix-backup.jsonl"
_MOST_BYTES = 1 << 40


@dataclass(frozen=True, slots=True)
class Kept:
    """One original: where it lay, its name in the backup, the file that replaced it and that one's digest."""

    original: str
    kept: str
    replaced_by: str
    result: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A folder for originals. Thread-safe."""

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, source: Source, content: bytes, status: os.stat_result, target: Path, result: str) -> None:
        """Have an original and its line on the disk; OSError. result: the digest of what is about to replace it."""
        place = self.folder / source.relative
        place.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            place = next(one for one in _names(place) if not is_there(one) or read_file(one, _MOST_BYTES)[1] == content)
            if not is_there(place):
                write_whole(place, content, status, keep_time=True, is_synced=True, attributes_of=source.path)
                sync_folder(place.parent)
            original, replaced_by = str(real_path(source.path)), str(real_path(target))
            line = Kept(original, str(place.relative_to(self.folder)), replaced_by, result)
            with (self.folder / MANIFEST).open("a", encoding="utf-8", errors="surrogateescape") as manifest:
                manifest.write(json.dumps(asdict(line)) + "\n")
                manifest.flush()
                os.fsync(manifest.fileno())


def undo(folder: Path) -> Iterator[Item]:
    """Put the originals of a backup back, the latest replacement first; SetupError where this is no backup.

    A file that was changed since it was written is left as it is, and named.
    """
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as failure:
        raise SetupError(f"{folder} is no backup: {MANIFEST} cannot be read ({failure.strerror})") from failure
    for line in reversed(lines):
        try:
            kept = Kept(**json.loads(line))
        except (ValueError, TypeError):  # cut short: its replacement did not begin
            continue
        yield _put_back(folder, kept)


def _put_back(folder: Path, kept: Kept) -> Item:
    original, result = Path(kept.original), Path(kept.replaced_by)
    try:
        status, content = read_file(folder / kept.kept, _MOST_BYTES)
        if is_there(original) and read_file(original, _MOST_BYTES)[1] == content:
            return Item(original, Outcome.DONE, len(content), len(content), original)
        if is_there(result) and digest_of(read_file(result, _MOST_BYTES)[1]) != kept.result:
            return Item(original, Outcome.LEFT, message=f"{result} was changed since it was compressed")
        if result != original and is_there(original):
            return Item(original, Outcome.LEFT, message="there is another file by now")
        write_whole(original, content, status, keep_time=True, is_synced=True, attributes_of=folder / kept.kept)
        if result != original:
            result.unlink(missing_ok=True)
        sync_folder(original.parent)
    except OSError as failure:
        return Item(original, Outcome.FAILED, message=failure.strerror or str(failure))
    return Item(original, Outcome.RESTORED, len(content), len(content), original)


def _names(place: Path) -> Iterator[Path]:
    yield place
    number = 2
    while True:
        yield numbered(place, number)
        number += 1
