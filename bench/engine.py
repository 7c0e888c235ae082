"""Compare the engine with what would be picked instead: bytes where results look the same, CPU time, sizes met.

    make bench-engine IMAGES="folder-or-files" MIDDLE=512x384

MIDDLE: of each picture only that much of its middle, for a short run.

The same pictures, the same run, one thread each; CPU time by the operating system, from file to bytes. How a result
looks is judged by SSIMULACRA2, Butteraugli's 3-norm, PSNR-HVS-M and MS-SSIM of the decoded result against the picture,
and by the place that looks worst. Writes bench/results.md and its plots.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import engine_goals as goals
import engine_peers as peers
import engine_report as report
from engine_metrics import SCORE, judges
from PIL import Image

from leanpix.engine import OutputFormat
from leanpix.engine.judging.worst_place import WorstPlaces

RESULTS = Path("bench/results.md")
PLOTS = Path("bench/plots")
CPU_SETTING, WORST_AT_SCORE = 80, 75.0


@dataclass(slots=True)
class Measured:
    """What is known of some encoders.

    curves: by judge. cpu: ms a megapixel at about CPU_SETTING; worst: how many times its bound the worst place is, of
    the result that scores nearest to WORST_AT_SCORE; both by program, for each picture.
    """

    curves: dict[str, report.Curves] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    worst: dict[str, list[float]] = field(default_factory=dict)


def compare(paths: Sequence[Path], chosen: Sequence[peers.Peer]) -> Measured:
    """Every peer on every picture."""
    found = Measured()
    for place, path in enumerate(paths):
        reference = goals.pixels(path.read_bytes())
        by_judge, count = judges(reference), reference.shape[0] * reference.shape[1]
        places = WorstPlaces(reference)
        for peer in chosen:
            if place >= peer.most_pictures:
                continue
            made = [peer.encode(path, setting) for setting in peer.settings]
            shown = [goals.pixels(one.data) for one in made]
            for judge, judged in by_judge.items():
                curve = [(len(one.data) * 8 / count, judged(seen)) for one, seen in zip(made, shown, strict=True)]
                found.curves.setdefault(judge, {}).setdefault(peer.name, {})[path.name] = curve
            scores = [score for _, score in found.curves[SCORE][peer.name][path.name]]
            near = min(range(len(made)), key=lambda at: abs(scores[at] - WORST_AT_SCORE))
            worst = places.worst(shown[near])[:1]
            found.worst.setdefault(peer.name, []).append(max((one.ratio for one in worst), default=0.0))
            timed = min(range(len(made)), key=lambda at: abs(peer.settings[at] - CPU_SETTING))
            found.cpu.setdefault(peer.name, []).append(made[timed].cpu_s * 1e9 / count)
        print(path.name, flush=True)
    return found


def tables(found: Measured, base: str) -> list[str]:
    """Bytes by each judge, then time and worst places."""
    rows = [
        [name, report.spread(found.cpu[name], 0), report.spread(found.worst[name], 2), _over(found.worst[name])]
        for name in found.cpu
    ]
    head = ["", "CPU ms/MP", f"worst place at a score of about {WORST_AT_SCORE:.0f}", "over its bound"]
    return [*(report.relative_table(found.curves, judge, base) for judge in found.curves), report.table(head, rows)]


def _over(ratios: Sequence[float]) -> str:
    return f"{sum(ratio > 1 for ratio in ratios)} of {len(ratios)}"


def palette_table(found: Measured) -> str:
    """Bytes and what the judges say at one setting."""
    rows = [
        [
            name,
            report.spread((points[0][0] for points in pictures.values()), 2),
            *(report.spread(points[0][1] for points in curves[name].values()) for curves in found.curves.values()),
            report.spread(found.cpu[name], 0),
        ]
        for name, pictures in found.curves[SCORE].items()
    ]
    return report.table(["at quality 80", "bits per pixel", *found.curves, "CPU ms/MP"], rows)


def heading(paths: Sequence[Path], absent: Sequence[str]) -> str:
    """What was compared, and how."""
    return (
        f"# The engine against its peers\n\n{len(paths)} pictures: {', '.join(path.name for path in paths)}. "
        "Median over the pictures, the range in brackets. Bytes where a judge says the same, by interpolation of "
        "log(bytes); of the judges PSNR-HVS-M and MS-SSIM see no colour. "
        "CPU time by the operating system, from file to bytes, one thread; commands (ImageMagick, cjpeg, cjpegli, "
        "cwebp, pngquant, guetzli, avifenc, cjxl) include the start of their program, libraries do not. The worst "
        "place: how many times the bound of the engine's own local criterion, of the setting whose score is nearest."
        "\n\n"
        f"Missing here: {', '.join(absent) or 'nothing'}. {'; '.join(peers.versions())}."
    )


def main() -> None:
    """Write the page and its plots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--middle", type=sides, metavar="WIDTHxHEIGHT")
    given = parser.parse_args()
    paths = [path for one in given.pictures for path in ([one] if one.is_file() else sorted(one.glob("*.png")))]
    with tempfile.TemporaryDirectory() as folder:
        write(paths if given.middle is None else [middle(path, given.middle, Path(folder)) for path in paths])


def sides(text: str) -> tuple[int, int]:
    """Of what --middle says."""
    width, height = text.split("x")
    return int(width), int(height)


def middle(path: Path, px: tuple[int, int], folder: Path) -> Path:
    """The middle of a picture, as a picture."""
    target = folder / f"{path.stem}_{px[0]}x{px[1]}.png"
    with Image.open(path) as opened:
        whole = opened.convert("RGB")
    width, height = min(px[0], whole.width), min(px[1], whole.height)
    left, top = (whole.width - width) // 2, (whole.height - height) // 2
    whole.crop((left, top, left + width, top + height)).save(target)
    return target


def write(paths: Sequence[Path]) -> None:
    """Compare on these pictures."""
    absent = peers.missing()
    jpeg, webp, png, other = (
        compare(paths, [peer for peer in chosen if peer.name.split()[0] not in absent])
        for chosen in (peers.jpeg_peers(), peers.webp_peers(), peers.png_peers(), peers.other_peers())
    )
    PLOTS.mkdir(exist_ok=True)
    report.plot(jpeg.curves, "JPEG", PLOTS / "jpeg.svg")
    report.plot(webp.curves, "WebP", PLOTS / "webp.svg")
    report.plot(other.curves, "JPEG, AVIF and JPEG XL", PLOTS / "avif-jxl.svg")
    sections = [
        heading(paths, absent),
        "## JPEG",
        *tables(jpeg, "Pillow progressive"),
        "![JPEG](plots/jpeg.svg)",
        "## JPEG at quality 100",
        goals.finest_table(paths, absent),
        "## WebP",
        *tables(webp, "Pillow"),
        "![WebP](plots/webp.svg)",
        "## AVIF and JPEG XL",
        *tables(other, "leanpix JPEG"),
        "![JPEG, AVIF and JPEG XL](plots/avif-jxl.svg)",
        "## PNG with a palette",
        palette_table(png),
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
    main()
