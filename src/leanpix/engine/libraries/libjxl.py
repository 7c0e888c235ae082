"""libjxl by its own C functions, in the wheel that is here (docs/decisions/0260): pixels and JPEG files, both ways.

Of the wheel nothing but the shared object is loaded. No runner is given to libjxl, so it starts no thread.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_double, c_float, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HOMES = (("pylibjxl", "_pylibjxl*.so"), ("imagecodecs", "../imagecodecs.libs/libjxl-*.so*"))
"""Packages, and where from them the shared object with libjxl's functions lies."""

_ABI = 11
"""The minor version of libjxl 0.x whose structures these are."""

_GRAYS, _ALPHAS = (1, 2), (2, 4)
_UINT8, _UINT16 = 2, 3
_OK, _NEED_MORE_OUTPUT = 0, 2
_BASIC_INFO, _COLOUR, _FULL_IMAGE, _JPEG = 0x40, 0x100, 0x1000, 0x2000
_NEED_IMAGE_BUFFER, _JPEG_NEEDS_MORE = 5, 6
_OF_PIXELS = 1
"""Of a decoder's two colour profiles the one that its pixels are in."""

_EFFORT = 0
_PIECE_BYTES = 1 << 20
_PQ, _HLG = 16, 18
_SRGB_TRANSFER, _SRGB_PRIMARIES, _D65, _RGB, _GRAY = 13, 1, 1, 0, 1


class JxlError(Exception):
    """libjxl refused what it was given; the text is for people."""


class _Info(ctypes.Structure):
    """JxlBasicInfo."""

    _fields_ = (
        ("have_container", c_int),
        ("xsize", c_uint32),
        ("ysize", c_uint32),
        ("bits_per_sample", c_uint32),
        ("exponent_bits_per_sample", c_uint32),
        ("intensity_target", c_float),
        ("min_nits", c_float),
        ("relative_to_max_display", c_int),
        ("linear_below", c_float),
        ("uses_original_profile", c_int),
        ("have_preview", c_int),
        ("have_animation", c_int),
        ("orientation", c_int),
        ("num_color_channels", c_uint32),
        ("num_extra_channels", c_uint32),
        ("alpha_bits", c_uint32),
        ("alpha_exponent_bits", c_uint32),
        ("alpha_premultiplied", c_int),
        ("sizes_of_preview_and_animation", c_uint32 * 6),
        ("intrinsic_size", c_uint32 * 2),
        ("padding", c_uint8 * 100),
    )


class _Colour(ctypes.Structure):
    """JxlColorEncoding."""

    _fields_ = (
        ("color_space", c_int),
        ("white_point", c_int),
        ("white_point_xy", c_double * 2),
        ("primaries", c_int),
        ("primaries_xy", c_double * 6),
        ("transfer_function", c_int),
        ("gamma", c_double),
        ("rendering_intent", c_int),
    )


class _Format(ctypes.Structure):
    """JxlPixelFormat; the machine's own byte order."""

    _fields_ = (("num_channels", c_uint32), ("data_type", c_int), ("endianness", c_int), ("align", c_size_t))


@dataclass(frozen=True, slots=True)
class Decoded:
    """The first picture of a file, as stored.

    pixels: (height, width, bands) of 8 bits; of 16 where the transfer function is PQ's or HLG's. profile: an ICC
    profile that they are in; None: sRGB. primaries, transfer: their numbers of ITU-T H.273 where the file has these.
    peak_nits: what it is meant to be shown at.
    """

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    profile: bytes | None = None
    primaries: int | None = None
    transfer: int | None = None
    peak_nits: float = 255.0

    @property
    def is_high_range(self) -> bool:
        """Whether its transfer function is PQ's or HLG's."""
        return self.transfer in {_PQ, _HLG}


