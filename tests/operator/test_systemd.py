"""The systemd unit: checked by systemd's own tools, and run by a systemd of its own with all of its hardening."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.support.cluster import new_cluster
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, free_port, key_in
from tests.support.servers import Postgres, Seaweed

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
ALONE, API_NODE, WORKER = "leanpix.service", "leanpix-api.service", "leanpix-worker.service"
HARDENING = "# What the service never needs."
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
mkdir -p /var/cache
mount -t tmpfs tmpfs /var/cache
mkdir -p /run/units /run/none
cp -r "$1"/units/. /run/units
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || true
export container=test SYSTEMD_UNIT_PATH=/run/units SYSTEMD_GENERATOR_PATH=/run/none SYSTEMD_LOG_TARGET=console
exec /lib/systemd/systemd --system --unit="$2"
"""


def own_unit(folder: Path, name: str, environment: str = "/etc/leanpix.env") -> Path:
    """The unit with this checkout's command in it, and its settings in a file of the test."""
    unit = folder / name
    text = (UNITS / name).read_text().replace("/opt/leanpix/.venv/bin/leanpix", str(LEANPIX))
    unit.write_text(text.replace("/etc/leanpix.env", environment))
    return unit


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.mark.parametrize("name", [ALONE, API_NODE, WORKER])
def test_systemd_finds_nothing_wrong_with_it(analyze: str, tmp_path: Path, name: str) -> None:
    done = subprocess.run(
        [analyze, "verify", "--man=no", own_unit(tmp_path, name)], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if "leanpix" in line]
    assert told == []


@pytest.mark.parametrize("name", [ALONE, API_NODE, WORKER])
def test_systemd_rates_its_exposure_as_low(analyze: str, tmp_path: Path, name: str) -> None:
    words = ["security", "--offline=true", f"--threshold={round(MOST_EXPOSED * 10)}", "--no-pager"]
    done = subprocess.run([analyze, *words, own_unit(tmp_path, name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_comment_names_the_file_that_its_page_installs() -> None:
    docs = UNITS.parents[1] / "docs"
    for page, names in (("operate-systemd.md", [ALONE]), ("operate-cluster.md", [API_NODE, WORKER])):
        text = (docs / page).read_text()
        assert "/etc/leanpix.env" in text
        for name in names:
            assert f"deploy/systemd/{name}" in text
            assert "/etc/leanpix.env" in (UNITS / name).read_text()


def test_what_the_units_take_away_is_the_same_for_all() -> None:
    taken = [(UNITS / name).read_text().partition(HARDENING)[2] for name in (ALONE, API_NODE, WORKER)]
    assert len(taken[0].splitlines()) > 20
    assert taken[0] == taken[1] == taken[2]


def lay_out(folder: Path, port: int, names: Sequence[str], more: Mapping[str, str]) -> None:
    """The units, and beside them what differs here: port, log, and the user where only root reads the checkout."""
    units = folder / "units"
    units.mkdir()
    (folder / "state").mkdir()
    (folder / "leanpix.env").write_text("".join(f"{name}={value}\n" for name, value in more.items()))
    for name in TARGETS:
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    wanted = "".join(f"Wants={name}\n" for name in names)
    (units / "wanted.target").write_text(f"[Unit]\nDefaultDependencies=no\n{wanted}")
    log = f"StandardOutput=append:{folder}/log\nStandardError=append:{folder}/log\n"
    settings = f"Environment=LEANPIX_PORT={port} LEANPIX_WORKERS=1 LEANPIX_SANDBOX=require\n"
    in_homes = any(str(Path(path).resolve()).startswith(("/root", "/home")) for path in (sys.executable, LEANPIX))
    closed = "ProtectHome=read-only\nUser=root\nGroup=root\n" if in_homes else "User=nobody\nGroup=nogroup\n"
    for name in names:
        own_unit(units, name, str(folder / "leanpix.env"))
        (units / f"{name}.d").mkdir()
        (units / f"{name}.d" / "here.conf").write_text(f"[Service]\n{log}{settings}{closed}")


@contextmanager
def services(folder: Path, port: int, *names: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The units, started by a systemd of its own; more: what else stands in /etc/leanpix.env."""
    if os.getuid() != 0 or not SYSTEMD.exists() or shutil.which("unshare") is None:
        pytest.skip("running a systemd of its own takes root, systemd and unshare")
    lay_out(folder, port, names, more)
    namespaces = ["--mount", "--pid", "--cgroup", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"]
    with (folder / "systemd.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", *namespaces, "bash", "-c", ENTER, "bash", str(folder), "wanted.target"],
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
    with services(tmp_path, port, ALONE) as process:
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


def test_an_api_node_and_a_worker_work_under_systemd_with_all_of_their_hardening(
    postgres: Postgres, seaweed: Seaweed, tmp_path: Path
) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with new_cluster(postgres, seaweed, tmp_path / "pictures", metrics_port=str(free_port())) as cluster:
        key = key_in(cluster.cli("migrate"))
        with services(tmp_path, port, API_NODE, WORKER, **only_ours(cluster.environment)) as process:
            wait_until_ready(process, base, tmp_path)
            files, headers = {"image_file": encoded(gradient(64, 64))}, {"X-API-KEY": key}
            answer = httpx.post(
                base + API, data={"sync": "1"}, files=files, headers=headers, timeout=90, trust_env=False
            )
            assert answer.json()["data"]["state"] == 1, (tmp_path / "log").read_text()
            assert seccomp_filters_of(port) >= 2, "the hardening is not in force"
            figures = f"http://127.0.0.1:{cluster.environment['LEANPIX_METRICS_PORT']}"
            assert httpx.get(f"{figures}/healthz", trust_env=False).status_code == httpx.codes.OK


def only_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """What an operator would write into the file of settings."""
    return {name: value for name, value in environment.items() if name.startswith(("LEANPIX_", "AWS_"))}


def seccomp_filters_of(port: int) -> int:
    """How many filters of system calls the server on this port has."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"LEANPIX_PORT={port}\0".encode() in (status.parent / "environ").read_bytes():
                fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
                return int(fields.get("Seccomp_filters", "0"))
    return 0
