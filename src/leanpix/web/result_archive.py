"""A batch's results as one ZIP, written while it is sent: at no time is more than a piece of it in memory."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from leanpix.domain.batch import BatchItem
from leanpix.domain.states import TaskState
from leanpix.domain.task import Task
from leanpix.service.ports import Blobs, BlobStream
from leanpix.web.compat import Json

_MANIFEST = "manifest.json"
_READABLE = 0o100644


class _Pipe(io.RawIOBase):
    """What the ZIP writer has written since it was last asked."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        written = bytes(memoryview(piece))  # type: ignore[arg-type] # any buffer, as the base class has it
        self._pieces.append(written)
        return len(written)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class Pieces:
    """An archive's bytes as a stream whose length nobody knows before its end."""

    size_bytes = 0

    def __init__(self, pieces: Generator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        """The pieces, in order."""
        return (piece for piece in self._pieces if piece)

    def close(self) -> None:
        """Write no further."""
        self._pieces.close()


@dataclass(slots=True)
class ResultArchive:
    """Writes one archive: the results by names of their own, then manifest.json with a line on every item."""

    blobs: Blobs
    _names: set[str] = field(default_factory=lambda: {_MANIFEST})

    def pieces(self, items: Iterable[tuple[BatchItem, Task | None]]) -> Generator[bytes]:
        """The archive's bytes, in order."""
        pipe, manifest = _Pipe(), list[Json]()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
            for item, task in items:
                line = _line(item, task)
                content = self._content(task)
                if content is not None and task is not None:
                    line["file"] = self._unique(item.name, task)
                    with archive.open(_entry(line["file"]), "w", force_zip64=True) as entry:
                        for piece in content:
                            entry.write(piece)
                            yield pipe.taken()
                manifest.append(line)
                yield pipe.taken()
            archive.writestr(_entry(_MANIFEST), json.dumps({"items": manifest}, indent=1))
        yield pipe.taken()

    def _content(self, task: Task | None) -> BlobStream | None:
        return None if task is None or task.result is None else self.blobs.stream(task.result.blob)

    def _unique(self, name: str, task: Task) -> str:
        """The source's name; the result's extension is added where its format is another.

        So no name depends on the others of a batch, as with the command and the page. Only a name that was sent twice
        is told apart by a number.
        """
        path = PurePosixPath(name)
        kept = task.report is not None and task.result is not None and _is_same(task) and path.suffix
        path = path if kept or task.result is None else path.with_name(f"{path.name}.{task.result.format.value}")
        chosen, number = str(path), 1
        while chosen.lower() in self._names:
            number += 1
            chosen = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        self._names.add(chosen.lower())
        return chosen


def _is_same(task: Task) -> bool:
    """Whether the result is in its source's format."""
    report, result = task.report, task.result
    return report is not None and result is not None and report.source_format.same_output is result.format


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = _READABLE << 16
    return entry


def _line(item: BatchItem, task: Task | None) -> Json:
    state = TaskState.QUEUED if task is None else task.state
    line: Json = {"number": item.number, "name": item.name, "task_id": item.task_id, "state": int(state), "file": None}
    if task is not None and task.state.is_final:
        line["message"] = task.message or task.state.text
    if task is not None and task.report is not None:
        line |= {"source_bytes": task.report.source_bytes, "result_bytes": task.report.result_bytes}
    return line
