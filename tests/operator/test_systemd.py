"""The systemd unit: checked by systemd's own tools, and run by a systemd of its own with all of its hardening."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, free_port

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "leanpix.service"
SYSTEMD = Path("/lib/systemd/systemd")
MOST_EXPOSED = 2.0
START_S = 90.0
# What a machine has besides: empty here.
TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user")
# systemd as the first process of namespaces of its own: nothing of it is seen outside, and all of it ends with it.
ENTER = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount --bind "$1/state" /var/lib
mkdir -p /run/units /run/none
cp -r "$1"/units/. /run/units
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || true
export container=test SYSTEMD_UNIT_PATH=/run/units SYSTEMD_GENERATOR_PATH=/run/none SYSTEMD_LOG_TARGET=console
exec /lib/systemd/systemd --system --unit=leanpix.service
"""


def own_unit(folder: Path) -> Path:
    """The unit with this checkout's command in it."""
    unit = folder / "leanpix.service"
    unit.write_text(UNIT.read_text().replace("/opt/leanpix/.venv/bin/leanpix", str(LEANPIX)))
    return unit


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


def test_systemd_finds_nothing_wrong_with_it(analyze: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [analyze, "verify", "--man=no", own_unit(tmp_path)], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if "leanpix" in line]
    assert told == []


def test_systemd_rates_its_exposure_as_low(analyze: str, tmp_path: Path) -> None:
    words = ["security", "--offline=true", f"--threshold={round(MOST_EXPOSED * 10)}", "--no-pager"]
    done = subprocess.run([analyze, *words, own_unit(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_comment_names_the_file_that_its_page_installs() -> None:
    page = (UNIT.parents[2] / "docs" / "operate-systemd.md").read_text()
    assert "deploy/systemd/leanpix.service" in page
    assert "/etc/leanpix.env" in page
    assert "/etc/leanpix.env" in UNIT.read_text()


def lay_out(folder: Path, port: int) -> None:
    """The unit, and beside it what differs here: the port, the log, and the user where only root reads the checkout."""
    units = folder / "units"
    (units / "leanpix.service.d").mkdir(parents=True)
    (folder / "state").mkdir()
    own_unit(units)
    for name in TARGETS:
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    log = f"StandardOutput=append:{folder}/log\nStandardError=append:{folder}/log\n"
    settings = f"Environment=LEANPIX_PORT={port} LEANPIX_WORKERS=1 LEANPIX_SANDBOX=require\n"
    in_homes = any(str(Path(path).resolve()).startswith(("/root", "/home")) for path in (sys.executable, LEANPIX))
    closed = "ProtectHome=read-only\nUser=root\nGroup=root\n" if in_homes else "User=nobody\nGroup=nogroup\n"
    (units / "leanpix.service.d" / "here.conf").write_text(f"[Service]\n{log}{settings}{closed}")


@contextmanager
def service(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The unit, started by a systemd of its own."""
    if os.getuid() != 0 or not SYSTEMD.exists() or shutil.which("unshare") is None:
        pytest.skip("running a systemd of its own takes root, systemd and unshare")
    lay_out(folder, port)
    namespaces = ["--mount", "--pid", "--cgroup", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"]
    with (folder / "systemd.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", *namespaces, "bash", "-c", ENTER, "bash", str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], base: str, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{base}/readyz", trust_env=False).status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    logs = "\n".join((folder / name).read_text() for name in ("systemd.log", "log") if (folder / name).exists())
    if "leanpix" not in logs:
        pytest.skip(f"systemd does not run in namespaces here: {logs[-300:]}")
    pytest.fail(logs)


def test_it_works_under_systemd_with_all_of_its_hardening(tmp_path: Path) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with service(tmp_path, port) as process:
        wait_until_ready(process, base, tmp_path)
        checks = httpx.get(f"{base}/readyz", trust_env=False).json()["checks"]
        layers = {name: state for name, state in checks.items() if name.startswith("sandbox.")}
        assert len(layers) >= 4
        assert set(layers.values()) == {"on"}, layers
        key = (tmp_path / "state" / "leanpix" / "owner-key").read_text().strip()
        files = {"image_file": encoded(gradient(64, 64))}
        headers = {"X-API-KEY": key}
        for form in ({"format": "webp"}, {"format": "png"}, {"format": "jpg"}):
            answer = httpx.post(base + API, data=form | {"sync": "1"}, files=files, headers=headers, trust_env=False)
            assert answer.json()["data"]["state"] == 1, answer.text
        assert seccomp_filters_of(port) >= 2, "the hardening is not in force"
        assert (tmp_path / "state" / "leanpix").stat().st_mode & 0o777 == 0o700


def seccomp_filters_of(port: int) -> int:
    """How many filters of system calls the server on this port has."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"LEANPIX_PORT={port}\0".encode() in (status.parent / "environ").read_bytes():
                fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
                return int(fields.get("Seccomp_filters", "0"))
    return 0
