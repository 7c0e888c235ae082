"""The programs that the engine is compared with: each turns a picture file into bytes at a setting of its own."""

from __future__ import annotations

import io
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import oxipng
import PIL
import pyvips
from engine_metrics import BUTTERAUGLI
from PIL import Image, features

from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.codecs.jpeg import jpegli, jpegli_native
from leanpix.engine.libraries import native

PEERS_FOLDER = Path(".tools/peers")
SHARP_SCRIPT = Path(__file__).with_name("sharp_peer.mjs").resolve()


@dataclass(frozen=True, slots=True)
class Encoding:
    """A result and the CPU time, user and system, that the whole way from file to bytes took."""

    data: bytes
    cpu_s: float


Encode = Callable[[Path, int], Encoding]


@dataclass(frozen=True, slots=True)
class Peer:
    """A program with a quality setting; settings is the range that its curve is drawn over.

    most_pictures: for one that is too slow for all of them.
    """

    name: str
    encode: Encode
    settings: tuple[int, ...]
    most_pictures: int = sys.maxsize


def in_process(work: Callable[[Path, int], bytes]) -> Encode:
    """Time a function of this process."""

    def encode(path: Path, setting: int) -> Encoding:
        began = time.process_time()
        data = work(path, setting)
        return Encoding(data, time.process_time() - began)

    return encode


def command(*words: str, suffix: str = "") -> Encode:
    """Time a program; {in}, {out} and {setting} in its words are filled in. Its start counts as it would for a user.

    suffix: of the file that it is to write, for one that looks at the name.
    """

    def encode(path: Path, setting: int) -> Encoding:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"out{suffix}"
            filled = [w.format(**{"in": path, "out": target, "setting": setting}) for w in words]
            cpu_s = _children_cpu_s()
            subprocess.run(filled, check=True, capture_output=True)
            return Encoding(target.read_bytes(), _children_cpu_s() - cpu_s)

    return encode


def sharp(format_name: str, **options: object) -> Encode:
    """Time sharp inside a Node process of its own; the start of Node is not counted."""

    def encode(path: Path, setting: int) -> Encoding:
        with tempfile.TemporaryDirectory() as folder:
            target, jobs = Path(folder) / "out", Path(folder) / "jobs.json"
            job = {
                "source": str(path.resolve()),
                "target": str(target),
                "format": format_name,
                "options": {**options, "quality": setting},
            }
            # The first run loads the library's code pages; the second is timed.
            jobs.write_text(json.dumps([job, job]))
            done = subprocess.run(
                ["node", str(SHARP_SCRIPT), str(jobs)], check=True, capture_output=True, text=True, cwd=PEERS_FOLDER
            )
            cpu_s = json.loads(done.stdout.splitlines()[-1])["cpu_ms"] / 1000
            return Encoding(target.read_bytes(), cpu_s)

    return encode


def leanpix(output: OutputFormat) -> Encode:
    """The engine, asked for a quality."""

    def work(path: Path, quality: int) -> bytes:
        return compress(path.read_bytes(), CompressionOptions(format=output, quality=quality)).data

    return in_process(work)


def _without_extension(output: OutputFormat) -> Encode:
    """The same without leanpix's own extension, as where there was no compiler."""
    encode, loaded = leanpix(output), native.load_native

    def run(path: Path, setting: int) -> Encoding:
        native.load_native = jpegli_native.load_native = lambda: None
        jpegli._choice.cache_clear()  # noqa: SLF001 - the choice is made once a process, and this process needs both
        try:
            jpegli.jpegli_backend()  # chosen once a process: not this picture's time
            return encode(path, setting)
        finally:
            native.load_native = jpegli_native.load_native = loaded
            jpegli._choice.cache_clear()  # noqa: SLF001 - the same
            jpegli.jpegli_backend()

    return run


def pillow(format_name: str, **options: object) -> Encode:
    """Time Pillow at a quality."""

    def work(path: Path, quality: int) -> bytes:
        target = io.BytesIO()
        with Image.open(path) as image:
            image.convert("RGB").save(target, format_name, quality=quality, **options)
        return target.getvalue()

    return in_process(work)


