"""Real server processes for the end-to-end tests."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

API = "/api/tasks/visual/imgcompress"
LEANPIX = Path(sys.executable).with_name("leanpix")
_START_S = 60.0
# Tests send the same few pictures again and again, and mean each of them to be worked on.
WORKED_ON = {"LEANPIX_RESULT_CACHE": "off"}


@dataclass
class Server:
    """A running `leanpix serve`, its owner's key, and clients that send it."""

    process: subprocess.Popen[bytes]
    base: str
    key: str
    data_dir: Path
    output: Path
    environment: dict[str, str]

    def cli(self, *words: str) -> str:
        """What a command prints that works on this server's data."""
        command = [str(LEANPIX), *words, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment).stdout

    def client(self, key: str | None = None, timeout_s: float = 120) -> httpx.Client:
        headers = {"X-API-KEY": key or self.key}
        return httpx.Client(base_url=self.base, headers=headers, timeout=timeout_s, trust_env=False)

    def new_key(self, name: str = "test", **options: object) -> str:
        words = [word for option, value in options.items() for word in (f"--{option}", str(value))]
        return key_in(self.cli("keys", "create", "--name", name, *words))

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has_ipv6() -> bool:
    """Whether this machine has the address ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def start_server(data_dir: Path, key: str = "", before: Sequence[str] = (), **settings: str) -> Server:
    """Start a server in a process group of its own and wait until it answers. before: words that start it."""
    return start_program([*before, LEANPIX], data_dir, key, settings)


def start_program(program: Sequence[str | Path], data_dir: Path, key: str, settings: dict[str, str]) -> Server:
    """The same with the words that start a `leanpix`, such as that of another installation."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    output = data_dir.parent / f"server-{time.monotonic_ns()}.log"
    environment = clean_environment() | {"LEANPIX_WORKERS": "2"} | WORKED_ON | named(settings)
    command = [*program, "serve", "--port", "0", "--data-dir", str(data_dir)]
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    base = _told_base(process, output)
    wait_until_healthy(process, base, output)
    return Server(process, base, key or first_key(data_dir), data_dir, output, environment)


def _told_base(process: subprocess.Popen[bytes], output: Path) -> str:
    """The server's base URL as it tells it itself: a port chosen for it might be taken by then."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        told = re.search(r'(?:serves on |"address": ")(http://[^\s"]+:[0-9]+)', output.read_text())
        if told:
            return told[1]
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"the server did not start:\n{output.read_text()}")


def clean_environment() -> dict[str, str]:
    """This process's environment without any setting of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LEANPIX_", "AWS_"))}


def named(settings: dict[str, str]) -> dict[str, str]:
    """Settings by their names in the environment."""
    return {f"LEANPIX_{name.upper()}": value for name, value in settings.items()}


def first_key(data_dir: Path) -> str:
    """The owner's key of a server that was started without a terminal, or an empty one."""
    place = data_dir / "owner-key"
    return place.read_text().strip() if place.exists() else ""


def key_in(text: str) -> str:
    """The first API key in a text, or an empty one."""
    found = re.search(r"lp_\w+", text)
    return found[0] if found else ""


def wait_until_healthy(process: subprocess.Popen[bytes], base: str, output: Path) -> None:
    """Until it answers; its output where it does not come to that."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{base}/healthz", trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    process.kill()
    pytest.fail(f"the server did not start:\n{output.read_text()}")


@contextmanager
def running_server(data_dir: Path, key: str = "", before: Sequence[str] = (), **settings: str) -> Iterator[Server]:
    """A server that is gone when the block ends."""
    server = start_server(data_dir, key, before, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
