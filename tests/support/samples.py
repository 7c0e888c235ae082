"""Sample pictures made on the spot: stand-ins for the corpus' files, by their names, where the corpus is not there.

Deterministic and small: what looks like a photograph, drawings, alpha, animations, profiles, every source format. They
have what a test asks of the file they stand for; what only a real photograph has (`needs_photographs`) they have not.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw
from tests.support.icc import ADOBE_RGB, D65, DISPLAY_P3, PROPHOTO, gray_profile, rgb_profile, to_xyz

Pixels = NDArray[np.uint8]
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
FOLDER = Path(__file__).resolve().parents[2] / ".tools" / "samples"
ORIENTATION = 0x0112


# ---- Subjects --------------------------------------------------------------------------------------------------------


@cache
def photo(seed: int, width: int = 768, height: int = 512) -> Pixels:
    """Shapes with soft and hard edges, shading, texture of several sizes and a little grain: (height, width, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    scene = np.stack([120 + 70 * (y / height) + 20 * band for band in range(3)], axis=2)
    for _ in range(14):
        middle, radius = random.uniform(0, (height, width)), random.uniform(30, 160)
        outside = (np.hypot(y - middle[0], x - middle[1]) - radius) / random.uniform(0.6, 6)
        inside = 1 / (1 + np.exp(np.clip(outside, -50, 50)))
        shade = random.uniform(30, 225, 3) + random.uniform(-0.25, 0.25) * (x - middle[1])[..., None]
        scene += inside[..., None] * (shade - scene)
    for cell in (3, 7, 19):
        rough = random.normal(0, 1, (height // cell + 2, width // cell + 2))
        grown = Image.fromarray(rough.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        scene += 7 * np.asarray(grown)[..., None] * (0.4 + 0.6 * np.sin(x / 90 + y / 130 + seed))[..., None]
    scene += random.normal(0, 2, scene.shape)
    pixels: Pixels = np.clip(scene, 0, 255).astype(np.uint8)
    return pixels


def drawing(width: int = 480, height: int = 320, *, saturated: bool = False) -> Image.Image:
    """Flat shapes, thin lines and letters; or a board of saturated fields."""
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    if saturated:
        colours = ["#ff0000", "#0000ff", "#00c000", "#ff00ff", "#ffff00", "#00ffff"]
        for left in range(0, width, 5):
            for top in range(0, height, 5):
                pen.rectangle(
                    (left, top, left + 4, top + 4), fill=colours[(left // 5 * 7 + top // 5 * 5 + top // 35) % 6]
                )
        return image
    for number in range(12):
        left, top = number * 37 % (width - 90), number * 61 % (height - 60)
        pen.rectangle(
            (left, top, left + 80, top + 50), fill=("#d22", "#26c", "#2a3", "#eee")[number % 4], outline="black"
        )
        pen.text((left + 6, top + 18), f"Figure {number}", fill="black")
        pen.line((0, top, width, height - top), fill="#555")
    return image


def product(side: int, *, alpha: bool) -> Image.Image:
    """Something shaded in the middle of pure white, or of nothing."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    inside = np.clip((0.3 - np.hypot(x, y)) * side / 3, 0, 1)
    colour = np.stack([150 + 120 * x, 90 + 90 * y, 200 - 90 * x], axis=2)
    if alpha:
        return Image.fromarray(np.dstack([colour, inside * 255]).clip(0, 255).astype(np.uint8))
    return Image.fromarray((255 + inside[..., None] * (colour - 255)).clip(0, 255).astype(np.uint8))


def in_space(pixels: Pixels, space: tuple[Any, Any, float]) -> Image.Image:
    """sRGB pixels as the values that look the same in another space."""
    white, primaries, gamma = space
    coded = pixels / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    change = np.linalg.inv(to_xyz(white, primaries)) @ to_xyz(D65, SRGB_PRIMARIES)
    other = np.clip(linear @ change.T, 0, 1) ** (1 / gamma)
    return Image.fromarray((other * 255).round().astype(np.uint8))


def cmyk(pixels: Pixels) -> Image.Image:
    """By the plain rule, with as much black as there is."""
    ink = 255 - pixels.astype(np.int16)
    black = ink.min(axis=2, keepdims=True)
    return Image.frombytes(
        "CMYK",
        (pixels.shape[1], pixels.shape[0]),
        np.concatenate([ink - black, black], axis=2).astype(np.uint8).tobytes(),
    )


def hopper() -> Image.Image:
    """A small photograph."""
    return Image.fromarray(photo(23)[100:228, 300:428])


# ---- Files -----------------------------------------------------------------------------------------------------------


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """By Pillow."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def vips(pixels: NDArray[Any], suffix: str, **options: Any) -> bytes:
    """By libvips, 16 bits and floats too."""
    made = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    kinds = {np.dtype(np.uint16): ("grey16", "rgb16"), np.dtype(np.uint8): ("b-w", "srgb")}[pixels.dtype]
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    data: bytes = made.copy(interpretation=kinds[bands > 2]).write_to_buffer(suffix, **options)
    return data


def deep(bands: int) -> NDArray[np.uint16]:
    """A ramp of 16 bits a sample."""
    y, x = np.mgrid[0:64, 0:64].astype(np.uint32)
    planes = [(x * 1023 + y * 17) % 65536, (y * 1021 + x * 5) % 65536, (x * y * 16) % 65536, (x + y) * 500]
    return np.stack(planes[:bands] if bands != 2 else [planes[0], planes[3]], axis=2).astype(np.uint16)


def oriented(number: int) -> Image.Image:
    """The photograph stored in such a way that this EXIF orientation turns it upright."""
    names = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = Image.fromarray(photo(3, 600, 450))
    return upright if number == 1 else upright.transpose(names[number])


def with_orientation(picture: Image.Image, number: int, kind: str) -> bytes:
    """As a file whose EXIF says this orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = number
    return saved(picture, kind, exif=exif, quality=92)


def oriented_webp() -> bytes:
    """With the prefix before EXIF that cameras write, ImageMagick needs and Pillow leaves out."""
    data = with_orientation(hopper().transpose(Image.Transpose.TRANSPOSE), 5, "WEBP")
    at = data.index(b"EXIF")
    exif = b"Exif\0\0" + data[at + 8 : at + 8 + struct.unpack("<I", data[at + 4 : at + 8])[0]]
    chunks = data[12:at] + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def bmp(bits: int, masks: tuple[int, ...], words: NDArray[Any]) -> bytes:
    """A BMP of (rows, width) words with masks of its own, from the bottom up."""
    rows, width = words.shape
    body = b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in words[::-1])
    four = len(masks) == 4
    info = struct.pack("<IiiHHIIiiII", 108 if four else 40, width, rows, 1, bits, 3, len(body), 2835, 2835, 0, 0)
    info += struct.pack(f"<{len(masks)}I", *masks) + (b"BGRs" + bytes(48) if four else b"")
    return struct.pack("<2sIHHI", b"BM", 14 + len(info) + len(body), 0, 0, 14 + len(info)) + info + body


def bmp_565() -> bytes:
    pixels = np.asarray(hopper()).astype(np.uint16)
    words = (pixels[..., 0] >> 3) << 11 | (pixels[..., 1] >> 2) << 5 | pixels[..., 2] >> 3
    return bmp(16, (0xF800, 0x07E0, 0x001F), words.astype("<u2"))


def bmp_rgba() -> bytes:
    pixels = np.dstack([np.asarray(hopper()), np.full((128, 128), 200)]).astype(np.uint32)
    words = pixels[..., 3] << 24 | pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    return bmp(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), words.astype("<u4"))


def animated_gif(frames: int, disposal: int, side: int = 120) -> bytes:
    """A disc that wanders; disposal as GIF has it."""
    images = []
    for number in range(frames):
        image = Image.new("P", (side, side), 0)
        image.putpalette([255, 255, 255, 210, 30, 30, 30, 60, 200, 0, 0, 0])
        pen = ImageDraw.Draw(image)
        pen.ellipse((10 + 9 * number, 20, 60 + 9 * number, 70), fill=1 + number % 2)
        pen.text((20, 90), f"frame {number}", fill=3)
        images.append(image)
    first, *others = images
    return saved(
        first, "GIF", save_all=True, append_images=others, loop=3, duration=[80 + 20 * n for n in range(frames)],
        disposal=disposal, transparency=0, optimize=False,
    )  # fmt: skip


def animated(kind: str) -> bytes:
    """A shaded disc that wanders over nothing, as APNG or animated WebP."""
    small = product(90, alpha=True)
    frames = []
    for number in range(5):
        frame = Image.new("RGBA", (160, 100))
        frame.paste(small, (12 * number, 4), small)
        frames.append(frame)
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {"disposal": 1, "blend": 0}
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=90, loop=0, **options)


def transparent_palette(kind: str) -> bytes:
    """A palette with colours that are partly transparent."""
    image = hopper().quantize(32)
    alphas = bytes([0, 128, *[255] * 30]) if kind == "PNG" else 0
    return saved(image, kind, transparency=alphas)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, rows: int, bits: int, kind: int, lines: bytes, *more: bytes) -> bytes:
    """A PNG of filtered lines."""
    header = struct.pack(">IIBBBBB", width, rows, bits, kind, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), *more, png_chunk(b"IDAT", zlib.compress(lines, 9)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_with_transparent_colour() -> bytes:
    """RGB of 16 bits with one colour that is transparent."""
    pixels = deep(3)
    pixels[8:24, 8:24] = (1000, 2000, 3000)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(64, 64, 16, 2, lines, png_chunk(b"tRNS", struct.pack(">3H", 1000, 2000, 3000)))


def dng(orientation: int) -> bytes:
    """A camera raw of 12 bits in 16, Bayer mosaic, with a small RGB thumbnail in front of it."""
    scene = np.asarray(Image.fromarray(photo(5)).resize((320, 240)), np.uint16) << 4
    mosaic = scene[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = scene[0::2, 0::2, 0], scene[1::2, 1::2, 2]
    thumbnail, raw = bytes(64 * 48 * 3), mosaic.astype("<u2").tobytes()
    matrix = [round(10000 * value) for value in np.linalg.inv(to_xyz(D65, SRGB_PRIMARIES)).ravel()]
    common: list[tuple[int, int, list[int] | bytes]] = [
        (259, 3, [1]), (274, 3, [orientation]), (277, 3, [3]), (284, 3, [1]),
    ]  # fmt: skip
    first = [
        (254, 4, [1]), (256, 4, [64]), (257, 4, [48]), (258, 3, [8, 8, 8]), (262, 3, [2]), (271, 2, b"Test\0"),
        (272, 2, b"Test camera\0"), (273, 4, [-1]), (278, 4, [48]), (279, 4, [len(thumbnail)]), *common, (330, 4, [-3]),
        (50706, 1, bytes([1, 4, 0, 0])), (50708, 2, b"Test camera\0"),
        (50721, 10, [part for value in matrix for part in (value, 10000)]), (50728, 5, [1, 2, 1, 1, 1, 2]),
        (50778, 3, [21]),
    ]  # fmt: skip
    second = [
        (254, 4, [0]), (256, 4, [320]), (257, 4, [240]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
        (273, 4, [-2]), (277, 3, [1]), (278, 4, [240]), (279, 4, [len(raw)]), (284, 3, [1]), (33421, 3, [2, 2]),
        (33422, 1, bytes([0, 1, 1, 2])), (50714, 5, [0, 1]), (50717, 4, [4095]),
    ]  # fmt: skip
    return _tiff([first, second], {-1: thumbnail, -2: raw})


def _tiff(directories: list[Any], blobs: dict[int, bytes]) -> bytes:
    """A little-endian TIFF: the second directory is the first's SubIFD (-3), strips are blobs by their number."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
    codes = {3: "H", 4: "I", 5: "I", 10: "i"}
    lengths = [2 + 12 * len(entries) + 4 for entries in directories]
    starts = [8 + sum(lengths[:number]) for number in range(len(directories))]
    place, tail, places = 8 + sum(lengths), b"", {}
    for number, blob in blobs.items():
        places[number] = place + len(tail)
        tail += blob + bytes(len(blob) % 2)
    places[-3] = starts[1]
    whole = b"II*\0" + struct.pack("<I", 8)
    for entries in directories:
        whole += struct.pack("<H", len(entries))
        for tag, kind, values in sorted(entries):
            if isinstance(values, bytes):
                content, count = values, len(values)
            else:
                numbers = [places.get(value, value) for value in values] if kind == 4 else values
                content = struct.pack(f"<{len(numbers)}{codes[kind]}", *numbers)
                count = len(content) // sizes[kind]
            if len(content) > 4:
                offset, tail = place + len(tail), tail + content + bytes(len(content) % 2)
                content = struct.pack("<I", offset)
            whole += struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")
        whole += bytes(4)
    return whole + tail


def lab_tiff() -> bytes:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    image = ImageCms.applyTransform(hopper(), to_lab)
    assert image is not None
    return saved(image, "TIFF")


def p3_bars() -> bytes:
    """Colours that only a wide gamut has."""
    bars = np.zeros((64, 192, 3), np.uint8)
    for number, colour in enumerate(
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (128, 128, 128)]
    ):
        bars[:, 32 * number : 32 * number + 32] = colour
    return saved(Image.fromarray(bars), "PNG", icc_profile=rgb_profile(*DISPLAY_P3, name="a wide gamut"))


def exchanged() -> bytes:
    """Values whose profile says that the first is green, the second blue, the third red."""
    profile = rgb_profile(D65, SRGB_PRIMARIES, 2.2, order=(1, 2, 0))
    return saved(Image.fromarray(photo(7)[:200, :200][..., [1, 2, 0]]), "PNG", icc_profile=profile)


def in_cmyk_of_a_press() -> bytes:
    """By libvips' own CMYK profile, which stays in the file."""
    image = pyvips.Image.new_from_array(photo(9)[:256, :256]).copy(interpretation="srgb")
    data: bytes = image.icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(Q=92)
    return data


def _landscape(number: int) -> bytes:
    return with_orientation(oriented(number), number, "JPEG")


def _photo(seed: int) -> bytes:
    return saved(Image.fromarray(photo(seed)), "PNG")


def _in_space(space: tuple[Any, Any, float], kind: str) -> bytes:
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True}
    return saved(in_space(photo(23), space), kind, icc_profile=rgb_profile(*space), **options)


STAND_INS: dict[str, Callable[[], bytes]] = {
    **{f"a_Z_kodim{n:02}.png": partial(_photo, n) for n in (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23)},
    **{f"d_S_Landscape_{n}.jpg": partial(_landscape, n) for n in range(1, 9)},
    "b_C_LodeRunner.png": lambda: saved(drawing().quantize(16), "PNG", bits=4),
    "b_F_simulator_screenie.png": lambda: saved(drawing(800, 600), "PNG"),
    "b_H_PNG_transparency_demonstration_1.png": lambda: saved(product(320, alpha=True), "PNG"),
    "b_L_colorful_chessboards.png": lambda: saved(drawing(saturated=True), "PNG"),
    "b_Q_example_palette.png": lambda: saved(Image.fromarray(photo(15)).quantize(200), "PNG"),
    "b_gen_product_alpha_1600.png": lambda: saved(product(1600, alpha=True), "PNG"),
    "b_gen_product_white_1600.jpg": lambda: saved(product(1600, alpha=False), "JPEG", quality=92),
    "b_gen_product_white_2400.jpg": lambda: saved(product(2400, alpha=False), "JPEG", quality=92),
    "b_Z_artificial.png": lambda: saved(drawing(1024, 768), "PNG"),
    "c_B_jpg-8bit-grey-icc-dot-gain.jpg": lambda: saved(
        hopper().convert("L"), "JPEG", quality=92, icc_profile=gray_profile(1.75)
    ),
    "c_F_IMG_9266_16b_rgb_le_interleaved.tif": lambda: vips(
        np.asarray(in_space(photo(11), ADOBE_RGB)).astype(np.uint16) * 257, ".tif", profile=_written_profile(ADOBE_RGB)
    ),
    "c_K_basn0g01.png": lambda: saved(drawing(96, 64).convert("1"), "PNG"),
    "c_K_basn6a16.png": lambda: vips(deep(4), ".png"),
    "c_K_tbbn3p08.png": lambda: transparent_palette("PNG"),
    "c_L_P3-sRGB-color-bars.png": p3_bars,
    "c_L_rgb-to-gbr-test.png": exchanged,
    "c_P_hopper.Lab.tif": lab_tiff,
    "c_S_16-bit-grey-alpha.png": lambda: vips(deep(2), ".png"),
    "c_S_Channel_digital_image_CMYK_color.jpg": in_cmyk_of_a_press,
    "c_S_Channel_digital_image_CMYK_color_no_profile.jpg": lambda: saved(cmyk(photo(9)), "JPEG", quality=92),
    "c_S_tbgn2c16.png": png_with_transparent_colour,
    "c_V_1bit.tif": lambda: saved(drawing(96, 64).convert("1"), "TIFF"),
    "c_gen_cmyk_adobe.jpg": lambda: saved(cmyk(photo(13)), "JPEG", quality=92),
    "c_gen_cmyk_lzw.tif": lambda: saved(cmyk(photo(13)), "TIFF", compression="tiff_lzw"),
    **{
        f"c_gen_photo_{name}.{ending}": partial(_in_space, space, kind)
        for name, space in (("adobergb", ADOBE_RGB), ("p3", DISPLAY_P3), ("prophoto", PROPHOTO))
        for ending, kind in (("jpg", "JPEG"), ("webp", "WEBP"))
    },
    "d_I_ball.png": lambda: animated("PNG"),
    "d_M_rgb16-565.bmp": bmp_565,
    "d_M_rgba32.bmp": bmp_rgba,
    "d_P_dispose_prev.gif": lambda: animated_gif(4, disposal=3),
    "d_P_hopper.rgb": lambda: saved(hopper(), "SGI"),
    "d_P_hopper.sgi": lambda: saved(hopper(), "SGI"),
    "d_P_hopper_bigtiff.tif": lambda: saved(hopper(), "TIFF", big_tiff=True),
    "d_P_hopper_lzw.tif": lambda: saved(hopper(), "TIFF", compression="tiff_lzw"),
    "d_P_hopper_orientation_5.webp": oriented_webp,
    "d_P_iss634.webp": lambda: animated("WEBP"),
    "d_P_tiff_adobe_deflate.tif": lambda: saved(hopper(), "TIFF", compression="tiff_adobe_deflate"),
    "d_P_tiff_tiled_ycbcr_jpeg_2x2_sampling.tif": lambda: vips(
        photo(17)[:256, :256], ".tif", compression="jpeg", tile=True, Q=85
    ),
    "d_P_transparent.gif": lambda: transparent_palette("GIF"),
    "d_R_RAW_KODAK_DC50_é.KDC": lambda: dng(1),
    "d_S_5_webp_a.webp": lambda: saved(product(300, alpha=True), "WEBP", quality=90),
    "d_S_animated-loop-3.gif": lambda: animated_gif(8, disposal=2),
    "d_V_dispose-background.gif": lambda: animated_gif(5, disposal=2, side=80),
    "d_gen_photo.bmp": lambda: saved(Image.fromarray(photo(3)), "BMP"),
    "d_gen_photo_progressive.jpg": lambda: saved(Image.fromarray(photo(3)), "JPEG", quality=92, progressive=True),
    "d_gen_raw_ljpeg_rotated.dng": lambda: dng(6),
    "d_gen_raw_uncompressed.dng": lambda: dng(1),
    "d_V_blankpage.pdf": lambda: b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    "d_V_logo.svg": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
    ),
    "e_M_Issue 247-1.nef": lambda: dng(1),
    "e_H_16384x16384.png": lambda: png(16384, 16384, 1, 0, bytes(2049) * 16384),
    "e_P_truncated_image.png": lambda: _photo(1)[:200_000],
    "e_W_corrupted-icc-srgb.jpg": lambda: saved(hopper(), "JPEG", quality=92, icc_profile=b"no profile" * 30),
}

EXPECTED: dict[str, str] = {
    "d_V_blankpage.pdf": "rejected as not an image",
    "d_V_logo.svg": "rejected as not an image",
    "e_H_16384x16384.png": "rejected: pixels",
    "e_P_truncated_image.png": "clean error",
}
"""As the corpus' manifest has it; everything else is `ok`."""


def _written_profile(space: tuple[Any, Any, float]) -> str:
    """A profile's file, for libvips takes no bytes."""
    with tempfile.NamedTemporaryFile(suffix=".icc", delete=False) as file:
        file.write(rgb_profile(*space))
    return file.name


@cache
def _folder() -> Path:
    """Of samples made by this very file."""
    version = sha256(b"".join(Path(__file__).with_name(name).read_bytes() for name in ("samples.py", "icc.py")))
    folder = FOLDER / version.hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sample_file(name: str) -> Path | None:
    """The stand-in for a file of the corpus, made when it is first asked for; None where there is none."""
    if name not in STAND_INS:
        return None
    path = _folder() / name
    if not path.exists():
        part = path.with_name(f"{os.getpid()}-{name}")  # several test processes share the folder
        part.write_bytes(STAND_INS[name]())
        part.replace(path)
    return path
