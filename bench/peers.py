"""This service beside the servers that people would write or run instead, on the same work: docs/benchmarks.md.

    python bench/peers.py [PHOTO.jpg [DRAWING.png]]

Processor time is that of whole process trees as the kernel counts it, by turns, so that the ratios hold on a busy
machine; results are downloaded, and looked at by SSIMULACRA2 against the source, made smaller by Lanczos where sizes
were asked for. Requests a second and latencies are wall-clock time on the same cores as the clients: lower bounds.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from server_peers import Peer, Running, Work, every_peer, running
from service import family, photo_file, processor_fields

from leanpix.engine.judging.comparison import score

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks.md"
TURNS, CLIENTS = 3, 16
LOST = (OSError, http.client.HTTPException)
"""What a connection fails with."""
ABOUT = """
Written by `make bench-peers` itself: this service beside the servers that people would write or run instead, on the
same work and the same machine. Processor time is that of whole process trees, results downloaded, by turns: ratios
hold on a busy machine, milliseconds and requests a second only on this one at that hour. A score is SSIMULACRA2
against the source at the size that was asked for: 100 is the same, 90 hard to tell, 70 good.
""".strip().splitlines()
BY_OURSELVES = "leanpix"


@dataclass
class Measured:
    """One server's figures at one piece of work. cpu_ms: of each turn."""

    cpu_ms: list[float] = field(default_factory=list)
    size_bytes: int = 0
    score: float = 0.0


@dataclass
class Load:
    """One server under 16 clients. Memory in MB, proportional shares of the whole tree."""

    requests_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_ms: float = 0.0
    peak_mb: float = 0.0
    failures: int = 0


Table = dict[str, dict[str, Measured]]


def main() -> None:
    """Measure every peer that is here, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path, help="a photo as JPEG, and a drawing as PNG")
    parser.add_argument("--seconds", type=float, default=5, help="of load, for each server")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each server at each piece of work")
    parser.add_argument("--page", type=Path, default=PAGE, help="what is written")
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        folder.chmod(0o755)
        works, pictures = works_in(folder, arguments.pictures)
        here = [peer for peer in every_peer() if peer.is_there()]
        up: dict[str, Running] = {}
        at_rest: dict[str, float] = {}
        for peer in here:
            up[peer.name] = servers.enter_context(running(peer, folder))
            time.sleep(1)
            at_rest[peer.name] = memory_mb(up[peer.name])
            print(f"{peer.name}: {at_rest[peer.name]:.0f} MB", flush=True)
        versions = {peer.name: peer.version(up[peer.name]) for peer in here}
        table = {work.name: by_turns(work, here, up, arguments.turns) for work in works}
        loads, crops = (
            {peer.name: under_load(peer, up[peer.name], work, arguments.seconds) for peer in here if peer.can(work)}
            for work in (works[1], works[-1])
        )
    missing = [peer.name for peer in every_peer() if not peer.is_there()]
    ran = [when(load_before, arguments), pictures]
    arguments.page.write_text(page(works, table, (loads, crops, at_rest), versions, missing, ran), encoding="utf-8")
    print(f"written to {arguments.page}")


def when(load_before: float, arguments: argparse.Namespace) -> str:
    """When all of this was measured, of what, and with how much else on the machine."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return (
        f"Run {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC of commit {commit.stdout.strip()}: "
        f"{os.cpu_count()} cores, load {load_before:.1f} before and {os.getloadavg()[0]:.1f} after; "
        f"{arguments.turns} turns, {arguments.seconds:g} s of load."
    )


def works_in(folder: Path, given: Sequence[Path]) -> tuple[list[Work], str]:
    """The work, from one photo and one drawing, and what those are; both are made up where none is given."""
    photo = photo_file(folder / "made.jpg", 2048, 1536) if not given else given[0]
    with Image.open(photo) as opened:
        whole = ImageOps.exif_transpose(opened).convert("RGB")
    sizes = {"96": 96, "240": 240, "800": 800, "2048": 2048}
    for name, width in sizes.items():
        small = whole.resize((width, round(whole.height * width / whole.width)), Image.Resampling.LANCZOS)
        small.save(folder / f"{name}.jpg", "JPEG", quality=90)
    if len(given) > 1:
        with Image.open(given[1]) as opened:
            drawing = opened.convert("RGB")
            drawing.thumbnail((1600, 1600))
    else:
        drawing = Image.fromarray(np.kron(np.eye(24, dtype=np.uint8) * 200, np.ones((32, 32), np.uint8)))
    drawing.convert("RGB").save(folder / "drawing.png")
    at = {name: folder / f"{name}.jpg" for name in sizes}
    told = (
        f"The photo is {'one of' if given else 'made up, of'} {whole.width} x {whole.height} pixels, made smaller to "
        f"each size; the drawing is {'one of' if len(given) > 1 else 'made up, of'} {drawing.width} x {drawing.height}."
    )
    works = [
        Work("JPEG 96 px, quality 80", at["96"], "jpg"),
        Work("JPEG 240 px, quality 80", at["240"], "jpg"),
        Work("JPEG 800 px, quality 80", at["800"], "jpg"),
        Work("JPEG 2048 px, quality 80", at["2048"], "jpg"),
        Work("2048 px to a width of 1200", at["2048"], "jpg", width_px=1200),
        Work("2048 px to a thumbnail of 160", at["2048"], "jpg", width_px=160),
        Work("800 px to WebP, quality 80", at["800"], "webp"),
        Work("a drawing, PNG to PNG", folder / "drawing.png", "png"),
        Work("2048 px to 100 KB", at["2048"], "jpg", quality=None, kbyte=100),
        Work("800 px, automatic", at["800"], "jpg", quality=None),
        Work("2048 px cut to 512 x 512", at["2048"], "jpg", width_px=512, height_px=512),
    ]
    return works, told


