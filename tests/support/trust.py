"""Pictures on which a mean score says yes and a person says no, made on the spot; another seed, another picture.

Each holds something that a little damage ruins: coloured letters and lines over a photograph, smooth ground, a night,
a panel next to its page's colour, a soft shadow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = NDArray[np.uint8]
INKS = ((225, 10, 30), (10, 50, 220), (200, 0, 190), (0, 140, 70), (250, 110, 0), (150, 20, 210))
FLOWERS = ((230, 40, 60), (240, 170, 30), (200, 60, 190), (250, 240, 235), (60, 120, 40), (30, 80, 30), (120, 60, 200))
WORDS = ("Sale -40 %", "New today", "Only 12 left", "Opens at nine", "Read more", "5 stars")


@dataclass(frozen=True, slots=True)
class TrustPicture:
    """name: of its kind. marked: the pixels that have to survive; all of them where the whole picture has to."""

    name: str
    pixels: Pixels
    marked: NDArray[np.bool_]


def texture(seed: int, width: int = 480, height: int = 320) -> Pixels:
    """A photograph's like: blurred noise of all sizes in muted colours, a few soft edges, a little grain."""
    rng = np.random.default_rng(seed)
    sum_of_sizes = np.zeros((height, width))
    for size in (4, 8, 16, 32, 64):
        small = rng.normal(0, 1, (height // size + 2, width // size + 2))
        layer = Image.fromarray(small.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        sum_of_sizes += np.asarray(layer) * size**0.7
    light = 118 + 40 * sum_of_sizes / sum_of_sizes.std()
    tint = Image.fromarray(rng.normal(0, 1, (4, 5)).astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    warm = 14 * np.asarray(tint)
    bands = np.dstack([light + warm, light, light - warm]) + rng.normal(0, 3, (height, width, 1))
    y, x = np.mgrid[0:height, 0:width]
    for _ in range(4):
        away = np.hypot(x - rng.integers(width), y - rng.integers(height))
        bands[away < rng.integers(25, 70)] *= rng.uniform(0.6, 1.25)
    blurred = Image.fromarray(np.clip(bands, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))
    return np.asarray(blurred).copy()


def caption(seed: int) -> TrustPicture:
    """A line of thin coloured letters over a photograph."""
    rng = np.random.default_rng(seed)
    picture = Image.fromarray(texture(seed))
    at = (int(rng.integers(8, 80)), int(rng.integers(10, picture.height - 40)))
    ImageDraw.Draw(picture).text(
        at, WORDS[rng.integers(len(WORDS))], fill=INKS[rng.integers(len(INKS))], font=_font(int(rng.integers(13, 24)))
    )
    return _drawn("caption", texture(seed), picture)


def badge(seed: int) -> TrustPicture:
    """A small outlined label over a larger photograph."""
    rng = np.random.default_rng(seed)
    ground = texture(seed, 960, 640)
    picture, ink = Image.fromarray(ground), INKS[rng.integers(len(INKS))]
    left, top = int(rng.integers(20, 800)), int(rng.integers(20, 560))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((left, top, left + 76, top + 46), fill=(252, 252, 250), outline=ink, width=2)
    draw.text((left + 16, top + 12), f"-{rng.integers(10, 70)} %", fill=ink, font=_font(18))
    return _drawn("badge", ground, picture)


def chart(seed: int) -> TrustPicture:
    """Lines of one pixel in several colours on white, a photograph beside them."""
    return _chart(seed, texture(seed))


def smooth_chart(seed: int) -> TrustPicture:
    """The same, the photograph out of focus."""
    blurred = Image.fromarray(texture(seed)).filter(ImageFilter.GaussianBlur(3))
    return _chart(seed, np.asarray(blurred).copy())


def _chart(seed: int, ground: Pixels) -> TrustPicture:
    rng = np.random.default_rng(seed)
    ground[:, : ground.shape[1] // 2] = 255
    picture = Image.fromarray(ground)
    draw = ImageDraw.Draw(picture)
    for ink in INKS[:5]:
        places = range(0, ground.shape[1] // 2, 20)
        draw.line([(x, int(picture.height * rng.random())) for x in places], fill=ink, width=1)
    return _drawn("chart", ground, picture)


def stars(seed: int) -> TrustPicture:
    """Coloured dots of a pixel or two, strewn over noise near black."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(16, 5, (320, 480, 3))
    lit = ground.copy()
    y, x = np.mgrid[-3:4, -3:4]
    for _ in range(int(rng.integers(250, 600))):
        down, across = int(rng.integers(4, 316)), int(rng.integers(4, 476))
        away = np.hypot(y - rng.uniform(-0.5, 0.5), x - rng.uniform(-0.5, 0.5))
        dot = np.exp(-((away / rng.uniform(0.8, 1.2)) ** 2))[:, :, None]
        lit[down - 3 : down + 4, across - 3 : across + 4] += dot * np.array(INKS[rng.integers(len(INKS))])
    marked = np.abs(lit - ground).max(axis=2) > 100
    return TrustPicture("stars", _whole("stars", np.round(lit)).pixels, marked)


def petals(seed: int) -> TrustPicture:
    """Flowers a few pixels large in all colours, a little out of focus."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (480, 320), (40, 70, 30))
    draw = ImageDraw.Draw(picture)
    for _ in range(900):
        across, down, reach = int(rng.integers(480)), int(rng.integers(320)), int(rng.integers(2, 8))
        ink = np.array(FLOWERS[rng.integers(len(FLOWERS))]) * rng.uniform(0.6, 1)
        box = (across - reach, down - reach * rng.uniform(0.3, 1), across + reach, down + reach * rng.uniform(0.3, 1))
        draw.ellipse(box, fill=(int(ink[0]), int(ink[1]), int(ink[2])))
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.72)))
    return _whole("petals", np.round(blurred + rng.normal(0, 2, (320, 480, 1))))


def product(seed: int) -> TrustPicture:
    """A saturated thing with a rare second colour on a studio's white, its edge hard."""
    rng = np.random.default_rng(seed)
    ground = np.full((360, 480, 3), 250, np.uint8)
    picture = Image.fromarray(ground)
    draw, ink, other = ImageDraw.Draw(picture), INKS[seed % 3], INKS[4]
    draw.rounded_rectangle((140, 90, 340, 290), 40, fill=ink)
    draw.ellipse((210 + int(rng.integers(20)), 150, 226, 166) if seed % 2 else (220, 150, 232, 162), fill=other)
    return _drawn("product", ground, picture)


def night(seed: int) -> TrustPicture:
    """The whole picture within so many levels above black."""
    rng = np.random.default_rng(seed)
    return _whole("night", np.round(texture(seed) * (rng.integers(8, 30) / 255.0)))


def dark_gradient(seed: int) -> TrustPicture:
    """A slow rise near black, dithered as a camera or a renderer does it."""
    rng = np.random.default_rng(seed)
    top, y = rng.integers(8, 28), np.mgrid[0:320, 0:480][0]
    bands = [base + top * y / 320 + rng.uniform(-0.5, 0.5, y.shape) for base in (2, 3, 6)]
    return _whole("dark gradient", np.round(np.dstack(bands)))


def smooth(seed: int) -> TrustPicture:
    """Skin, sky or a studio's white: nothing but a gradient."""
    rng = np.random.default_rng(seed)
    tint, span = [((226, 182, 152), 40), ((118, 158, 214), 45), ((247, 246, 244), 14), ((60, 66, 80), 24)][seed % 4]
    y, x = np.mgrid[0:320, 0:480]
    away = np.hypot(y - rng.integers(60, 260), x - rng.integers(100, 380)) / 420
    return _whole("smooth", np.round(np.dstack([one - span * away for one in tint])))


def mesh(seed: int) -> TrustPicture:
    """Saturated colours that run into each other, as the ground of a page has them."""
    rng = np.random.default_rng(seed)
    inks = rng.permutation(np.array([(20, 200, 225), (120, 10, 200), (225, 145, 0), (60, 200, 40), (240, 30, 90)]))
    small = Image.fromarray(inks[[[0, 1, 2], [3, 4, 0], [1, 2, 3]]].astype(np.uint8))
    bands = [np.asarray(one.convert("F").resize((768, 512), Image.Resampling.BICUBIC)) for one in small.split()]
    return _whole("mesh", np.round(np.dstack(bands)))


def panels(seed: int) -> TrustPicture:
    """Panels two or three levels off their page, words on them."""
    rng = np.random.default_rng(seed)
    page = 255 if seed % 2 else int(rng.integers(14, 24))
    step = int(rng.integers(2, 4)) * (-1 if page == 255 else 1)
    ground = np.full((360, 480, 3), page, np.uint8)
    for top in (30, 140, 250):
        ground[top : top + 80, 40:440] = page + step
    picture = Image.fromarray(ground)
    for top in (30, 140, 250):
        ink = (40, 40, 40) if page == 255 else (220, 220, 220)
        ImageDraw.Draw(picture).text((60, top + 24), WORDS[rng.integers(len(WORDS))], fill=ink, font=_font(17))
    return _whole("panels", np.asarray(picture))


def shadow(seed: int) -> TrustPicture:
    """A soft shadow in the alpha of a picture without ground, under a coloured thing: (rows, width, 4)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:320, 0:420]
    away = np.hypot((x - 210) / 1.4, (y - 240) / 0.5)
    alpha = np.clip(120 * np.exp(-((away / rng.uniform(60, 90)) ** 2)), 0, 255)
    pixels = np.dstack([*(np.full(x.shape, 12.0) for _ in range(3)), alpha])
    pixels[60:230, 130:290] = (*INKS[seed % len(INKS)], 255)
    return _whole("shadow", np.round(pixels))


def grainy(seed: int, width: int = 480, height: int = 320) -> TrustPicture:
    """Skin or sky in shadow with a camera's fine grain, which an encode takes away."""
    rng = np.random.default_rng(seed)
    tint, fall = [((96, 64, 50), 0.62), ((228, 188, 160), 0.45), ((70, 96, 132), 0.5)][seed % 3]
    y, x = np.mgrid[0:height, 0:width] * (320 / height)
    away = np.hypot((y - rng.integers(90, 230)) / 400, (x - rng.integers(120, 360)) / 500)
    bands = np.dstack([one * (1 - fall * away) for one in tint])
    return _whole("grainy", np.round(bands + rng.normal(0, rng.uniform(0.6, 0.9), (height, width, 1))))


def hairlines(seed: int) -> TrustPicture:
    """A chart's light grid on white, or the faint lines of a dark page, all of one pixel; what is of them is marked."""
    rng = np.random.default_rng(seed)
    page, step = (255, -int(rng.integers(6, 11))) if seed % 2 == 0 else (int(rng.integers(18, 30)), 4)
    ground = np.full((320, 480, 3), page, np.uint8)
    marked = np.zeros(ground.shape[:2], np.bool_)
    marked[int(rng.integers(8, 24)) :: 32] = True
    marked[:, int(rng.integers(8, 24)) :: 40] = True
    ground[marked] = page + step
    picture = Image.fromarray(ground)
    for ink in INKS[:4] if page == 255 else ():
        heights = 160 + 110 * np.sin(np.arange(0, 480, 6) / rng.uniform(30, 90) + rng.uniform(0, 6))
        ImageDraw.Draw(picture).line(list(zip(range(0, 480, 6), heights, strict=True)), fill=ink, width=1)
    pixels = np.asarray(picture).copy()
    return TrustPicture("hairlines", pixels, marked & (pixels == ground).all(axis=2))


KINDS: tuple[Callable[[int], TrustPicture], ...] = (
    *(caption, badge, chart, smooth_chart, stars, petals, product, night),
    *(dark_gradient, smooth, mesh, panels, shadow, grainy, hairlines),
)


def _drawn(name: str, ground: Pixels, picture: Image.Image) -> TrustPicture:
    pixels = np.asarray(picture).copy()
    return TrustPicture(name, pixels, (pixels != ground).any(axis=2))


def _whole(name: str, values: NDArray[np.float64] | Pixels) -> TrustPicture:
    pixels = np.ascontiguousarray(np.clip(values, 0, 255).astype(np.uint8))
    return TrustPicture(name, pixels, np.ones(pixels.shape[:2], np.bool_))


def _font(px: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=px)
