"""What results look like at their worst place, beside peers of equal bytes: a page of figures and crops.

    python -m bench.look [PICTURES...] [--before OTHER/.venv/bin/python] [--to build/look]

Without pictures those of tests/support/trust.py are made. Of each picture and format the engine's automatic result is
compared with what each peer makes of at most as many bytes. The crops show the place that looks worst in the engine's
result or, if it is given, in that of an older checkout, at 200 %.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.engine_peers import PEERS_FOLDER, sharp
from numpy.typing import NDArray
from PIL import Image
from tests.support import trust

from leanpix.domain.worst_place import WorstPlace
from leanpix.engine import CompressionOptions, OutputFormat, compress, score
from leanpix.engine.judging.worst_place import WorstPlaces

Pixels = NDArray[np.uint8]
Encode = Callable[[Path, int], bytes]
SLACK = 1.02
CROP_PX = 96
BEFORE = """
import sys
from pathlib import Path
from leanpix.engine import CompressionOptions, OutputFormat, compress
options = CompressionOptions(format=OutputFormat(sys.argv[2]))
sys.stdout.buffer.write(compress(Path(sys.argv[1]).read_bytes(), options).data)
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One encoder's result."""

    name: str
    data: bytes
    pixels: Pixels
    score: float
    worst: WorstPlace


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--to", type=Path, default=Path("build/look"))
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        sections = [
            section(path, form, given.before)
            for path in given.pictures or made_pictures(Path(folder))
            for form in (OutputFormat.JPG, OutputFormat.WEBP, OutputFormat.PNG)
        ]
    page = given.to / "index.html"
    page.write_text(PAGE.format(body="\n".join(sections)), encoding="utf-8")
    print(page)


def made_pictures(folder: Path) -> Iterator[Path]:
    """One of each kind, without alpha."""
    for kind in trust.KINDS:
        picture = kind(1)
        if picture.pixels.shape[2] == 3:
            path = folder / f"{picture.name.replace(' ', '_')}.png"
            Image.fromarray(picture.pixels).save(path)
            yield path


def section(path: Path, form: OutputFormat, before: Path | None) -> str:
    """The figures and the crops of one picture in one format."""
    source = pixels_of(path.read_bytes())
    places = WorstPlaces(source)

    def shown(name: str, data: bytes) -> Shown:
        pixels = pixels_of(data)
        return Shown(name, data, pixels, score(source, pixels), places.worst(pixels)[0])

    ours = shown("leanpix", compress(path.read_bytes(), CompressionOptions(format=form)).data)
    others = [] if before is None else [shown("leanpix before", older(before, path, form))]
    for name, encode in peers(form).items():
        data = of_equal_bytes(encode, path, SLACK * len(ours.data))
        if data is not None:
            others.append(shown(name, data))
    place = next((one.worst for one in others if one.name == "leanpix before"), ours.worst)
    print(f"{path.name} {form.value}: {len(ours.data)} bytes, {ours.score:.1f}, {ours.worst.ratio:.2f}", flush=True)

    rows = "".join(row(one) for one in (ours, *others))
    crops = "".join(crop(name, pixels, place) for name, pixels in crops_of(source, ours, others))
    title = html.escape(f"{path.stem.replace('_', ' ')}, {form.value.upper()}")
    head = "<tr><th>encoder<th>bytes<th>score<th>worst place<th>times its bound</tr>"
    return f"<section><h2>{title}</h2><table>{head}{rows}</table><div>{crops}</div></section>"


def crops_of(source: Pixels, ours: Shown, others: list[Shown]) -> Iterator[tuple[str, Pixels]]:
    """What is shown, in its order."""
    yield "source", source
    for one in (ours, *others):
        yield one.name, one.pixels