def by_turns(work: Work, peers: Sequence[Peer], up: Mapping[str, Running], turns: int) -> dict[str, Measured]:
    """Each server's figures at this work: in turns, so that all meet the same weather."""
    able: list[Peer] = []
    measured: dict[str, Measured] = {}
    requests: dict[str, int] = {}
    found = reference(work)
    for peer in (peer for peer in peers if peer.can(work)):
        connection, began = up[peer.name].client(), time.monotonic()
        try:
            result = [peer.ask(connection, work) for _ in range(3)][-1]  # first use
        except (RuntimeError, *LOST) as failure:  # the others' figures are none the worse for it
            print(f"{work.name}: {peer.name} fails: {failure}", flush=True)
            continue
        able.append(peer)
        requests[peer.name] = max(2, min(40, round(1.0 / max(1e-3, (time.monotonic() - began) / 3))))
        measured[peer.name] = Measured([], len(result), score_of(found, result))
    for _ in range(turns):
        for peer in able:
            connection, before = up[peer.name].client(), processor_s(up[peer.name])
            for _ in range(requests[peer.name]):
                peer.ask(connection, work)
            spent = processor_s(up[peer.name]) - before
            measured[peer.name].cpu_ms.append(1000 * spent / requests[peer.name])
    told = ", ".join(f"{name} {statistics.median(m.cpu_ms):.1f} ms {m.size_bytes}" for name, m in measured.items())
    print(f"{work.name}: {told}", flush=True)
    return measured


def under_load(peer: Peer, server: Running, work: Work, seconds: float) -> Load:
    """The server with 16 clients that each send one request after another."""
    latencies: list[float] = []
    failures: list[Exception] = []
    until, before = time.monotonic() + seconds, processor_s(server)
    peak = memory_mb(server)

    def client() -> None:
        connection = server.client()
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                peer.ask(connection, work)
            except (RuntimeError, *LOST) as failure:
                failures.append(failure)
                connection = server.client()
                continue
            latencies.append(1000 * (time.monotonic() - began))

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, memory_mb(server))
        time.sleep(0.3)
    latencies.sort()
    count = max(1, len(latencies))
    spent = processor_s(server) - before
    p50, p99 = (latencies[int(share * count)] if latencies else 0.0 for share in (0.5, 0.99))
    if failures:
        print(f"{peer.name} fails {len(failures)} times: {failures[0]}", flush=True)
    return Load(len(latencies) / seconds, p50, p99, 1000 * spent / count, peak, len(failures))


