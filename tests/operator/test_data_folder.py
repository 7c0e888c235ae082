"""A data folder that cannot be used: one line that says why, from every command, and nothing half made."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from getpass import getuser
from pathlib import Path

import httpx
import pytest
from tests.support.operator import as_ordinary_user, command, mode_of, refusal
from tests.support.server import API, running_server, start_server

COMMANDS = {
    "serve": ("serve", "--port", "0"),
    "keys": ("keys", "create", "--name", "shop", "--init"),
    "migrate": ("migrate",),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a server has used, and left."""
    folder = tmp_path_factory.mktemp("made") / "data"
    with running_server(folder) as server:
        server.terminate()
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def a_file(data: Path) -> None:
    shutil.rmtree(data)
    data.write_text("something else")


def below_a_file(data: Path) -> None:
    a_file(data)


def damaged(data: Path) -> None:
    (data / "leanpix.db").write_bytes(b"no database at all " * 500)
    for part in ("wal", "shm"):
        (data / f"leanpix.db-{part}").unlink(missing_ok=True)


def damaged_inside(data: Path) -> None:
    with closing(sqlite3.connect(data / "leanpix.db")) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        pages = database.execute("PRAGMA page_count").fetchone()[0]
    content = bytearray((data / "leanpix.db").read_bytes())
    content[2 * 4096 : (pages - 2) * 4096] = os.urandom((pages - 4) * 4096)
    (data / "leanpix.db").write_bytes(content)


