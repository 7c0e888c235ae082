"""Files that are no accepted picture, told by how they begin, so that an error can say what came instead of one."""

from __future__ import annotations

ACCEPTED = "JPEG, PNG, WebP, AVIF, JPEG XL, GIF, BMP, TIFF, SGI and camera raw are"

# Where, how it begins, and what it is.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "a PDF document"),
    (0, b"8BPS", "a Photoshop file (PSD)"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"DDS ", "a texture (DDS)"),
    (0, b"qoif", "QOI"),
    (0, b"FLIF", "FLIF"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"gimp xcf", "a GIMP file (XCF)"),
    (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"),
    *((0, b"P%d%c" % (kind, space), "Netpbm (PPM, PGM, PBM)") for kind in range(1, 8) for space in b" \n\r\t"),
    (4, b"ftyp", "a film (MP4 or MOV)"),
    (0, b"\x1aE\xdf\xa3", "a film (WebM or Matroska)"),
    (8, b"AVI ", "a film (AVI)"),
    (0, b"PK\3\4", "a ZIP archive or an office document"),
    (0, b"Rar!", "an archive (RAR)"),
    (0, b"7z\xbc\xaf", "an archive (7z)"),
    (0, b"\x1f\x8b", "a file packed by gzip"),
)
_LOOKED_AT_BYTES, _LONGEST_NAME = 4096, 255
_BASE64_PICTURES = (b"/9j/", b"ivborw0kgg", b"uklgr", b"r0lgod", b"data:image/")
"""JPEG, PNG, WebP and GIF, in small letters."""
_EXTENSIONS = (b".jpg", b".jpeg", b".png", b".webp", b".gif", b".avif", b".bmp", b".tif", b".tiff", b".heic", b".jxl")
_SPACE = b"\xef\xbb\xbf \r\n\t\0"


def told(source: bytes) -> str:
    """What a source is that is no accepted picture, as far as its begin tells, and what is accepted."""
    if not source:
        return "it is empty"
    kind = _kind(source)
    what = f"it is {kind}, which is" if kind is not None else "its bytes are those of"
    return f"{what} no accepted format ({ACCEPTED})"


def _kind(source: bytes) -> str | None:
    found = next((kind for at, mark, kind in _SIGNATURES if source.startswith(mark, at)), None)
    return found or _kind_of_text(source[:_LOOKED_AT_BYTES])


def _kind_of_text(head: bytes) -> str | None:
    text = head.lstrip(_SPACE).lower()
    if b"\0" in text or not text:
        return None
    if text.startswith(b"<"):
        is_page = text.startswith((b"<!doctype html", b"<html"))
        return "an HTML page" if is_page else "an SVG drawing" if b"<svg" in text else "XML"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # a letter may be cut off at the end
            return None
    return _kind_of_words(text.strip(_SPACE))


def _kind_of_words(text: bytes) -> str:
    """Text by what it may have been meant as. text: in small letters, without the space around it."""
    if text.startswith(_BASE64_PICTURES):
        return "a picture as base64 text"
    is_one_line = len(text) <= _LONGEST_NAME and b"\n" not in text
    if is_one_line and text.startswith((b"http://", b"https://")):
        return "a link and not what it leads to"
    return "the name of a file and not its content" if is_one_line and text.endswith(_EXTENSIONS) else "text"
