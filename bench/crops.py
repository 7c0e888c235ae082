"""Faces and text at 200 % at equal bytes: our JPEGs beside others', as a page.

    python -m bench.crops [PICTURE:LEFT,TOP ...] [--to build/crops]

Of each picture the square of SIDE_PX pixels from LEFT and TOP on is shown, of our JPEG at three qualities and of what
each other encoder makes of at most as many bytes of the whole picture, at its finest setting. Without pictures: an
astronaut's face and badge and a cat's face of scikit-image's data (public domain), and letters over photographs made on
the spot.
"""

from __future__ import annotations

import argparse
import html
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.look import Encode, Pixels, figure, of_equal_bytes, pixels_of
from engine_metrics import judges
from engine_peers import PEERS_FOLDER, jpeg_peers, missing
from PIL import Image
from tests.support import trust

QUALITIES = (30, 60, 80)
SIDE_PX = 128
DATA = PEERS_FOLDER / "pictures" / "skimage" / "data"
SHOWN = ("sharp mozjpeg", "cjpeg of mozjpeg", "jpegli 4:2:0", "Pillow progressive")
"""The peers, by their names in the other tables."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and the left upper corner of what is shown of it."""

    name: str
    path: Path
    left: int
    top: int


KNOWN = (
    ("an astronaut's face", "astronaut.png", 158, 56),
    ("an astronaut's badge", "astronaut.png", 140, 350),
    ("a cat's face", "chelsea.png", 120, 60),
)


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--to", type=Path, default=Path("build/crops"))
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scenes = [asked(one) for one in given.pictures] or [*known(), *made(Path(folder))]
        peers = encoders()
        sections = [section(scene, peers) for scene in scenes]
    page = given.to / "index.html"
    page.write_text(PAGE.format(body="\n".join(sections), side=SIDE_PX), encoding="utf-8")
    print(page)


def asked(text: str) -> Scene:
    """Of PICTURE:LEFT,TOP."""
    path, _, corner = text.rpartition(":")
    left, top = corner.split(",")
    return Scene(f"{Path(path).stem} at {left}, {top}", Path(path), int(left), int(top))


def known() -> Iterator[Scene]:
    """What is installed beside the peers, if it is."""
    for name, file, left, top in KNOWN:
        if (DATA / file).exists():
            yield Scene(name, DATA / file, left, top)


def made(folder: Path) -> Iterator[Scene]:
    """Letters over photographs' likes."""
    for kind in (trust.caption, trust.badge, trust.chart):
        picture = kind(3)
        path = folder / f"{picture.name}.png"
        Image.fromarray(picture.pixels).save(path)
        rows, columns = np.nonzero(picture.marked)
        yield Scene(f"made: {picture.name}", path, int(columns.min()) - 12, int(rows.min()) - 40)


def encoders() -> dict[str, Encode]:
    """Ours first, then those of the peers that are here."""
    absent, all_of_them = missing(), jpeg_peers()
    chosen = [one for one in all_of_them if one.name in SHOWN and one.name.split()[0] not in absent]
    return {one.name: lambda path, setting, of=one: of.encode(path, setting).data for one in (all_of_them[0], *chosen)}


def section(scene: Scene, encoders: dict[str, Encode]) -> str:
    """The source, and for each quality a row of crops with their figures."""
    source = pixels_of(scene.path.read_bytes())
    by_judge, (ours, *others) = judges(source), encoders.items()
    shown = [f"<h2>{html.escape(scene.name)}</h2>", figure("source", cropped(source, scene))]
    for quality in QUALITIES:
        own = ours[1](scene.path, quality)
        results = {ours[0]: own} | {
            name: data for name, encode in others if (data := of_equal_bytes(encode, scene.path, len(own)))
        }
        rows, crops = [], []
        for name, data in results.items():
            pixels = pixels_of(data)
            figures = [f"{judged(pixels):.2f}" for judged in by_judge.values()]
            rows.append(f"<tr><td>{html.escape(name)}<td>{len(data):,}<td>{'<td>'.join(figures)}</tr>")
            crops.append(figure(f"{name}, {len(data):,}", cropped(pixels, scene)))
            print(f"{scene.name}, {quality}: {name}, {len(data)} bytes, {' '.join(figures)}", flush=True)
        head = f"<tr><th>encoder<th>bytes<th>{'<th>'.join(by_judge)}</tr>"
        shown.append(f"<h3>Quality {quality}</h3><table>{head}{''.join(rows)}</table><div>{''.join(crops)}</div>")
    return f"<section>{''.join(shown)}</section>"


def cropped(pixels: Pixels, scene: Scene) -> Pixels:
    """The square that is shown, moved into the picture."""
    height, width = pixels.shape[:2]
    left, top = max(0, min(scene.left, width - SIDE_PX)), max(0, min(scene.top, height - SIDE_PX))
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX]


PAGE = """<!doctype html><meta charset="utf-8"><title>Crops at equal bytes</title>
<style>
body {{ font: 15px/1.4 sans-serif; max-width: 90rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }}
td, th {{ padding: .2rem .8rem; text-align: left }}
figure {{ display: inline-block; margin: .5rem }}
figcaption {{ font-size: 13px }}
section {{ margin-bottom: 3rem }}
</style>
<h1>Crops at equal bytes</h1>
<p>Squares of {side} pixels at 200 %. Each other encoder at its finest setting within the bytes of leanpix's JPEG of the
whole picture; the figures are the whole picture's, more is better.</p>
{body}
"""

if __name__ == "__main__":
    sys.exit(main())