def _jpegli(path: Path, quality: int) -> bytes:
    """The library as the engine reaches it, with halved chroma."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return jpegli.encode_jpegli(pixels, distance=jpegli.distance_from_quality(quality), subsampling="4:2:0")


def _oxipng(path: Path, _: int) -> bytes:
    data: bytes = oxipng.optimize_from_memory(path.read_bytes(), level=6, strip=oxipng.StripChunks.all())
    return data


_QUALITIES = (20, 35, 50, 62, 72, 80, 87, 92, 95)
_FEW_QUALITIES = (40, 60, 72, 80, 90)
_GUETZLI_QUALITIES = (84, 90, 95)
_AVIF_QUANTISERS = (46, 36, 28, 20, 12)


def jpeg_peers() -> list[Peer]:
    """JPEG encoders; leanpix first."""
    progressive = ("-strip", "-sampling-factor", "4:2:0", "-interlace", "Plane", "-quality", "{setting}", "jpg:{out}")
    cjpegli = ("cjpegli", "-q", "{setting}", "--chroma_subsampling", "420", "{in}", "{out}")
    return [
        Peer("leanpix", leanpix(OutputFormat.JPG), _QUALITIES),
        Peer("leanpix without its extension", _without_extension(OutputFormat.JPG), _QUALITIES),
        Peer("Pillow progressive", pillow("JPEG", progressive=True, optimize=True), _QUALITIES),
        Peer("sharp mozjpeg", sharp("jpeg", mozjpeg=True), _QUALITIES),
        Peer("cjpeg of mozjpeg", command("cjpeg", "-quality", "{setting}", "-outfile", "{out}", "{in}"), _QUALITIES),
        Peer("jpegli 4:2:0", in_process(_jpegli), _QUALITIES),
        Peer("cjpegli 4:2:0", command(*cjpegli, suffix=".jpg"), _QUALITIES),
        Peer("guetzli", command("guetzli", "--quality", "{setting}", "{in}", "{out}"), _GUETZLI_QUALITIES, 2),
        Peer("ImageMagick progressive", command("convert", "{in}", *progressive), _QUALITIES),
    ]


def webp_peers() -> list[Peer]:
    """WebP encoders; leanpix first."""
    four, six, sharp_six = (
        command("cwebp", "-quiet", "-m", *method, "-q", "{setting}", "{in}", "-o", "{out}")
        for method in (("4",), ("6",), ("6", "-sharp_yuv"))
    )
    return [
        Peer("leanpix", leanpix(OutputFormat.WEBP), _QUALITIES),
        Peer("Pillow", pillow("WEBP"), _QUALITIES),
        Peer("sharp", sharp("webp"), _QUALITIES),
        Peer("cwebp -m 4", four, _QUALITIES),
        Peer("cwebp -m 6", six, _QUALITIES),
        Peer("cwebp -m 6 -sharp_yuv", sharp_six, _QUALITIES),
    ]


def other_peers() -> list[Peer]:
    """What takes fewer bytes than JPEG where it is read; leanpix's JPEG first, for comparison."""
    avif = ("avifenc", "-j", "1", "-s", "6", "--min", "{setting}", "--max", "{setting}", "{in}", "{out}")
    return [
        Peer("leanpix JPEG", leanpix(OutputFormat.JPG), _FEW_QUALITIES),
        Peer("leanpix AVIF", leanpix(OutputFormat.AVIF), _FEW_QUALITIES),
        Peer("avifenc -s 6", command(*avif, suffix=".avif"), _AVIF_QUANTISERS),
        Peer("leanpix JPEG XL", leanpix(OutputFormat.JXL), _FEW_QUALITIES),
        Peer(
            "cjxl -e 7",
            command("cjxl", "--num_threads=0", "-e", "7", "-q", "{setting}", "{in}", "{out}", suffix=".jxl"),
            _FEW_QUALITIES,
        ),
    ]


def png_peers() -> list[Peer]:
    """Palettes at their usual setting; leanpix first."""
    quant = command("pngquant", "--quality", "0-{setting}", "--strip", "--output", "{out}", "{in}")
    return [
        Peer("leanpix", leanpix(OutputFormat.PNG), (80,)),
        Peer("pngquant", quant, (80,)),
        Peer("sharp palette", sharp("png", palette=True), (80,)),
        Peer("oxipng at its highest level, without loss", in_process(_oxipng), (80,)),
    ]


