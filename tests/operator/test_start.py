"""What a start says: the first key and to whom, one-line warnings, and why it is refused, on one machine and many."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.operator import command, mode_of, refusal
from tests.support.server import LEANPIX, clean_environment, first_key, key_in, running_server
from tests.support.servers import Postgres

SECRETS = {"first": "the secret that every node has at first", "other": "another secret, as long as that one"}
START_S = 60.0


def test_the_first_key_goes_to_a_file_where_nobody_watches(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        told = server.output.read_text()
        assert key_in(told) == ""
        assert str(tmp_path / "data" / "owner-key") in told
        assert mode_of(tmp_path / "data" / "owner-key") == 0o600
        with server.client(first_key(tmp_path / "data")) as client:
            assert client.get("/v1/account").json()["data"]["name"] == "owner"


@contextmanager
def terminal(*words: str | Path) -> Iterator[str]:
    """What a command prints on a terminal up to its line to try; the command is ended with the block."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [LEANPIX, *words], stdin=theirs, stdout=theirs, stderr=theirs,
        env=clean_environment() | {"LEANPIX_WORKERS": "1"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        printed, deadline = "", time.monotonic() + START_S
        while "image_file=@" not in printed and time.monotonic() < deadline:
            printed += os.read(ours, 4096).decode()
        yield printed
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)


def test_the_first_key_is_shown_on_a_terminal(tmp_path: Path) -> None:
    with terminal("serve", "--port", "0", "--data-dir", tmp_path / "data") as printed:
        key = key_in(printed)
        assert key
        assert f'"X-API-KEY: {key}"' in printed
    assert not (tmp_path / "data" / "owner-key").exists()


def test_a_sandbox_that_is_not_whole_is_one_warning(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", sandbox="off") as server:
        warnings = [line for line in server.output.read_text().splitlines() if "level=warning" in line]
        assert len(warnings) == 1
        assert "sandbox not whole" in warnings[0]
        assert all(f"{layer}=LEANPIX_SANDBOX=off" in warnings[0].replace('"', "") for layer in ("landlock", "seccomp"))


def test_a_setting_that_is_none_is_named_with_the_one_it_is_near_to(tmp_path: Path) -> None:
    done = command("keys", "create", "--name", "x", "--init", "--data-dir", tmp_path / "data", sync_wait="5")
    assert done.returncode == 0
    assert done.stderr == "leanpix: LEANPIX_SYNC_WAIT is no setting and is ignored: is LEANPIX_SYNC_WAIT_S meant?\n"


def test_a_public_url_without_its_scheme_stops_the_start(tmp_path: Path) -> None:
    line = refusal(command("serve", "--data-dir", tmp_path / "data", public_url="img.example.com"))
    assert line == (
        "leanpix: LEANPIX_PUBLIC_URL='img.example.com': the scheme is missing: is https://img.example.com meant?"
    )
    assert not (tmp_path / "data").exists()


SHARED_COMMANDS = (
    ("serve", "--port", "0", "--workers", "0"),
    ("worker",),
    ("keys", "list"),
    ("migrate",),
)


def test_nodes_with_another_secret_than_their_database_are_refused(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    folder = ("--data-dir", str(tmp_path / "data"))
    shared = {"database_url": url}
    assert command("migrate", *folder, secret=SECRETS["first"], **shared).returncode == 0
    for words in SHARED_COMMANDS:
        line = refusal(command(*words, *folder, secret=SECRETS["other"], **shared))
        assert "the secret in LEANPIX_SECRET is not the one that the keys in the PostgreSQL database" in line
    done = command("doctor", *folder, secret=SECRETS["other"], **shared)
    assert done.returncode == 1
    assert "is not the one that the keys in" in done.stdout
    assert "are in" not in command("keys", "list", *folder, secret=SECRETS["first"], **shared).stderr

    renewed = command("new-secret", *folder, secret=SECRETS["other"], **shared)
    assert key_in(renewed.stdout)
    assert command("keys", "list", *folder, secret=SECRETS["other"], **shared).returncode == 0
    assert "is not the one" in refusal(command("keys", "list", *folder, secret=SECRETS["first"], **shared))


@pytest.mark.parametrize(
    ("host", "cause"), [("127.0.0.1:1", "Connection refused"), ("no-such-host.invalid", "no-such-host.invalid")]
)
def test_a_database_that_cannot_be_reached_is_told_with_its_cause(tmp_path: Path, host: str, cause: str) -> None:
    settings = {
        "secret": SECRETS["first"],
        "database_url": f"postgresql://me:hunter2@{host}/leanpix",
        "patience_s": "0",
        "start_wait_s": "0",
    }
    for words in SHARED_COMMANDS:
        line = refusal(command(*words, "--data-dir", tmp_path / "data", **settings))
        assert "does not answer" in line
        assert cause in line
        assert "hunter2" not in line
    done = command("doctor", "--data-dir", tmp_path / "data", **settings)
    assert done.returncode == 1
    assert cause in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_a_database_that_was_not_migrated_says_what_to_run(postgres: Postgres, tmp_path: Path) -> None:
    settings = {"secret": SECRETS["first"], "database_url": postgres.new_database()}
    line = refusal(command("keys", "list", "--data-dir", tmp_path / "data", **settings))
    assert "run `leanpix migrate` once" in line
    assert "pg_dump" in refusal(command("backup", tmp_path / "b", "--data-dir", tmp_path / "data", **settings))
