"""Archives from strangers: what may not be in one is refused by name, and nothing is unpacked beyond its limit."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest
from tests.support.attacks import overlapping_bomb
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
        (lambda: archive(("a.jpg", b"x"), method=zipfile.ZIP_LZMA), InvalidParameterError, "stored or deflated"),
        (encrypted, InvalidParameterError, "without a password"),
        (lambda: archive(("a.jpg", bytes(1_000_001))), UploadTooLargeError, "this entry exceeds 1000000"),
        (lambda: archive(*((f"{n}.jpg", bytes(900_000)) for n in range(4))), UploadTooLargeError, "3000000 bytes"),
        (lying, (BodyError, UploadTooLargeError), "a.jpg"),
        (lambda: overlapping_bomb(3, 900_000), BodyError, "overlap"),
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


def written(name: bytes, content: bytes, extra: bytes = b"") -> bytes:
    """An archive with one entry whose name is these bytes, without the flag that says what they are."""
    stand_in = "x" * len(name)
    info = zipfile.ZipInfo(stand_in)
    info.extra = extra
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr(info, content)
    return file.getvalue().replace(stand_in.encode(), name)


def unicode_path(name: str, crc_of: bytes) -> bytes:
    value = b"\1" + struct.pack("<I", zlib.crc32(crc_of)) + name.encode()
    return struct.pack("<HH", 0x7075, len(value)) + value


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (written("ü/照片.jpg".encode(), b"x"), "ü/照片.jpg"),
        (written("\u00fc.jpg".encode("cp437"), b"x"), "ü.jpg"),
        (written(b"??.jpg", b"x", unicode_path("照片.jpg", b"??.jpg")), "照片.jpg"),
        (written(b"b.jpg", b"x", unicode_path("other.jpg", b"a.jpg")), "b.jpg"),
    ],
    ids=["UTF-8 without the flag", "the code page of DOS", "Info-ZIP's field", "Info-ZIP's field of another name"],
)
def test_a_name_is_read_as_it_was_meant(content: bytes, name: str) -> None:
    assert [one.name for one in read(content)] == [name]
    assert opened_archive(io.BytesIO(content), LIMITS).renamed == {}


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        ("../a.jpg", "a.jpg"),
        ("a/../../b.jpg", "a/b.jpg"),
        ("/etc/passwd", "etc/passwd"),
        ("./a.jpg", "a.jpg"),
        ("a//b.jpg", "a/b.jpg"),
        ("C:/a.jpg", "C_/a.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("..\\..\\b.jpg", "b.jpg"),
        ("12:30.jpg", "12_30.jpg"),
        ("a\nb.jpg", "a_b.jpg"),
        ("..", "picture-2"),
        ("ü" * 200 + ".jpg", "ü" * 125 + ".jpg"),
        ("a/" * 20 + "b", "a/" * 15 + "b"),
    ],
)
def test_one_odd_name_is_made_safe_and_told_and_refuses_no_other(odd: str, name: str) -> None:
    content = archive(("good.jpg", b"1"), (odd, b"2"), ("last.jpg", b"3"))
    assert [(one.name, one.source) for one in read(content)] == [
        ("good.jpg", Upload(b"1")),
        (name, Upload(b"2")),
        ("last.jpg", Upload(b"3")),
    ]
    assert opened_archive(io.BytesIO(content), LIMITS).renamed == {name: odd}


def test_a_name_cut_at_a_zero_byte_is_whole_again() -> None:
    assert [one.name for one in read(archive(("a.jpg#.exe", b"x")).replace(b"#", b"\0"))] == ["a.jpg_.exe"]


def test_a_name_that_comes_twice_is_told_apart() -> None:
    content = archive(("a.jpg", b"1"), ("a.jpg", b"2"), ("./A.jpg", b"3"))
    assert [one.name for one in read(content)] == ["a.jpg", "a-2.jpg", "A-3.jpg"]


def test_folders_of_windows_are_left_out() -> None:
    assert [one.name for one in read(archive(("a\\", b""), ("a\\b.jpg", b"x")))] == ["a/b.jpg"]