def reference(work: Work) -> NDArray[np.uint8]:
    """What a result is compared with: the source, made as large as was asked for."""
    with Image.open(work.file) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    if work.width_px and work.height_px:
        picture = ImageOps.fit(picture, (work.width_px, work.height_px), Image.Resampling.LANCZOS)
    elif work.width_px:
        height = round(picture.height * work.width_px / picture.width)
        picture = picture.resize((work.width_px, height), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def score_of(found: NDArray[np.uint8], result: bytes) -> float:
    """The result's SSIMULACRA2; one of other sides is made as large as the reference."""
    with Image.open(io.BytesIO(result)) as opened:
        picture = opened.convert("RGB")
    if picture.size != (found.shape[1], found.shape[0]):
        picture = picture.resize((found.shape[1], found.shape[0]), Image.Resampling.LANCZOS)
    return score(found, np.asarray(picture))


def processor_s(server: Running) -> float:
    """Seconds of processor time of the server and all below it."""
    return sum(processor_fields(pid, 4) for pid in family(server.process.pid))


def memory_mb(server: Running) -> float:
    """Memory of the server and all below it, each page shared out among those that have it."""
    total = 0
    for pid in family(server.process.pid):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended meanwhile
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def page(
    works: Sequence[Work],
    table: Table,
    loads: tuple[dict[str, Load], dict[str, Load], dict[str, float]],
    versions: Mapping[str, str],
    missing: Sequence[str],
    ran: Sequence[str],
) -> str:
    """The whole page: losses first."""
    lines = [
        "# Benchmarks",
        "",
        *ABOUT,
        "",
        *ran,
        "",
        "## Where this service loses",
        "",
        *losses(works, table, *loads),
        "",
        "## Processor time, bytes and score",
        "",
        "ms a request: the median of the turns, and the least and most of them.",
    ]
    for work in works:
        lines += ["", f"### {work.name}", "", *work_table(table[work.name])]
    heads = ("JPEG 240 px, quality 80", "cut to 512 x 512")
    for head, figures in zip(heads, loads[:2], strict=True):
        lines += ["", f"## {CLIENTS} clients: {head}", "", *load_table(figures, loads[2])]
    lines += ["", "## Versions", "", *(f"- {name}: {text}" for name, text in versions.items())]
    if missing:
        lines += [
            "",
            f"Not here, and so not measured: {', '.join(missing)}. `IMAGOR=` and `IMGPROXY=` name their programs.",
        ]
    return "\n".join(lines) + "\n"


def losses(
    works: Sequence[Work],
    table: Table,
    loads: Mapping[str, Load],
    crops: Mapping[str, Load],
    at_rest: Mapping[str, float],
) -> list[str]:
    """Each work at which another one takes less time, or makes fewer bytes that score as well."""
    lines = []
    for work in works:
        mine, others = table[work.name][BY_OURSELVES], {k: v for k, v in table[work.name].items() if k != BY_OURSELVES}
        if not others:
            continue
        ms = statistics.median(mine.cpu_ms)
        quickest = min(others, key=lambda name: statistics.median(others[name].cpu_ms))
        least = statistics.median(others[quickest].cpu_ms)
        if 0 < least < ms:
            change = 100 * mine.size_bytes / others[quickest].size_bytes - 100
            lines.append(
                f"- {work.name}: {ms:.1f} ms, {quickest} {least:.1f} ({ms / least:.1f} x), with {change:+.0f} % bytes "
                f"at a score of {mine.score:.1f} against {others[quickest].score:.1f}."
            )
        as_good = {name: other for name, other in others.items() if other.score >= mine.score - 0.3}
        smallest = min(as_good, key=lambda name: as_good[name].size_bytes, default=None)
        if smallest is not None and as_good[smallest].size_bytes < mine.size_bytes:
            lines.append(
                f"- {work.name}: {mine.size_bytes:,} bytes, {smallest} {as_good[smallest].size_bytes:,} at a score of "
                f"{as_good[smallest].score:.1f} against {mine.score:.1f}."
            )
    for what, figures in (("240 px", loads), ("512 px cuts", crops)):
        best = max(figures, key=lambda name: figures[name].requests_s)
        if best != BY_OURSELVES:
            ours = figures[BY_OURSELVES].requests_s
            lines.append(f"- Requests a second, {what}: {ours:.0f}, {best} {figures[best].requests_s:.0f}.")
    lean = min(at_rest, key=lambda name: at_rest[name])
    if lean != BY_OURSELVES:
        lines.append(f"- Memory at rest: {at_rest[BY_OURSELVES]:.0f} MB, {lean} {at_rest[lean]:.0f}.")
    return lines or ["Nowhere in this run."]


def work_table(measured: Mapping[str, Measured]) -> list[str]:
    """One row a server."""
    rows = ["| | ms | bytes | score |", "|---|---|---|---|"]
    for name, one in measured.items():
        spread = f"{statistics.median(one.cpu_ms):.1f} ({min(one.cpu_ms):.1f} to {max(one.cpu_ms):.1f})"
        rows.append(f"| {name} | {spread} | {one.size_bytes:,} | {one.score:.1f} |")
    return rows


def load_table(figures: Mapping[str, Load], at_rest: Mapping[str, float]) -> list[str]:
    """One row a server."""
    rows = ["| | requests/s | p50 / p99 ms | ms of processor time | MB at rest / at most |", "|---|---|---|---|---|"]
    for name, one in figures.items():
        latency, memory = f"{one.p50_ms:.0f} / {one.p99_ms:.0f}", f"{at_rest[name]:.0f} / {one.peak_mb:.0f}"
        failed = f", {one.failures:,} failed" if one.failures else ""
        rows.append(f"| {name} | {one.requests_s:.0f}{failed} | {latency} | {one.cpu_ms:.1f} | {memory} |")
    return rows


if __name__ == "__main__":
    main()
