"""Archives from strangers: what may not be in one is refused by name, and nothing is unpacked beyond its limit."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest
from tests.support.forms import spool_file

from leanpix.domain.errors import BodyError, CallerError, InvalidParameterError, SourceCountError, UploadTooLargeError
from leanpix.service.batch import NamedSource
from leanpix.service.spool import SpoolFile
from leanpix.service.submit import Upload, pieces_of
from leanpix.web.archive import ArchiveLimits, opened_archive

LIMITS = ArchiveLimits(max_entry_bytes=1_000_000, max_total_bytes=3_000_000)


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as writer, pytest.warns() if _repeats(entries) else _quiet():
        for name, content in entries:
            writer.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def _repeats(entries: tuple[tuple[str, bytes], ...]) -> bool:
    return len({name for name, _ in entries}) < len(entries)


def _quiet() -> io.BytesIO:
    return io.BytesIO()


def read(content: bytes) -> list[NamedSource]:
    found = []
    with ExitStack() as files:

        def new_file() -> SpoolFile:
            return files.enter_context(closing(spool_file()))

        for one in opened_archive(io.BytesIO(content), LIMITS).pictures(new_file):
            assert isinstance(one.source, Upload)
            found.append(NamedSource(one.name, Upload(b"".join(pieces_of(one.source.content)))))
    return found


def encrypted() -> bytes:
    """The flag of an encrypted entry, in both of its places."""
    content = bytearray(archive(("a.jpg", b"x")))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying() -> bytes:
    """An entry that says it is small and unpacks to much."""
    content = bytearray(archive(("a.jpg", bytes(5_000_000))))
    struct.pack_into("<I", content, content.rindex(b"PK\x01\x02") + 24, 10)
    struct.pack_into("<I", content, 22, 10)
    return bytes(content)


def long_directory() -> bytes:
    """A directory of more entries than anybody sends."""
    return archive(*((f"{number:05}.jpg", b"") for number in range(40_000)), method=zipfile.ZIP_STORED)


def test_pictures_come_in_order_with_their_folders_and_without_what_desktops_add() -> None:
    found = read(
        archive(("b/ü.jpg", b"1"), ("b/", b""), ("__MACOSX/._a", b"x"), (".DS_Store", b"x"), ("a.png", b"2" * 100_000))
    )
    assert [(one.name, one.source) for one in found] == [
        ("b/ü.jpg", Upload(b"1")),
        ("a.png", Upload(b"2" * 100_000)),
    ]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: b"no archive", BodyError, "not a ZIP"),
        (lambda: archive(("a", b"x" * 999))[:-40], BodyError, "not a ZIP"),
        (archive, SourceCountError, "no picture"),
        (lambda: archive(("a/", b"")), SourceCountError, "no picture"),
        (lambda: archive(*((f"{n}.jpg", b"") for n in range(1001))), SourceCountError, "1001 entries"),
        (long_directory, BodyError, "list of entries"),
        (lambda: archive(("../a.jpg", b"x")), InvalidParameterError, "relative paths"),
        (lambda: archive(("a/../../b.jpg", b"x")), InvalidParameterError, "relative paths"),
        (lambda: archive(("/etc/passwd", b"x")), InvalidParameterError, "relative paths"),
        (lambda: archive(("C:/a.jpg", b"x")), InvalidParameterError, "relative paths"),
        (lambda: archive(("a\\b.jpg", b"x")), InvalidParameterError, "relative paths"),
        (lambda: archive(("a\nb.jpg", b"x")), InvalidParameterError, "relative paths"),
        (lambda: archive(("a.jpg#.exe", b"x")).replace(b"#", b"\0"), InvalidParameterError, "relative paths"),
        (lambda: archive(("a" * 300, b"x")), InvalidParameterError, "255 bytes"),
        (lambda: archive(("a/" * 20 + "b", b"x")), InvalidParameterError, "16 levels"),
        (lambda: archive(("a.jpg", b"x"), ("a.jpg", b"y")), InvalidParameterError, "each name once"),
        (lambda: archive(("a.jpg", b"x"), method=zipfile.ZIP_LZMA), InvalidParameterError, "stored or deflated"),
        (encrypted, InvalidParameterError, "without a password"),
        (lambda: archive(("a.jpg", bytes(1_000_001))), UploadTooLargeError, "this entry exceeds 1000000"),
        (lambda: archive(*((f"{n}.jpg", bytes(900_000)) for n in range(4))), UploadTooLargeError, "3000000 bytes"),
        (lying, (BodyError, UploadTooLargeError), "a.jpg"),
    ],
)
def test_what_may_not_be_in_an_archive_is_refused_with_what_and_why(
    make: Callable[[], bytes], error: type[CallerError], words: str
) -> None:
    with pytest.raises(error, match=words):
        read(make())


def test_a_bomb_is_left_at_its_limit() -> None:
    bomb = archive(("a.jpg", bytes(200_000_000)))
    assert len(bomb) < 300_000
    tracemalloc.start()
    with pytest.raises(UploadTooLargeError):
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
