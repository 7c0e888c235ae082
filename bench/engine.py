"""Compare the engine with what would be picked instead: bytes at equal score, CPU time, sizes met.

    make bench-engine IMAGES="folder-or-files"

The same pictures, the same run, one thread each; CPU time by the operating system, from file to bytes. Scores are
SSIMULACRA2 of the decoded result against the picture. Writes bench/results.md and its plots.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import engine_goals as goals
import engine_peers as peers
import engine_report as report

from leanpix.engine import OutputFormat
from leanpix.engine.judging.ssimulacra2 import Ssimulacra2

RESULTS = Path("bench/results.md")
PLOTS = Path("bench/plots")
CPU_SETTING = 80
CPU_RUNS = 3
Curves = dict[str, dict[str, report.Curve]]
Times = dict[str, list[float]]


def compare(paths: Sequence[Path], chosen: Sequence[peers.Peer]) -> tuple[Curves, Times]:
    curves: Curves = {peer.name: {} for peer in chosen}
    cpu: Times = {peer.name: [] for peer in chosen}
    for path in paths:
        reference = goals.pixels(path.read_bytes())
        scorer, count = Ssimulacra2(reference), reference.shape[0] * reference.shape[1]
        for peer in chosen:
            encodings = [peer.encode(path, setting) for setting in peer.settings]
            points = [(len(e.data) * 8 / count, scorer.score(goals.pixels(e.data))) for e in encodings]
            curves[peer.name][path.name] = points
            runs = [peer.encode(path, CPU_SETTING).cpu_s for _ in range(CPU_RUNS)]
            cpu[peer.name].append(statistics.median(runs) * 1e9 / count)
        print(path.name, flush=True)
    return curves, cpu


def palette_table(paths: Sequence[Path], chosen: Sequence[peers.Peer]) -> str:
    curves, cpu = compare(paths, chosen)
    rows = [
        [
            name,
            report.spread((points[0][0] for points in pictures.values()), 2),
            report.spread(points[0][1] for points in pictures.values()),
            report.spread(cpu[name], 0),
        ]
        for name, pictures in curves.items()
    ]
    return report.table(["at quality 80", "bits per pixel", "score", "CPU ms/MP"], rows)


def heading(paths: Sequence[Path], absent: Sequence[str]) -> str:
    return (
        f"# The engine against its peers\n\n{len(paths)} pictures: {', '.join(path.name for path in paths)}. "
        "Median over the pictures, the range in brackets. Bytes at equal SSIMULACRA2 by interpolation of log(bytes). "
        "CPU time by the operating system, from file to bytes, one thread; the command lines of ImageMagick, cwebp "
        "and pngquant include the start of their program, libraries do not.\n\n"
        f"Missing here: {', '.join(absent) or 'nothing'}. {'; '.join(peers.versions())}."
    )


def main(arguments: Sequence[str]) -> None:
    paths = sorted(
        path for given in map(Path, arguments) for path in ([given] if given.is_file() else given.glob("*.png"))
    )
    absent = peers.missing()
    jpeg, webp, png = (
        [peer for peer in chosen if peer.name.split()[0] not in absent]
        for chosen in (peers.jpeg_peers(), peers.webp_peers(), peers.png_peers())
    )
    jpeg_curves, jpeg_cpu = compare(paths, jpeg)
    webp_curves, webp_cpu = compare(paths, webp)
    PLOTS.mkdir(exist_ok=True)
    report.plot(jpeg_curves, "JPEG", PLOTS / "jpeg.svg")
    report.plot(webp_curves, "WebP", PLOTS / "webp.svg")
    sections = [
        heading(paths, absent),
        "## JPEG",
        report.relative_table(jpeg_curves, jpeg_cpu, "Pillow progressive"),
        "![JPEG](plots/jpeg.svg)",
        "## WebP",
        report.relative_table(webp_curves, webp_cpu, "Pillow"),
        "![WebP](plots/webp.svg)",
        "## PNG with a palette",
        palette_table(paths, png),
        "## A target size",
        goals.size_table(paths, absent, OutputFormat.JPG),
        goals.size_table(paths, absent, OutputFormat.WEBP),
        "## Automatic quality",
        goals.score_table(paths),
        "## A large photograph made small",
        goals.thumbnail_table(paths[0]),
        "## The metric",
        goals.metric_table(paths),
    ]
    RESULTS.write_text("\n\n".join(sections) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main(sys.argv[1:])
