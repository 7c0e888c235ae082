"""Bytes in flight: counted for each key and for all, given back, and never left on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leanpix.domain.errors import InFlightError, StorageFullError
from leanpix.service.spool import IN_MEMORY_BYTES, MOST_IN_MEMORY_BYTES, BytesInFlight, MemoryRoom, Spool, SpoolFile
from leanpix.stores.files.blobs import LocalBlobs


@pytest.fixture
def budget() -> BytesInFlight:
    return BytesInFlight(overall=1000, per_key=600)


@pytest.fixture
def spool(tmp_path: Path, budget: BytesInFlight) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", budget)
    yield made
    assert not list(tmp_path.rglob("spool/*")), "a file has a name"


def test_what_was_announced_is_taken_once_and_what_comes_beyond_it_as_it_comes(
    spool: Spool, budget: BytesInFlight
) -> None:
    share = spool.share("one", 300)
    assert budget.used == 300
    share.use(250)
    share.use(150)
    assert budget.used == 400
    share.close()
    share.close()
    assert budget.used == 0


def test_a_key_and_all_keys_have_their_bounds(spool: Spool, budget: BytesInFlight) -> None:
    first = spool.share("one", 600)
    with pytest.raises(InFlightError, match="this key"):
        spool.share("one", 1)
    second = spool.share("two", 400)
    with pytest.raises(InFlightError, match="too many requests"):
        second.use(401)
    first.close()
    second.use(201)
    second.close()
    assert budget.used == 0


def test_a_source_that_is_fetched_is_counted_and_not_refused(spool: Spool, budget: BytesInFlight) -> None:
    with spool.fetched("one") as file:
        file.write(bytes(5000))
        assert budget.used == 5000
        with pytest.raises(InFlightError):
            spool.share("two", 1)
    assert budget.used == 0


def test_what_is_being_sent_counts_for_the_disks_room(tmp_path: Path, budget: BytesInFlight) -> None:
    asked: list[int] = []

    def has_room(more_bytes: int) -> bool:
        asked.append(more_bytes)
        return more_bytes <= 500

    spool = Spool(tmp_path, budget, has_room)
    spool.share("one", 300)
    with pytest.raises(StorageFullError):
        spool.share("two", 300)
    assert asked == [300, 600]


@pytest.mark.parametrize("memory_bytes", [0, 10**9])
@pytest.mark.parametrize("size", [0, 1, IN_MEMORY_BYTES, IN_MEMORY_BYTES + 1, 5 * IN_MEMORY_BYTES])
def test_a_file_is_stored_as_it_was_written_whatever_its_size(tmp_path: Path, size: int, memory_bytes: int) -> None:
    spool = Spool(tmp_path / "spool", BytesInFlight(10**9, 10**9), memory=MemoryRoom(memory_bytes))
    blobs = LocalBlobs(tmp_path / "files", 0)
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with closing(spool.file(spool.share("one", 0))) as file:
        for start in range(0, size, 10_000):
            file.write(content[start : start + 10_000])
        blobs.put("sources/a", file.content())
        with file.reader() as again:
            assert again.read() == content
    assert blobs.get("sources/a") == content
    assert {path.name for path in (tmp_path / "files").rglob("*") if path.is_file()} == {"a"}


@pytest.mark.parametrize("piece_bytes", [1000, MOST_IN_MEMORY_BYTES])
def test_a_file_that_is_not_quite_small_lies_in_memory_while_there_is_room(tmp_path: Path, piece_bytes: int) -> None:
    size = IN_MEMORY_BYTES + 1
    room = MemoryRoom(size)
    spool = Spool(tmp_path / "spool", BytesInFlight(10**9, 10**9), memory=room)
    share = spool.share("one", 0)

    def written(count: int) -> SpoolFile:
        file = spool.file(share)
        for start in range(0, count, piece_bytes):
            file.write(bytes(min(piece_bytes, count - start)))
        return file

    with closing(written(size)) as first, closing(written(size)) as second, closing(written(100)) as small:
        assert first.content() == bytes(size)
        assert isinstance(second.content(), Path)
        assert small.content() == bytes(100)
        first.close()
        with closing(written(size)) as third:
            assert third.content() == bytes(size)
            assert third.path().stat().st_size == size
            assert room.used == 0
    assert room.used == 0


@pytest.mark.parametrize("size", [MOST_IN_MEMORY_BYTES + 1, 2 * MOST_IN_MEMORY_BYTES])
def test_a_large_file_takes_no_room_in_memory(tmp_path: Path, size: int) -> None:
    room = MemoryRoom(10**9)
    spool = Spool(tmp_path / "spool", BytesInFlight(10**9, 10**9), memory=room)
    with closing(spool.file(spool.share("one", 0))) as file:
        for start in range(0, size, 50_000):
            file.write(bytes(min(50_000, size - start)))
        assert isinstance(file.content(), Path)
        assert room.used == 0


def test_what_finds_no_disk_gives_its_room_back(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    room = MemoryRoom(IN_MEMORY_BYTES + 1)
    spool = Spool(tmp_path / "file" / "spool", BytesInFlight(10**9, 10**9), memory=room)
    file = spool.file(spool.share("one", 0))
    file.write(bytes(IN_MEMORY_BYTES + 1))
    for _ in range(2):
        with pytest.raises(OSError, match="spool"):
            file.write(b"1")
    file.close()
    assert room.used == 0