def peers(form: OutputFormat) -> dict[str, Encode]:
    """Those that are here, by name: a quality of 1 to 100 to bytes."""
    found: dict[str, Encode] = {}
    if form is OutputFormat.JPG:
        found["Pillow 4:4:4"] = by_pillow
    if form is OutputFormat.WEBP and shutil.which("cwebp"):
        found["cwebp"] = lambda path, quality: by_command("cwebp", "-quiet", "-q", str(quality), str(path), "-o", "-")
        found["cwebp -sharp_yuv"] = lambda path, quality: by_command(
            *("cwebp", "-quiet", "-sharp_yuv", "-q", str(quality), str(path), "-o", "-")
        )
    if form is OutputFormat.PNG and shutil.which("pngquant"):
        found["pngquant"] = lambda path, quality: by_command(
            *("pngquant", "--quality", f"0-{quality}", "--speed", "1", "-o", "-", str(path))
        )
    if (PEERS_FOLDER / "node_modules" / "sharp").is_dir():
        found["sharp"] = lambda path, quality: by_sharp(path, form, quality)
    return found


def by_pillow(path: Path, quality: int) -> bytes:
    """JPEG with whole chroma."""
    file = io.BytesIO()
    Image.open(path).convert("RGB").save(file, "JPEG", quality=quality, subsampling=0, optimize=True, progressive=True)
    return file.getvalue()


def by_command(*words: str) -> bytes:
    """What a program writes."""
    return subprocess.run(words, check=True, capture_output=True).stdout


def by_sharp(path: Path, form: OutputFormat, quality: int) -> bytes:
    """By sharp's defaults, mozjpeg for JPEG."""
    encode = sharp("jpeg", mozjpeg=True) if form is OutputFormat.JPG else sharp(form.value)
    return encode(path, quality).data


def of_equal_bytes(encode: Encode, path: Path, most_bytes: float) -> bytes | None:
    """The finest setting within so many bytes; None where the coarsest takes more."""
    low, high, best = 1, 100, None
    while low <= high:
        middle = (low + high) // 2
        data = encode(path, middle)
        if len(data) <= most_bytes:
            best, low = data, middle + 1
        else:
            high = middle - 1
    return best


def older(python: Path, path: Path, form: OutputFormat) -> bytes:
    """An older checkout's result."""
    return by_command(str(python), "-c", BEFORE, str(path), form.value)


def pixels_of(data: bytes) -> Pixels:
    """A file's pixels by Pillow."""
    return np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def row(one: Shown) -> str:
    """Figures of one result."""
    figures = f"<td>{len(one.data):,}<td>{one.score:.1f}<td>{one.worst.measure.value}<td>{one.worst.ratio:.2f}"
    return f"<tr{' class=over' if one.worst.ratio > 1 else ''}><td>{html.escape(one.name)}{figures}</tr>"


def crop(name: str, pixels: Pixels, place: WorstPlace) -> str:
    """The place at 200 %, as a picture in the page."""
    height, width = pixels.shape[:2]
    left = max(0, min(place.left_px + place.width_px // 2 - CROP_PX // 2, width - CROP_PX))
    top = max(0, min(place.top_px + place.height_px // 2 - CROP_PX // 2, height - CROP_PX))
    return figure(name, pixels[top : top + CROP_PX, left : left + CROP_PX])


def figure(name: str, pixels: Pixels) -> str:
    """Pixels at 200 %, with a name below."""
    part, file = Image.fromarray(pixels), io.BytesIO()
    part.resize((2 * part.width, 2 * part.height), Image.Resampling.NEAREST).save(file, "PNG")
    shown = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure><img src="data:image/png;base64,{shown}" alt=""><figcaption>{html.escape(name)}</figcaption></figure>'
    )


PAGE = """<!doctype html><meta charset="utf-8"><title>Worst places</title>
<style>
body {{ font: 15px/1.4 sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }}
td, th {{ padding: .2rem .8rem; text-align: left }}
.over td:last-child {{ color: #b00 }}
figure {{ display: inline-block; margin: .5rem }}
figcaption {{ font-size: 13px }}
section {{ margin-bottom: 3rem }}
</style>
<h1>Worst places at equal bytes</h1>
<p>Automatic quality; peers at the finest setting within 2 % of its bytes. Over 1 a person sees the place.
Crops at 200 %.</p>
{body}
"""

if __name__ == "__main__":
    sys.exit(main())