@dataclass(frozen=True, slots=True)
class Sized:
    """A result that aimed at a size; encodes where the program tells."""

    data: bytes
    limit: int
    cpu_s: float
    encodes: int | None = None


def sized(output: OutputFormat) -> dict[str, Callable[[Path, int], Sized]]:
    """Programs that aim at a size in bytes; leanpix first."""
    others = {
        OutputFormat.JPG: {
            "ImageMagick jpeg:extent": command(
                "convert", "{in}", "-strip", "-define", "jpeg:extent={setting}b", "jpg:{out}"
            ),
            "jpegoptim --size": _jpegoptim,
        },
        OutputFormat.WEBP: {"cwebp -size": command("cwebp", "-quiet", "-size", "{setting}", "{in}", "-o", "{out}")},
    }
    return {"leanpix": _leanpix_sized(output)} | {name: _aiming(encode) for name, encode in others[output].items()}


def _leanpix_sized(output: OutputFormat) -> Callable[[Path, int], Sized]:
    def run(path: Path, limit: int) -> Sized:
        began = time.process_time()
        made = compress(path.read_bytes(), CompressionOptions(format=output, max_bytes=limit))
        return Sized(made.data, limit, time.process_time() - began, made.report.encodes)

    return run


def _aiming(encode: Encode) -> Callable[[Path, int], Sized]:
    def run(path: Path, limit: int) -> Sized:
        made = encode(path, limit)
        return Sized(made.data, limit, made.cpu_s)

    return run


def _jpegoptim(path: Path, max_bytes: int) -> Encoding:
    """It works on JPEG files only: it is given the picture at quality 98, which is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.jpg"
        with Image.open(path) as image:
            image.convert("RGB").save(source, quality=98, subsampling=0)
        size_k = max(1, max_bytes // 1024)
        words = ("jpegoptim", "-q", "--strip-all", "--all-progressive", f"--size={size_k}", str(source))
        cpu_s = _children_cpu_s()
        subprocess.run(words, check=True)
        return Encoding(source.read_bytes(), _children_cpu_s() - cpu_s)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_PROGRAMS = {
    "ImageMagick": ("convert", "-version"), "jpegoptim": ("jpegoptim", "--version"),
    "pngquant": ("pngquant", "--version"), "cwebp": ("cwebp", "-version"), "cjpegli": ("cjpegli", "--version"),
    "cjpeg": ("cjpeg", "-version"),
    "guetzli": ("guetzli", ""), "avifenc": ("avifenc", "--version"), "cjxl": ("cjxl", "--version"),
    "Butteraugli": (BUTTERAUGLI, ""),
}  # fmt: skip
"""By the first word of a peer's name: its program, and what makes that tell its version."""


def missing() -> list[str]:
    """The peers that are not installed here, by name."""
    absent = [name for name, (program, _) in _PROGRAMS.items() if shutil.which(program) is None]
    if "cjpeg" not in absent and not _version("cjpeg", "-version")[0].endswith("mozjpeg"):
        absent.append("cjpeg")
    has_sharp = shutil.which("node") is not None and (PEERS_FOLDER / "node_modules" / "sharp").is_dir()
    return absent if has_sharp else [*absent, "sharp"]


def versions() -> list[str]:
    """What was compared, for the record."""
    lines = [
        f"libvips {'.'.join(str(pyvips.version(part)) for part in range(3))}",
        f"Pillow {PIL.__version__} with libwebp {features.version('webp')}",
        f"JPEG by {jpegli.jpegli_backend().split(':')[0]} jpegli",
    ]
    package = PEERS_FOLDER / "node_modules" / "sharp" / "package.json"
    if package.is_file():
        lines.append(f"sharp {json.loads(package.read_text())['version']}")
    for program, option in _PROGRAMS.values():
        lines.extend(_version(program, option) if option else [])
    return lines


def _version(name: str, option: str) -> list[str]:
    if shutil.which(name) is None:
        return []
    done = subprocess.run([name, option], check=False, capture_output=True, text=True)
    told = done.stdout or done.stderr
    number = re.search(r"\d+(\.\d+)+[-\w]*", told)
    maker = " of mozjpeg" if "mozjpeg" in told else ""  # others have programs of that name
    return [f"{name} {number.group() if number else 'of an unknown version'}{maker}"]
