"""What a start says: the first key and to whom, one-line warnings, and why it is refused, on one machine and many."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.operator import command, mode_of, refusal
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, clean_environment, first_key, has_ipv6, key_in, running_server
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


def test_a_port_that_is_taken_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refusal(command("serve", "--port", str(port), "--data-dir", tmp_path / "data"))
    why = "another program does; choose another port by --port or LEANPIX_PORT"
    assert line == f"leanpix: cannot listen on 127.0.0.1:{port}: {why}"
    assert not (tmp_path / "data" / "owner-key").exists(), "it would be shown to nobody"


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "no-such-host.invalid", "a..b", "http://127.0.0.1", "[::1", "127.0.0.1:80"]
)
def test_a_host_that_is_none_of_this_machine_is_said_with_those_that_are(tmp_path: Path, host: str) -> None:
    line = refusal(command("serve", "--port", "0", "--data-dir", tmp_path / "data", host=host))
    assert f"{host!r} is no address of this machine" in line
    assert "127.0.0.1 and ::1 are for this machine alone, 0.0.0.0 and :: for every network" in line


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_it_serves_over_ipv6(tmp_path: Path, host: str) -> None:
    with running_server(tmp_path / "data", host=host) as server, server.client() as client:
        assert server.base.startswith(f"http://[{host.strip('[]')}]:")
        told = client.post(API, data={"sync": "1"}, files={"image_file": encoded(gradient(64, 48))}).json()["data"]
        assert client.get(told["image"]).status_code == 200


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), ("no certificate", "it has no certificate (PEM)")]
)
def test_a_bundle_of_authorities_that_is_none_stops_the_start(tmp_path: Path, content: str | None, why: str) -> None:
    bundle = tmp_path / "authorities.pem"
    if content is not None:
        bundle.write_text(content)
    for words in (("serve", "--port", "0"), ("worker",)):
        line = refusal(command(*words, "--data-dir", tmp_path / "data", fetch_ca_file=str(bundle)))
        assert line == f"leanpix: LEANPIX_FETCH_CA_FILE='{bundle}' cannot be used: {why}"


@pytest.mark.parametrize("setting", ["metrics_nets", "fetch_allow_nets"])
def test_an_address_within_a_network_is_said_with_the_network(tmp_path: Path, setting: str) -> None:
    told = {setting: "127.0.0.1,10.1.2.3/8"}
    line = refusal(command("serve", "--port", "0", "--data-dir", tmp_path / "data", **told))
    why = "'10.1.2.3/8' is an address within a network: is 10.0.0.0/8 meant?"
    assert line == f"leanpix: LEANPIX_{setting.upper()}='10.1.2.3/8': {why}"
    told = {setting: "the office"}
    assert "a network such as 10.1.2.0/24 is meant" in refusal(command("serve", "--data-dir", tmp_path / "d", **told))


def test_a_home_that_no_shell_has_put_in_is_found(tmp_path: Path) -> None:
    """In a file of settings, or in quotes, ~ stays as it is."""
    before = f"cd {tmp_path}; export HOME={tmp_path}/home"
    done = command("keys", "create", "--name", "x", "--init", shell_before=before, data_dir="~/pictures")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home" / "pictures" / "leanpix.db").exists()
    assert not (tmp_path / "~").exists()


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
