"""Backups taken while the server works, restored elsewhere: the old keys, the old links and what was owed go on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from urllib.parse import urlsplit

import httpx
import pytest
from tests.support.cluster import until
from tests.support.failures import Gate, gated_pictures
from tests.support.operator import command, mode_of, refusal
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, running_server, start_server

from leanpix.stores.backup import _moment
from leanpix.stores.data_folder import DataFolder
from leanpix.stores.sql.database import sqlite_database

PICTURE = encoded(gradient(64, 64))
FETCHING = {"fetch_allow_nets": "127.0.0.0/8", "heartbeat_s": "0.3", "stale_s": "1.2"}


@dataclass
class Owed:
    """What a server had promised when the backup was taken."""

    key: str
    uploaded: str
    link: str
    result: bytes
    waiting: list[str]
    credit: int


def ports(gate: Gate) -> dict[str, str]:
    return FETCHING | {"fetch_ports": str(urlsplit(gate.url).port), "workers": "1"}


@pytest.fixture
def gate() -> Iterator[Gate]:
    with gated_pictures() as opened:
        opened.is_open.clear()
        yield opened


def promises(server: Server, gate: Gate) -> Owed:
    """A result that is there, one task under way, and others that wait behind it."""
    key = server.new_key("shop", credits=50, qps=1000)
    with server.client(key) as client:
        done = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}).json()["data"]
        under_way = client.post(API, data={"image_url": gate.url}).json()["data"]["task_id"]
        waiting = [client.post(API, files={"image_file": PICTURE}).json()["data"]["task_id"] for _ in range(5)]
        until(lambda: is_under_way(server, under_way))
        credit = client.get("/v1/account").json()["data"]["credits"]
    link = done["image"].removeprefix(server.base)
    result = httpx.get(done["image"], trust_env=False).content
    return Owed(key, done["task_id"], link, result, [under_way, *waiting], credit)


def is_under_way(server: Server, task_id: str) -> bool:
    with closing(sqlite3.connect(server.data_dir / "leanpix.db")) as rows:
        return bool(rows.execute("SELECT owner IS NOT NULL FROM tasks WHERE id = ?", (task_id,)).fetchone()[0])


def test_a_restored_server_knows_the_old_keys_and_owes_what_was_owed(tmp_path: Path, gate: Gate) -> None:
    with running_server(tmp_path / "data", **ports(gate)) as server:
        owed = promises(server, gate)
        done = command("backup", tmp_path / "backup", "--data-dir", server.data_dir)
        assert done.returncode == 0, done.stderr
        assert "2 keys, 7 tasks and 6 files" in done.stdout
        assert not list(server.data_dir.glob("backup-*"))
        server.kill()
    shutil.rmtree(tmp_path / "data")

    restored = command("restore", tmp_path / "backup", "--data-dir", tmp_path / "elsewhere")
    assert restored.returncode == 0, restored.stderr
    assert f"settings that its server had are in {tmp_path / 'backup' / 'settings.env'}" in restored.stdout
    gate.is_open.set()
    with (
        running_server(tmp_path / "elsewhere", key="the old one", **ports(gate)) as again,
        again.client(owed.key) as client,
    ):
        assert not (tmp_path / "elsewhere" / "owner-key").exists(), "a new owner was made"
        assert httpx.get(again.base + owed.link, trust_env=False).content == owed.result
        assert client.get(f"{API}/{owed.uploaded}").json()["data"]["state"] == 1
        until(lambda: all(client.get(f"{API}/{task}").json()["data"]["state"] == 1 for task in owed.waiting))
        assert client.get("/v1/account").json()["data"]["credits"] == owed.credit, "each was paid for once"


def test_a_backup_is_for_its_owner_alone_and_holds_what_it_says(tmp_path: Path) -> None:
    secret = "a secret that the environment has, of 32 and more"
    with running_server(tmp_path / "data", secret=secret, default_qps="3") as server:
        server.new_key("shop")
        without = refusal(command("backup", tmp_path / "backup", "--data-dir", server.data_dir))
        assert "is missing" in without, "a backup beside no secret would be of no use"
        done = command("backup", tmp_path / "backup", "--data-dir", server.data_dir, secret=secret)
        assert done.returncode == 0, done.stderr
    place = tmp_path / "backup"
    assert mode_of(place) == 0o700
    assert {mode_of(path) for path in place.iterdir() if path.is_file()} == {0o600}
    settings = (place / "settings.env").read_text()
    assert f"LEANPIX_SECRET='{secret}'" in settings
    assert "LEANPIX_DEFAULT_QPS=3\n" in settings
    assert "LEANPIX_DATA_DIR" not in settings
    contents = json.loads((place / "backup.json").read_text())
    assert (contents["keys"], contents["secret"]) == (2, "LEANPIX_SECRET")
    with closing(sqlite3.connect(place / "leanpix.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_backups_of_a_busy_server_lack_no_file_that_their_rows_ask_for(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        key, stop, codes = server.new_key("shop", qps=100000), Event(), set[int]()

        def send() -> None:
            with server.client(key) as client:
                while not stop.is_set():
                    promised = {"Idempotency-Key": token_hex(8)}  # so that sources and results are files
                    answer = client.post(API, data={"sync": "1"}, files={"image_file": PICTURE}, headers=promised)
                    codes.add(answer.status_code)

        threads = [Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(5):
                done = command("backup", tmp_path / f"backup-{number}", "--data-dir", server.data_dir)
                assert done.returncode == 0, done.stderr
                assert missing_files(tmp_path / f"backup-{number}") == []
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert codes == {200}


def missing_files(place: Path) -> list[str]:
    """Sources of unfinished tasks and results of done ones that a backup has no file for.

    Tasks whose requests were still waiting were promised nothing: their sources lay in memory, and they go.
    """
    with closing(sqlite3.connect(place / "leanpix.db")) as copy:
        sources = [
            f"sources/{row[0]}"
            for row in copy.execute("SELECT id FROM tasks WHERE completed_at IS NULL AND source_kind <> 'held'")
        ]
        results = [row[0] for row in copy.execute("SELECT result_blob FROM tasks WHERE state = 1")]
    assert results
    return [key for key in [*sources, *results] if not (place / "files" / key).exists()]


def test_the_view_of_a_moment_does_not_move_on_with_the_writers(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    sqlite_database(folder.database).close()
    with _moment(folder, with_files=True) as (view, _links), closing(sqlite3.connect(folder.database)) as writer:
        writer.execute("INSERT INTO installation VALUES ('later', 'one')")
        writer.commit()
        with closing(sqlite3.connect(":memory:")) as copy:
            view.backup(copy)
            assert copy.execute("SELECT count(*) FROM installation").fetchone() == (0,)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backup")
    with running_server(folder / "data"):
        assert command("backup", folder / "backup", "--data-dir", folder / "data").returncode == 0
    return folder / "backup"


def test_a_backup_never_replaces_anything(backup: Path, tmp_path: Path) -> None:
    data = backup.parent / "data"
    assert "is there already" in refusal(command("backup", backup, "--data-dir", data))
    line = refusal(command("restore", backup, "--data-dir", data))
    assert f"there is a database in {data} already" in line
    assert "there is nothing to back up" in refusal(command("backup", tmp_path / "b", "--data-dir", tmp_path / "none"))
    assert not list(tmp_path.iterdir())


def test_what_is_no_backup_or_a_damaged_one_is_not_restored(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert "is no backup of leanpix" in refusal(command("restore", tmp_path / "other", "--data-dir", tmp_path / "data"))
    copy = Path(shutil.copytree(backup, tmp_path / "copy"))
    content = bytearray((copy / "leanpix.db").read_bytes())
    content[4096:-4096] = bytes(len(content) - 8192)
    (copy / "leanpix.db").write_bytes(content)
    assert "is damaged" in refusal(command("restore", copy, "--data-dir", tmp_path / "data"))
    (copy / "backup.json").write_text("{")
    assert "is damaged" in refusal(command("restore", copy, "--data-dir", tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_new_secret_gives_every_key_a_new_text_and_a_server_goes_on_with_it(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        old = server.new_key("shop", credits=7)
        line = refusal(command("new-secret", "--data-dir", tmp_path / "data"))
        assert "is in use by another leanpix server" in line
        server.kill()
    (tmp_path / "data" / "secret").unlink()
    done = command("new-secret", "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    [new] = [words[1] for words in map(str.split, done.stdout.splitlines()) if words[-1] == "shop"]
    assert new.split("_")[1] == old.split("_")[1], "the id stays"
    again = start_server(tmp_path / "data", key=new)
    try:
        with again.client() as client:
            assert client.get("/v1/account").json()["data"]["credits"] == 7
        with again.client(old) as client:
            assert client.get("/v1/account").status_code == httpx.codes.UNAUTHORIZED
    finally:
        again.kill()