def newer(data: Path) -> None:
    with closing(sqlite3.connect(data / "leanpix.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")


def without_a_secret(data: Path) -> None:
    (data / "secret").unlink()


def with_an_empty_secret(data: Path) -> None:
    (data / "secret").write_text("")


def with_another_secret(data: Path) -> None:
    (data / "secret").write_text("f" * 64)


FAULTS: dict[Callable[[Path], None], str] = {
    a_file: "is not a folder",
    damaged: "is no database, or a damaged one",
    damaged_inside: "is damaged",
    newer: "is of a newer version of leanpix (schema revision 9999",
    without_a_secret: "were made with is missing",
    with_an_empty_secret: "is empty",
    with_another_secret: "is not the one that the keys in",
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_is_wrong_is_said_in_one_line(data: Path, fault: Callable[[Path], None], words: tuple[str, ...]) -> None:
    fault(data)
    line = refusal(command(*words, "--data-dir", data))
    assert line.startswith("leanpix: ")
    assert FAULTS[fault] in line
    assert str(data) in line


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_doctor_says_the_same_and_changes_nothing(data: Path, fault: Callable[[Path], None]) -> None:
    fault(data)
    before = contents(data)
    done = command("doctor", "--json", "--data-dir", data)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert FAULTS[fault] in json.loads(done.stdout)["Data"]["database state"]
    assert contents(data) == before


def contents(data: Path) -> dict[str, bytes]:
    """Each file's bytes, but for what SQLite keeps beside a database that is open."""
    files = [data] if data.is_file() else [path for path in data.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if not path.name.endswith(("-wal", "-shm"))}


def test_below_a_file_no_folder_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refusal(command("serve", "--port", "0", "--data-dir", tmp_path / "file" / "data"))


@pytest.mark.parametrize("closed", [".", "leanpix.db", "secret"])
def test_what_belongs_to_somebody_else_is_said_with_both_names(data: Path, closed: str) -> None:
    prefix = as_ordinary_user()
    place = data / closed
    place.chmod(0)
    if prefix:
        shutil.chown(place, "nobody")
    owner, me = ("nobody" if prefix else getuser()), getuser()
    try:
        for words in (*COMMANDS.values(), ("doctor",)):
            done = command(*words, "--data-dir", data, prefix=prefix)
            assert done.returncode != 0
            text = done.stdout + done.stderr
            assert "Traceback" not in text
            assert f"{place} belongs to the user {owner} and cannot be used by {me}" in text
    finally:
        place.chmod(0o700)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB without a byte left."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode:
        pytest.skip("mounting a small disk takes root")
    subprocess.run(["dd", "if=/dev/zero", f"of={place}/filler", "bs=4096"], check=False, capture_output=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_said_with_its_figures(full_disk: Path) -> None:
    for words in COMMANDS.values():
        assert "its disk is full (0 of 1048576 bytes are free)" in refusal(
            command(*words, "--data-dir", full_disk / "data")
        )
    done = command("doctor", "--data-dir", full_disk / "data")
    assert done.returncode == 1
    assert "failed: the disk is full: 0 of 1048576 bytes are free" in done.stdout


@pytest.fixture
def read_only_disk(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A server's folder on a disk that nothing is written on."""
    place = tmp_path / "disk"
    shutil.copytree(made, place / "data")
    if subprocess.run(["mount", "--bind", place, place], check=False, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_read_only_is_said(read_only_disk: Path) -> None:
    for folder in (read_only_disk / "data", read_only_disk / "new"):
        for words in COMMANDS.values():
            line = refusal(command(*words, "--data-dir", folder))
            assert line == f"leanpix: the data folder {folder} cannot be used: its disk is read-only"


def test_a_spool_folder_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = ("serve", "--port", "0", "--data-dir", tmp_path / "data")
    line = refusal(command(*words, spool_dir=str(tmp_path / "file" / "spool")))
    assert line == f"leanpix: the spool folder {tmp_path}/file/spool cannot be used: {tmp_path}/file is not a folder"
    (tmp_path / "closed").mkdir(mode=0)
    line = refusal(command(*words, prefix=as_ordinary_user(), spool_dir=str(tmp_path / "closed")))
    assert f"{tmp_path / 'closed'} belongs to" in line


def test_a_folder_of_a_name_in_another_encoding_is_used(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/bilder-\xfc")
    strict = "export PYTHONIOENCODING=utf-8:strict"  # as in any locale but C
    for _ in range(2):  # made, then found again
        done = command("keys", "create", "--name", "shop", "--init", "--data-dir", folder, shell_before=strict)
        assert done.returncode == 0, done.stderr
        assert f"in   {folder}/leanpix.db\n" in done.stdout
    assert command("doctor", "--data-dir", folder, shell_before=strict).returncode == 0


def test_a_second_server_on_one_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        line = refusal(command("serve", "--port", "0", "--data-dir", tmp_path / "data"))
        assert f"is in use by another leanpix server (process {server.process.pid})" in line
        assert httpx.get(f"{server.base}/healthz", trust_env=False).status_code == httpx.codes.OK
        assert server.new_key("shop").startswith("lp_"), "administration goes on beside the server"
        server.kill()
    again = start_server(tmp_path / "data")
    again.kill()


def test_what_is_made_is_for_nobody_else(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        with running_server(tmp_path / "data") as server, server.client() as client:
            assert client.get("/v1/account").status_code == httpx.codes.OK
            modes = {path.name: mode_of(path) for path in (tmp_path / "data").iterdir()}
            assert mode_of(tmp_path / "data") == 0o700
    finally:
        os.umask(previous)
    assert modes.pop("files") == 0o700
    assert {"leanpix.db", "leanpix.db-wal", "secret", "owner-key", "lock"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes


def test_what_an_earlier_version_left_open_is_closed(data: Path) -> None:
    data.chmod(0o755)
    (data / "leanpix.db").chmod(0o644)
    with running_server(data, key="unknown"):
        assert (mode_of(data), mode_of(data / "leanpix.db")) == (0o700, 0o600)


def test_a_folder_with_other_things_in_it_is_left_as_open_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    (shared / "notes.txt").write_text("somebody's")
    with running_server(shared):
        assert mode_of(shared) == 0o755
        assert mode_of(shared / "leanpix.db") == 0o600
        assert mode_of(shared / "files") == 0o700


def test_keys_are_not_made_in_a_database_that_no_server_has(tmp_path: Path) -> None:
    line = refusal(command("keys", "create", "--name", "shop", "--data-dir", tmp_path / "data"))
    assert f"there is no database {tmp_path / 'data' / 'leanpix.db'}" in line
    assert "--init" in line
    assert not (tmp_path / "data").exists()
    for words in (("list",), ("revoke", "x"), ("topup", "x", "1"), ("webhook-secret", "x"), ("deliveries", "x")):
        assert "there is no database" in refusal(command("keys", *words, "--data-dir", tmp_path / "data"))
    done = command("keys", "create", "--name", "shop", "--init", "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert f"in   {tmp_path / 'data' / 'leanpix.db'}\n" in done.stdout
    listed = command("keys", "list", "--data-dir", tmp_path / "data")
    assert "shop" in listed.stdout


def test_256_open_files_are_enough(tmp_path: Path) -> None:
    shell = ["sh", "-c", 'ulimit -n 256; exec "$0" "$@"']
    with running_server(tmp_path / "data", before=shell, workers="4") as server, server.client() as client:
        for _ in range(5):
            picture = (Path(__file__).parents[2] / "docs" / "images" / "page-phone.webp").read_bytes()
            answer = client.post(API, data={"sync": "1"}, files={"image_file": picture}).json()
            assert answer["data"]["state"] == 1


def test_too_few_open_files_are_said_with_what_is_needed(tmp_path: Path) -> None:
    done = command("serve", "--data-dir", tmp_path / "data", workers="32", shell_before="ulimit -n 256")
    line = refusal(done)
    assert "32 pictures at a time need 576 open files and the limit is 256" in line
    assert "LEANPIX_WORKERS=12" in line
    assert not (tmp_path / "data").exists()
