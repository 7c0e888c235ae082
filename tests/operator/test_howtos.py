"""The operator's pages, each run from its first command to its last in one shell, against a real server.

Their paths lie in a folder of the test, and what belongs to a whole machine is played: `sudo` runs what it is given,
`systemctl` starts and stops the server as the unit would, `journalctl` prints its log, `git` and `make` note what they
were asked for. The commands of leanpix are the real ones.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.support.examples import examples_of
from tests.support.pictures import encoded, gradient
from tests.support.server import API, LEANPIX, clean_environment, free_port

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PLACES = ("/var/lib/", "/var/backups/", "/opt/leanpix", "/usr/local/bin", "/etc/")
PATIENCE_S = 240
STOP = """
if [ -s "$HERE/pid" ]; then
  kill "$(cat "$HERE/pid")"
  tail --pid="$(cat "$HERE/pid")" -f /dev/null
  rm "$HERE/pid"
fi
"""
START = """
set -a
LEANPIX_DATA_DIR=$HERE/var/lib/leanpix
if [ -r "$HERE/etc/leanpix.env" ]; then . "$HERE/etc/leanpix.env"; fi
"$REAL" serve >>"$HERE/log" 2>&1 &
echo $! >"$HERE/pid"
for _ in $(seq 600); do
  curl -fs -o /dev/null "http://127.0.0.1:$LEANPIX_PORT/readyz" && exit 0
  kill -0 $! || exit 1
  sleep 0.1
done
exit 1
"""
SYSTEMCTL = f"""
case "$1" in
  stop) {STOP} ;;
  start | restart | enable) {STOP} {START} ;;
esac
"""
INSTALL = """
for last; do :; done
case "$1" in
  -d) mkdir -p -m 0700 "$last" ;;
  *) : >"$last"; chmod 0640 "$last" ;;
esac
"""
MADE = ("played", "home", "usr/local/bin", "var/lib/leanpix", "var/backups", "etc/systemd/system", "etc/cron.daily")
PLAYED = {
    "sudo": 'if [ "$1" = -u ]; then shift 2; fi; exec "$@"',
    "runuser": 'shift 3; exec "$@"',
    "systemctl": SYSTEMCTL,
    "journalctl": 'cat "$HERE/log"',
    "git": 'echo "git $*" >>"$HERE/asked"; case "$*" in *rev-parse*) echo old-version;; esac',
    "make": 'echo "make $*" >>"$HERE/asked"',
    "useradd": 'echo "useradd $*" >>"$HERE/asked"',
    "chown": 'echo "chown $*" >>"$HERE/asked"',
    "install": INSTALL,
}


@dataclass
class Machine:
    """A machine on which leanpix is installed, in a folder; played so far as the module says."""

    folder: Path
    port: int

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> str:
        """What was asked of git, make and the like."""
        return (self.folder / "asked").read_text()

    def run(self, text: str, **more: str) -> str:
        """What a shell prints for these commands, and that none of them fails."""
        environment = clean_environment() | {
            "HERE": str(self.folder),
            "REAL": str(LEANPIX),
            "PATH": f"{self.folder / 'played'}:{self.folder / 'usr/local/bin'}:{os.environ['PATH']}",
            "LEANPIX_PORT": str(self.port),
            "LEANPIX_WORKERS": "1",
            "NO_PROXY": "*",
        }
        for place in PLACES:
            text = text.replace(place, f"{self.folder}{place}")
        with (self.folder / "shell").open("w+") as output:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text], cwd=self.folder / "home", env=environment | more, check=False,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=PATIENCE_S, start_new_session=True,
            )  # fmt: skip
            output.seek(0)
            printed = output.read()
        log = self.folder / "log"
        assert done.returncode == 0, printed + (log.read_text() if log.exists() else "")
        return printed

    def key(self) -> str:
        return (self.folder / "var/lib/leanpix/owner-key").read_text().strip()

    def compresses(self, key: str) -> str:
        """The id of a task that a key has had done."""
        files = {"image_file": encoded(gradient(64, 64))}
        headers = {"X-API-KEY": key}
        answer = httpx.post(self.base + API, data={"sync": "1"}, files=files, headers=headers, trust_env=False).json()
        assert answer["data"]["state"] == 1
        return str(answer["data"]["task_id"])

    def answers(self, key: str) -> int:
        headers = {"X-API-KEY": key}
        return httpx.get(f"{self.base}/v1/account", headers=headers, trust_env=False).status_code


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Machine]:
    """A machine with nothing installed but the checkout."""
    for name in MADE:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "opt/leanpix").mkdir(parents=True)
    (tmp_path / "opt/leanpix/deploy").symlink_to(ROOT / "deploy")
    (tmp_path / "opt/leanpix/.venv").symlink_to(sys.prefix)
    for name, script in PLAYED.items():
        (tmp_path / "played" / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "played" / name).chmod(0o755)
    yield Machine(tmp_path, free_port())
    if (tmp_path / "pid").exists():
        with suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.fixture
def machine(bare: Machine) -> Machine:
    """One on which the page about systemd was followed."""
    bare.run(page("systemd"), REPOSITORY="https://git.example/leanpix.git")
    return bare


def page(name: str) -> str:
    """All commands of a page, as somebody would paste them."""
    examples = [one for one in examples_of(DOCS / f"operate-{name}.md") if one.reason is None]
    assert {one.language for one in examples} <= {"sh"}
    return "\n".join(one.text for one in examples)


def test_systemd(bare: Machine) -> None:
    printed = bare.run(page("systemd"), REPOSITORY="https://git.example/leanpix.git")
    assert bare.key() in printed
    assert "schema revision" in printed
    assert f"make -C {bare.folder}/opt/leanpix setup" in bare.asked
    assert "is no setting" not in printed
    bare.compresses(bare.key())


def test_backup_restore_and_moving(machine: Machine) -> None:
    owner = machine.key()
    printed = machine.run(page("backup"))
    assert "owner" in printed
    machine.run("systemctl start leanpix")  # the part about moving has stopped it
    assert machine.answers(owner) == httpx.codes.OK
    assert not (machine.folder / "var/lib/leanpix.before").exists()
    machine.run("/etc/cron.daily/leanpix && ls /var/backups/leanpix/*/backup.json")


def test_upgrade_and_rollback(machine: Machine) -> None:
    owner = machine.key()
    machine.run(page("upgrade"))
    assert re.search(r"checkout -q v2\n(.*\n)*.*checkout -q old-version", machine.asked)
    machine.compresses(owner)


def test_secret(machine: Machine) -> None:
    owner = machine.key()
    printed = machine.run(page("secret"))
    text = (machine.folder / "home/new-keys.txt").read_text()
    new = shlex.split(text)[1]
    assert owner.split("_")[1] in printed
    assert machine.answers(owner) == httpx.codes.UNAUTHORIZED
    machine.compresses(new)


def test_disk(machine: Machine) -> None:
    printed = machine.run(page("disk"))
    assert "bytes are free" in printed
    assert "var/lib/leanpix/files" in printed


def test_log(machine: Machine) -> None:
    task_id = machine.compresses(machine.key())
    machine.run("systemctl stop leanpix")
    printed = machine.run(page("log"), TASK_ID=task_id)
    assert "'succeeded': 1" in printed
    assert f'"task_id": "{task_id}"' in printed
    assert machine.key() not in printed
