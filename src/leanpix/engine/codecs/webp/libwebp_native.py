"""libwebp through the functions that the library inside the Pillow wheel exports: its public C interface.

libvips offers whole-number qualities and no choice of filter sharpness. The structs are libwebp's own public ones,
version 2 of its encoder ABI; the library refuses to fill in a struct of another version.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_ABI_VERSION = 0x0200
"""Only the upper byte has to agree; of the newer fields none is used."""

_DECODER_ABI_VERSION = 0x0200
NOISE_SHAPING = 50
"""libwebp's own default, and the best at equal score of 0 to 80."""

MODES_BYTES = 512 * 1024
"""The format's room for the modes of all blocks."""

_OUT_OF_MEMORY = (1, 2)
_RGBA_BANDS = 4


class NativeLibwebpError(Exception):
    """The library cannot be used, or refused this picture; is_out_of_memory says whether memory was why."""

    def __init__(self, text: str, *, is_out_of_memory: bool = False) -> None:
        super().__init__(text)
        self.is_out_of_memory = is_out_of_memory


class _Config(ctypes.Structure):
    """struct WebPConfig, whose unused end is left as the library sets it."""

    _fields_ = (
        ("lossless", c_int),
        ("quality", c_float),
        ("method", c_int),
        ("image_hint", c_int),
        ("target_size", c_int),
        ("target_psnr", c_float),
        ("segments", c_int),
        ("sns_strength", c_int),
        ("filter_strength", c_int),
        ("filter_sharpness", c_int),
        ("filter_type", c_int),
        ("autofilter", c_int),
        ("alpha_compression", c_int),
        ("alpha_filtering", c_int),
        ("alpha_quality", c_int),
        ("passes", c_int),
        ("show_compressed", c_int),
        ("preprocessing", c_int),
        ("partitions", c_int),
        ("partition_limit", c_int),
        ("emulate_jpeg_size", c_int),
        ("thread_level", c_int),
        ("low_memory", c_int),
        ("near_lossless", c_int),
        ("exact", c_int),
        ("use_delta_palette", c_int),
        ("use_sharp_yuv", c_int),
        ("newer", c_int * 16),
    )


class _Picture(ctypes.Structure):
    """struct WebPPicture."""

    _fields_ = (
        ("use_argb", c_int),
        ("colorspace", c_int),
        ("width", c_int),
        ("height", c_int),
        ("planes", c_void_p * 3),
        ("plane_strides", c_int * 2),
        ("alpha", c_void_p),
        ("alpha_stride", c_int),
        ("pad1", c_uint32 * 2),
        ("argb", c_void_p),
        ("argb_stride", c_int),
        ("pad2", c_uint32 * 3),
        ("writer", c_void_p),
        ("writer_state", c_void_p),
        ("extra_info_type", c_int),
        ("extra_info", c_void_p),
        ("stats", c_void_p),
        ("error_code", c_int),
        ("progress_hook", c_void_p),
        ("user_data", c_void_p),
        ("pad3", c_uint32 * 3),
        ("pad4", POINTER(c_uint8) * 2),
        ("pad5", c_uint32 * 8),
        ("memory", c_void_p * 2),
        ("pad6", c_void_p * 2),
        ("newer", c_void_p * 8),
    )


class _Features(ctypes.Structure):
    """struct WebPBitstreamFeatures."""

    _fields_ = (
        ("width", c_int),
        ("height", c_int),
        ("has_alpha", c_int),
        ("has_animation", c_int),
        ("format", c_int),
        ("pad", c_uint32 * 5),
    )


class _Writer(ctypes.Structure):
    """struct WebPMemoryWriter."""

    _fields_ = (("memory", c_void_p), ("size", c_size_t), ("capacity", c_size_t), ("pad", c_uint32))


@dataclass(frozen=True, slots=True)
class LossySettings:
    """How a lossy picture is encoded.

    quality: 0 to 100, any fraction. method: 0 (quick) to 6. alpha_quality: 0 to 100, or None for colour alone, which is
    what is seen of it where alpha is added. sharp_chroma: weigh luma when
    chroma is halved, for one and a half times the time. noise_shaping: 0 to 100, how much coarser busy parts may be.
    is_busy: so much of the picture has detail that the modes of its blocks may have no room in the format.
    is_lean: hold no tokens, up to 3 bytes a pixel, for 0.3 to 4.6 % more bytes and up to half as much time again.
    keeps_hidden: code the colours under full transparency as they are, not as whatever takes the fewest bits.
    """

    quality: float
    method: int
    alpha_quality: int | None
    sharp_chroma: bool
    noise_shaping: int = NOISE_SHAPING
    is_busy: bool = False
    is_lean: bool = False
    keeps_hidden: bool = False