class LibJxl:
    """The opened library. Each call stands by itself; JxlError where libjxl refuses."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name in ("JxlDecoderCreate", "JxlEncoderCreate", "JxlEncoderFrameSettingsCreate"):
            getattr(library, name).restype = c_void_p
        for name in ("JxlDecoderReleaseInput", "JxlDecoderReleaseJPEGBuffer"):
            getattr(library, name).restype = c_size_t
        found = library.JxlDecoderVersion()
        if found // 1000 != _ABI or library.JxlEncoderVersion() != found:
            raise JxlError(f"libjxl {found} is not 0.{_ABI}")
        self.version = f"libjxl 0.{found // 1000}.{found % 1000}"

    # Pixels.

    def encode(
        self, pixels: NDArray[np.uint8], *, effort: int, distance: float | None, profile: bytes | None = None
    ) -> bytes:
        """Encode (height, width, bands) of 8 bits, in the container.

        distance: libjxl's own; None: no loss. profile: what the pixels are in; None: sRGB. The pixels have to be
        C-contiguous.
        """
        height, width, bands = pixels.shape
        info, colour = _Info(), _Colour()
        self._library.JxlEncoderInitBasicInfo(byref(info))
        info.xsize, info.ysize, info.bits_per_sample = width, height, 8
        info.uses_original_profile = distance is None
        info.num_color_channels = 1 if bands in _GRAYS else 3
        info.num_extra_channels = info.alpha_bits = 0
        if bands in _ALPHAS:
            info.num_extra_channels, info.alpha_bits = 1, 8
        with self._encoder() as (encoder, check):
            check("JxlEncoderSetBasicInfo", encoder, byref(info))
            if profile is None:
                self._library.JxlColorEncodingSetToSRGB(byref(colour), c_int(bands in _GRAYS))
                check("JxlEncoderSetColorEncoding", encoder, byref(colour))
            else:
                check("JxlEncoderSetICCProfile", encoder, profile, c_size_t(len(profile)))
            frame = c_void_p(self._library.JxlEncoderFrameSettingsCreate(encoder, None))
            check("JxlEncoderFrameSettingsSetOption", frame, c_int(_EFFORT), ctypes.c_int64(effort))
            if distance is None:
                check("JxlEncoderSetFrameLossless", frame, c_int(1))
            else:
                check("JxlEncoderSetFrameDistance", frame, c_float(distance))
            layout = _Format(bands, _UINT8, 0, 0)
            check(
                "JxlEncoderAddImageFrame", frame, byref(layout), c_void_p(pixels.ctypes.data), c_size_t(pixels.nbytes)
            )
            return self._taken(encoder)

    def decode(self, data: bytes) -> Decoded:
        """The first picture; of an animation its first frame. Its orientation is not applied."""
        info, colour = _Info(), _Colour()
        pixels: NDArray[np.uint8] | NDArray[np.uint16] = np.empty((0, 0, 0), np.uint8)
        profile, coded = None, False
        library = self._library
        with self._decoder(data, _BASIC_INFO | _COLOUR | _FULL_IMAGE) as (decoder, check):
            check("JxlDecoderSetKeepOrientation", decoder, c_int(1))
            check("JxlDecoderSetUnpremultiplyAlpha", decoder, c_int(1))
            while True:
                match event := library.JxlDecoderProcessInput(decoder):
                    case 0x40:
                        check("JxlDecoderGetBasicInfo", decoder, byref(info))
                    case 0x100:
                        told = library.JxlDecoderGetColorAsEncodedProfile(decoder, c_int(_OF_PIXELS), byref(colour))
                        coded = told == _OK
                        profile = None if coded and _is_srgb(colour) else self._profile(decoder)
                    case 5:
                        is_high = coded and colour.transfer_function in {_PQ, _HLG}
                        bands = info.num_color_channels + (info.alpha_bits > 0)
                        shape = (info.ysize, info.xsize, bands)
                        pixels = np.empty(shape, np.uint16) if is_high else np.empty(shape, np.uint8)
                        layout = _Format(bands, _UINT16 if is_high else _UINT8, 0, 0)
                        where = c_void_p(pixels.ctypes.data)
                        size = c_size_t(pixels.nbytes)
                        check("JxlDecoderSetImageOutBuffer", decoder, byref(layout), where, size)
                    case 0x1000:
                        break
                    case _:
                        raise JxlError("cut short" if event == _NEED_MORE_OUTPUT else "damaged")
        primaries = colour.primaries if coded else None
        transfer = colour.transfer_function if coded else None
        return Decoded(pixels, profile, primaries, transfer, info.intensity_target)

    # JPEG files.

    def pack_jpeg(self, jpeg: bytes, *, effort: int) -> bytes:
        """A JPEG file packed without loss, to be had back to the byte; JxlError for one that cannot be."""
        with self._encoder() as (encoder, check):
            check("JxlEncoderStoreJPEGMetadata", encoder, c_int(1))
            frame = c_void_p(self._library.JxlEncoderFrameSettingsCreate(encoder, None))
            check("JxlEncoderFrameSettingsSetOption", frame, c_int(_EFFORT), ctypes.c_int64(effort))
            check("JxlEncoderAddJPEGFrame", frame, jpeg, c_size_t(len(jpeg)))
            return self._taken(encoder)

    def unpack_jpeg(self, data: bytes) -> bytes:
        """The very file that was packed; JxlError where there is none inside."""
        held, used = np.empty(len(data) * 2 + _PIECE_BYTES, np.uint8), 0
        library, is_jpeg = self._library, False
        with self._decoder(data, _JPEG | _FULL_IMAGE) as (decoder, check):
            while True:
                match library.JxlDecoderProcessInput(decoder):
                    case 0x2000:
                        is_jpeg = True
                        check("JxlDecoderSetJPEGBuffer", decoder, c_void_p(held.ctypes.data), c_size_t(held.nbytes))
                    case 6:
                        used = held.nbytes - library.JxlDecoderReleaseJPEGBuffer(decoder)
                        held = np.concatenate([held[:used], np.empty(held.nbytes, np.uint8)])
                        room = c_size_t(held.nbytes - used)
                        check("JxlDecoderSetJPEGBuffer", decoder, c_void_p(held.ctypes.data + used), room)
                    case 0x1000 if is_jpeg:
                        used = held.nbytes - library.JxlDecoderReleaseJPEGBuffer(decoder)
                        return held[:used].tobytes()
                    case _:
                        raise JxlError("no JPEG file is packed in it, or it is damaged")

    # What they share.

    def _profile(self, decoder: c_void_p) -> bytes | None:
        size = c_size_t(0)
        library, which = self._library, c_int(_OF_PIXELS)
        if library.JxlDecoderGetICCProfileSize(decoder, which, byref(size)) != _OK or not size.value:
            return None
        found = ctypes.create_string_buffer(size.value)
        told = library.JxlDecoderGetColorAsICCProfile(decoder, which, found, size)
        return found.raw if told == _OK else None

    def _taken(self, encoder: c_void_p) -> bytes:
        """All that an encoder that has got everything puts out."""
        library = self._library
        library.JxlEncoderCloseInput(encoder)
        parts, piece = list[bytes](), (c_uint8 * _PIECE_BYTES)()
        while True:
            at, left = c_void_p(ctypes.addressof(piece)), c_size_t(_PIECE_BYTES)
            told = library.JxlEncoderProcessOutput(encoder, byref(at), byref(left))
            parts.append(bytes(memoryview(piece)[: _PIECE_BYTES - left.value]))
            if told == _OK:
                return b"".join(parts)
            if told != _NEED_MORE_OUTPUT:
                raise JxlError(f"the encoder failed ({library.JxlEncoderGetError(encoder)})")

    @contextmanager
    def _encoder(self) -> Iterator[tuple[c_void_p, Callable[..., None]]]:
        encoder = c_void_p(self._library.JxlEncoderCreate(None))
        if encoder.value is None:
            raise JxlError("no memory for an encoder")
        try:
            self._check("JxlEncoderUseContainer", encoder, c_int(1))
            yield encoder, self._check
        finally:
            self._library.JxlEncoderDestroy(encoder)

    @contextmanager
    def _decoder(self, data: bytes, events: int) -> Iterator[tuple[c_void_p, Callable[..., None]]]:
        decoder = c_void_p(self._library.JxlDecoderCreate(None))
        if decoder.value is None:
            raise JxlError("no memory for a decoder")
        try:
            self._check("JxlDecoderSubscribeEvents", decoder, c_int(events))
            self._check("JxlDecoderSetInput", decoder, data, c_size_t(len(data)))
            self._library.JxlDecoderCloseInput(decoder)
            yield decoder, self._check
        finally:
            self._library.JxlDecoderDestroy(decoder)

    def _check(self, function: str, *arguments: object) -> None:
        if getattr(self._library, function)(*arguments) != _OK:
            raise JxlError(f"{function} failed")


@functools.cache
def libjxl() -> LibJxl | None:
    """Libjxl, loaded once a process: a locked child could not load it any more. None where no wheel has it."""
    for package, where in _HOMES:
        for path in _candidates(package, where):
            try:
                return LibJxl(ctypes.CDLL(str(path)))
            except (OSError, AttributeError, JxlError):  # for another machine, without the functions, or other ones
                continue
    return None


def _candidates(package: str, where: str) -> Iterator[Path]:
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        yield from sorted(Path(spec.origin).parent.glob(where))


def _is_srgb(colour: _Colour) -> bool:
    """Gray counts as sRGB by its transfer function alone."""
    is_white = (colour.white_point, colour.transfer_function) == (_D65, _SRGB_TRANSFER)
    return is_white and (
        colour.color_space == _GRAY or (colour.color_space, colour.primaries) == (_RGB, _SRGB_PRIMARIES)
    )
