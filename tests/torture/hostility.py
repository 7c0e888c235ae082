"""Hostile files, flipped bytes, dying children."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from threading import Event

from sqlalchemy import text
from tests.support.corpus import CORPUS
from tests.support.hostile import Sent, ends_of, make_hostile, send_all
from tests.support.ledger import Book
from tests.support.pictures import encoded, gradient
from tests.support.processes import decoders_of
from tests.support.server import Server, running_server
from tests.torture.figures import Figures
from tests.worker.conftest import make_pool

from leanpix.queues.signals import LocalSignals
from leanpix.service.blob_keys import source_key
from leanpix.service.execute import Execute
from leanpix.service.progress import Progress
from leanpix.stores.files.blobs import LocalBlobs
from leanpix.worker.children.pool import CompressorPool

FLIPS = 500
_KINDS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF", "gif": "GIF", "sgi": "SGI"}
_CLEAN = {1, -7, -14}


def torture_hostility(folder: Path, figures: Figures) -> None:
    with running_server(folder / "hostile" / "data", queue_max_per_key="600", child_max_age_s="1") as server:
        key = server.new_key("hostile", qps=1000)
        if CORPUS.is_dir():
            _hostile_files(server, key, folder / "files", figures)
        for name, source in _sources().items():
            _flips(server, key, name, source, figures)
        _aftermath(server, figures)
    _deaths(folder / "deaths", figures)


def _hostile_files(server: Server, key: str, folder: Path, figures: Figures) -> None:
    # An empty file alone is refused before there is a task (400): it has no state to end in.
    allowed = {path.name: states for path, states in make_hostile(folder).items() if path.stat().st_size}
    sent = send_all(server, key, {name: (folder / name).read_bytes() for name in allowed})
    ends = ends_of(server, key, sent, within_s=400)
    wrong = [f"{name}: {end}" for name, end in ends.items() if end not in allowed[name]]
    section = f"{len(allowed)} hostile files uploaded"
    figures.add(section, "ended as the manifest says", f"{len(ends) - len(wrong)} {wrong or ''}", good=not wrong)
    _common(section, sent, ends, figures)


def _flips(server: Server, key: str, name: str, source: bytes, figures: Figures) -> None:
    chance = random.Random(name)  # noqa: S311 - the same flips at every run
    uploads = {}
    for number in range(FLIPS):
        flipped = bytearray(source)
        for _ in range(1 + number % 3):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        uploads[str(number)] = bytes(flipped)
    sent = send_all(server, key, uploads, quality="60", format="webp", width="24")
    ends = ends_of(server, key, sent, within_s=600)
    counts = Counter(ends.values())
    unclean = sum(count for state, count in counts.items() if state not in _CLEAN)
    section = f"{FLIPS} {name} files with 1 to 3 bits flipped"
    told = ", ".join(f"{count} x {state}" for state, count in counts.most_common())
    figures.add(section, "states", told, good=unclean == 0)
    _common(section, sent, ends, figures)


def _common(section: str, sent: Sent, ends: dict[str, int | None], figures: Figures) -> None:
    hung = sum(end is None for end in ends.values())
    figures.add(section, "answers other than 200", Counter(sent.statuses.values()) or 0, good=not sent.statuses)
    figures.add(section, "hung", hung, good=hung == 0)


def _aftermath(server: Server, figures: Figures) -> None:
    section = "after all of these"
    figures.add(section, "server deaths", int(server.process.poll() is not None), good=server.process.poll() is None)
    time.sleep(3)  # a child is kept for its key's next picture for a second
    left = len(decoders_of(server.process.pid))
    figures.add(section, "decoding processes left", left, good=left == 0)
    sources = len(list((server.data_dir / "files").glob("sources/*")))
    figures.add(section, "source files left", sources, good=sources == 0)
    defects = server.output.read_text().count("defect")
    figures.add(section, "defects in the log", defects, good=defects == 0)


def _sources() -> dict[str, bytes]:
    picture = gradient(48, 48)
    found = {name: encoded(picture.convert("P") if name == "gif" else picture, kind) for name, kind in _KINDS.items()}
    raw = CORPUS / "d_gen_raw_ljpeg_rotated.dng"
    return found | ({"raw": raw.read_bytes()} if raw.exists() else {})


def _deaths(folder: Path, figures: Figures) -> None:
    """20 children each that crash, hang, spin and run out of memory, through the use case and its ledger."""
    folder.mkdir()
    book, blobs = Book(folder / "test.db"), LocalBlobs(folder / "files", 0)
    book.account(credit=100)
    with make_pool(child_cpu_s=1) as pool:
        execute = _execute(book, blobs, pool)
        for act, cause in {
            "segfault": "crashes",
            "hang": "hangs",
            "spin": "spins",
            "allocate:4096": "wants memory",
        }.items():
            ends: Counter[str] = Counter()
            for _ in range(20):
                task_id = book.task()
                blobs.put(source_key(task_id), act.encode())
                end = execute(task_id, lambda _fence: None)
                ends[f"{int(end) if end is not None else None}"] += 1
            typed = set(ends) <= {"-8", "-9", "-15"}
            figures.add(f"20 children that: {cause}", "states", dict(ends), good=typed)
        with book.database.reading() as view:
            query = "SELECT count(*) FROM ledger WHERE kind = 'release'"
            released = int(view.connection.execute(text(query)).scalar_one())
    figures.add("80 dead children", "holds released", released, good=released == 80 and book.credit() == 100)


def _execute(book: Book, blobs: LocalBlobs, pool: CompressorPool) -> Execute:
    return Execute(
        database=book.database,
        blobs=blobs,
        compressor=pool,
        signals=LocalSignals(),
        progress=Progress(book.database),
        owner="torture",
        timeout_s=1.5,
        now=time.time,
        monotonic=time.monotonic,
        stopping=Event(),
    )