class NativeLibwebp:
    """The opened library. Calls release the GIL and share no state, so threads may encode side by side."""

    def __init__(self, library: ctypes.CDLL) -> None:
        _declare(library)
        self._library = library
        self._write = ctypes.cast(library.WebPMemoryWrite, c_void_p)

    @classmethod
    def open(cls) -> Self:
        """Open the library that Pillow's own module is linked to: its symbols are found through the module's."""
        found = importlib.util.find_spec("PIL._webp")
        if found is None or found.origin is None:
            raise NativeLibwebpError("this Pillow has no WebP module")
        return cls(ctypes.CDLL(found.origin))

    def encode(self, pixels: NDArray[np.uint8], settings: LossySettings) -> bytes:
        """Encode C-contiguous (H,W,3) sRGB or (H,W,4) pixels, alpha not premultiplied, as a bare lossy WebP."""
        config = self._config(settings)
        config.partition_limit = _partition_limit(pixels.shape[0] * pixels.shape[1]) if settings.is_busy else 0
        with self._picture() as picture, self._writer() as writer:
            picture.height, picture.width = pixels.shape[:2]
            picture.writer, picture.writer_state = self._write, ctypes.addressof(writer)
            is_in_strips = settings.sharp_chroma and picture.height * picture.width > _SHARP_AT_ONCE_PIXELS
            if is_in_strips and (settings.alpha_quality is None or pixels.shape[2] != _RGBA_BANDS):
                self._import_sharply_in_strips(picture, pixels)
            else:
                # Without it the pixels are converted on their way in, and held in half as much memory.
                picture.use_argb = settings.sharp_chroma
                self._import(picture, pixels)
                if settings.alpha_quality is None:
                    self._library.WebPCleanupTransparentArea(byref(picture))
                    picture.alpha = None  # still freed: the library has the memory's address elsewhere
            if not self._library.WebPEncode(byref(config), byref(picture)):
                raise _failure(picture)
            return ctypes.string_at(writer.memory, writer.size)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """The (H,W,3) pixels of a still WebP, or (H,W,4) where it has alpha, which are held once."""
        features = _Features()
        if self._library.WebPGetFeaturesInternal(data, len(data), byref(features), _DECODER_ABI_VERSION):
            raise NativeLibwebpError("libwebp cannot read a WebP's header")
        bands = _RGBA_BANDS if features.has_alpha else _RGBA_BANDS - 1
        pixels = np.empty((features.height, features.width, bands), np.uint8)
        read = self._library.WebPDecodeRGBAInto if features.has_alpha else self._library.WebPDecodeRGBInto
        if not read(data, len(data), pixels.ctypes.data, pixels.nbytes, features.width * bands):
            raise NativeLibwebpError("libwebp does not decode a WebP")
        return pixels

    def _config(self, settings: LossySettings) -> _Config:
        config = _Config()
        if not self._library.WebPConfigInitInternal(byref(config), 0, settings.quality, _ABI_VERSION):
            raise NativeLibwebpError("the library is of another version")
        config.method = settings.method
        config.filter_sharpness = _FILTER_SHARPNESS
        config.sns_strength = settings.noise_shaping
        if settings.alpha_quality is not None:
            config.alpha_quality = settings.alpha_quality
        config.use_sharp_yuv = settings.sharp_chroma
        config.low_memory = settings.is_lean
        config.exact = settings.keeps_hidden
        if not self._library.WebPValidateConfig(byref(config)):
            raise NativeLibwebpError(f"the library refuses {settings}")
        return config

    @contextmanager
    def _picture(self) -> Iterator[_Picture]:
        picture = _Picture()
        if not self._library.WebPPictureInitInternal(byref(picture), _ABI_VERSION):
            raise NativeLibwebpError("the library is of another version")
        try:
            yield picture
        finally:
            self._library.WebPPictureFree(byref(picture))

    @contextmanager
    def _writer(self) -> Iterator[_Writer]:
        writer = _Writer()
        self._library.WebPMemoryWriterInit(byref(writer))
        try:
            yield writer
        finally:
            self._library.WebPMemoryWriterClear(byref(writer))

    def _import(self, picture: _Picture, pixels: NDArray[np.uint8]) -> None:
        has_alpha = pixels.shape[2] == _RGBA_BANDS
        take = self._library.WebPPictureImportRGBA if has_alpha else self._library.WebPPictureImportRGB
        if not take(byref(picture), pixels.ctypes.data, pixels.shape[1] * pixels.shape[2]):
            raise _failure(picture)

    def _import_sharply_in_strips(self, picture: _Picture, pixels: NDArray[np.uint8]) -> None:
        """The same colour strip by strip: at once it would take 12 bytes a pixel beside the picture.

        What a strip's chroma becomes hangs on a few rows around it, which are converted along with it.
        """
        height, width = pixels.shape[:2]
        if not self._library.WebPPictureAlloc(byref(picture)):
            raise _failure(picture)
        rows = max(_STRIP_ROWS, _SHARP_AT_ONCE_PIXELS // width // _STRIP_ROWS * _STRIP_ROWS)
        for top in range(0, height, rows):
            bottom = min(height, top + rows)
            first, last = max(0, top - _STRIP_ROWS), min(height, bottom + _STRIP_ROWS)
            with self._picture() as strip:
                strip.use_argb, strip.height, strip.width = 1, last - first, width
                self._import(strip, pixels[first:last])
                self._library.WebPCleanupTransparentArea(byref(strip))
                if not self._library.WebPPictureSharpARGBToYUVA(byref(strip)):
                    raise _failure(strip)
                for whole, part, halved in zip(_planes(picture), _planes(strip), (1, 2, 2), strict=True):
                    begin, end = top // halved, -(-bottom // halved)
                    offset = first // halved
                    whole[begin:end] = part[begin - offset : end - offset]


_SHARP_AT_ONCE_PIXELS = 16_000_000
_STRIP_ROWS = 16
"""Strips are whole blocks of so many rows, and look so far beyond their ends."""


def _planes(picture: _Picture) -> tuple[NDArray[np.uint8], ...]:
    """The rows of a picture's luma and of its halved chroma, as they lie in the library's memory."""
    height, width = picture.height, picture.width
    halves = (-(-height // 2), -(-width // 2))
    sides = ((height, width), halves, halves)
    strides = (picture.plane_strides[0], picture.plane_strides[1], picture.plane_strides[1])
    planes = []
    for address, (rows, columns), stride in zip(picture.planes, sides, strides, strict=True):
        held = (c_uint8 * (stride * (rows - 1) + columns)).from_address(address)
        planes.append(np.lib.stride_tricks.as_strided(np.frombuffer(held, np.uint8), (rows, columns), (stride, 1)))
    return tuple(planes)


_FILTER_SHARPNESS = 7
"""The loop filter leaves edges alone: 2 % fewer bytes at an equal score for nothing."""


_WHOLE_PARTITION_PIXELS = 16_000_000
_PARTITION_BITS, _MODE_BITS = 8 * MODES_BYTES, 256
"""All blocks' together, and what libwebp allows those of one block to take."""


def _partition_limit(pixels: int) -> int:
    """How much libwebp is to save on blocks' modes, 0 to 100: their share shrinks by the square of it.

    Left to itself it finds out at the end that they have no room, and begins again: three times at 64 megapixels. Where
    flat ground leaves room for them, the limit would be 7 % more bytes.
    """
    if pixels <= _WHOLE_PARTITION_PIXELS:
        return 0
    bits_a_block = _PARTITION_BITS / (pixels / 16**2)
    return 100 - round(100 * min(1.0, math.sqrt(2 * bits_a_block / _MODE_BITS)))


def _failure(picture: _Picture) -> NativeLibwebpError:
    code = int(picture.error_code)
    return NativeLibwebpError(f"libwebp's error {code}", is_out_of_memory=code in _OUT_OF_MEMORY)


def _declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the types: its default would cut pointers to 32 bits. AttributeError: a function is missing."""
    library.WebPConfigInitInternal.argtypes = [POINTER(_Config), c_int, c_float, c_int]
    library.WebPValidateConfig.argtypes = [POINTER(_Config)]
    library.WebPPictureInitInternal.argtypes = [POINTER(_Picture), c_int]
    library.WebPPictureImportRGB.argtypes = [POINTER(_Picture), c_void_p, c_int]
    library.WebPPictureImportRGBA.argtypes = [POINTER(_Picture), c_void_p, c_int]
    library.WebPPictureAlloc.argtypes = [POINTER(_Picture)]
    library.WebPPictureSharpARGBToYUVA.argtypes = [POINTER(_Picture)]
    library.WebPEncode.argtypes = [POINTER(_Config), POINTER(_Picture)]
    library.WebPGetFeaturesInternal.argtypes = [c_char_p, c_size_t, POINTER(_Features), c_int]
    for name in ("WebPDecodeRGBInto", "WebPDecodeRGBAInto"):
        getattr(library, name).argtypes = [c_char_p, c_size_t, c_void_p, c_size_t, c_int]
        getattr(library, name).restype = c_void_p
    library.WebPCleanupTransparentArea.argtypes = [POINTER(_Picture)]
    library.WebPPictureFree.argtypes = [POINTER(_Picture)]
    library.WebPMemoryWriterInit.argtypes = [POINTER(_Writer)]
    library.WebPMemoryWriterClear.argtypes = [POINTER(_Writer)]
    for name in ("WebPCleanupTransparentArea", "WebPPictureFree", "WebPMemoryWriterInit", "WebPMemoryWriterClear"):
        getattr(library, name).restype = None
