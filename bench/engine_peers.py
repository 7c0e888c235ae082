"""The programs that the engine is compared with: each turns a picture file into bytes at a setting of its own."""

from __future__ import annotations

import io
import json
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from leanpix.engine import CompressionOptions, OutputFormat, compress

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
    """A program with a quality setting; settings is the range that its curve is drawn over."""

    name: str
    encode: Encode
    settings: tuple[int, ...]


def in_process(work: Callable[[Path, int], bytes]) -> Encode:
    """Time a function of this process."""

    def encode(path: Path, setting: int) -> Encoding:
        began = time.process_time()
        data = work(path, setting)
        return Encoding(data, time.process_time() - began)

    return encode


def command(*words: str) -> Encode:
    """Time a program; {in}, {out} and {setting} in its words are filled in. Its start counts as it would for a user."""

    def encode(path: Path, setting: int) -> Encoding:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "out"
            filled = [w.format(**{"in": path, "out": target, "setting": setting}) for w in words]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(filled, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            return Encoding(target.read_bytes(), cpu_s)

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


def _leanpix(output: OutputFormat) -> Encode:
    def work(path: Path, quality: int) -> bytes:
        return compress(path.read_bytes(), CompressionOptions(format=output, quality=quality)).data

    return in_process(work)


def _pillow(format_name: str, **options: object) -> Encode:
    def work(path: Path, quality: int) -> bytes:
        target = io.BytesIO()
        with Image.open(path) as image:
            image.convert("RGB").save(target, format_name, quality=quality, **options)
        return target.getvalue()

    return in_process(work)


_QUALITIES = (20, 35, 50, 62, 72, 80, 87, 92, 95)


def jpeg_peers() -> list[Peer]:
    """JPEG encoders; leanpix first."""
    progressive = ("-strip", "-sampling-factor", "4:2:0", "-interlace", "Plane", "-quality", "{setting}", "jpg:{out}")
    return [
        Peer("leanpix", _leanpix(OutputFormat.JPG), _QUALITIES),
        Peer("Pillow progressive", _pillow("JPEG", progressive=True, optimize=True), _QUALITIES),
        Peer("sharp mozjpeg", sharp("jpeg", mozjpeg=True), _QUALITIES),
        Peer("ImageMagick progressive", command("convert", "{in}", *progressive), _QUALITIES),
    ]


def webp_peers() -> list[Peer]:
    """WebP encoders; leanpix first."""
    cwebp = command("cwebp", "-quiet", "-m", "4", "-q", "{setting}", "{in}", "-o", "{out}")
    return [
        Peer("leanpix", _leanpix(OutputFormat.WEBP), _QUALITIES),
        Peer("Pillow", _pillow("WEBP"), _QUALITIES),
        Peer("sharp", sharp("webp"), _QUALITIES),
        Peer("cwebp -m 4", cwebp, _QUALITIES),
    ]


def png_peers() -> list[Peer]:
    """Palettes at their usual setting; leanpix first."""
    quant = command("pngquant", "--quality", "0-{setting}", "--strip", "--output", "{out}", "{in}")
    return [
        Peer("leanpix", _leanpix(OutputFormat.PNG), (80,)),
        Peer("pngquant", quant, (80,)),
        Peer("sharp palette", sharp("png", palette=True), (80,)),
    ]


def sized(path: Path, max_bytes: int) -> dict[str, Callable[[], bytes]]:
    """Programs that aim at a size."""
    image_magick = command("convert", "{in}", "-strip", "-define", "jpeg:extent={setting}b", "jpg:{out}")
    return {
        "leanpix": lambda: (
            compress(path.read_bytes(), CompressionOptions(format=OutputFormat.JPG, max_bytes=max_bytes)).data
        ),
        "ImageMagick jpeg:extent": lambda: image_magick(path, max_bytes).data,
        "jpegoptim --size": lambda: _jpegoptim(path, max_bytes),
    }


def _jpegoptim(path: Path, max_bytes: int) -> bytes:
    """It works on JPEG files only: it is given the picture at quality 98."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.jpg"
        with Image.open(path) as image:
            image.convert("RGB").save(source, quality=98, subsampling=0)
        size_k = max(1, max_bytes // 1024)
        subprocess.run(
            ["jpegoptim", "-q", "--strip-all", "--all-progressive", f"--size={size_k}", str(source)], check=True
        )
        return source.read_bytes()


def missing() -> list[str]:
    """The peers that are not installed here, by name."""
    programs = {"ImageMagick": "convert", "jpegoptim": "jpegoptim", "pngquant": "pngquant", "cwebp": "cwebp"}
    absent = [name for name, program in programs.items() if shutil.which(program) is None]
    has_sharp = shutil.which("node") is not None and (PEERS_FOLDER / "node_modules" / "sharp").is_dir()
    return absent if has_sharp else [*absent, "sharp"]


def versions() -> list[str]:
    """What was compared, for the record."""
    lines = []
    for words in (
        ["convert", "-version"],
        ["jpegoptim", "--version"],
        ["pngquant", "--version"],
        ["cwebp", "-version"],
    ):
        if shutil.which(words[0]) is not None:
            done = subprocess.run(words, check=False, capture_output=True, text=True)
            lines.append(f"{words[0]}: {(done.stdout or done.stderr).splitlines()[0].removeprefix('Version: ')[:60]}")
    package = PEERS_FOLDER / "node_modules" / "sharp" / "package.json"
    if package.is_file():
        lines.append(f"sharp: {json.loads(package.read_text())['version']}")
    return lines
