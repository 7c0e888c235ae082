"""Images and containers without daemon and registry: buildah builds, podman runs, both as Debian has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.server import clean_environment

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("buildah", "podman", "debootstrap", "chroot", "make")
_PROFILES = (Path("/usr/share/containers/seccomp.json"), Path("/etc/containers/seccomp.json"))
_ARGUMENT_IS_NO_FILTER = {"index": 0, "value": 22, "op": "SCMP_CMP_NE"}  # prctl(PR_SET_SECCOMP, ...)


def missing() -> str | None:
    """Why images cannot be built and run here; None where they can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if not any(shutil.which(runtime) for runtime in ("runc", "crun")):
        absent.append("runc")
    if absent:
        return f"missing: {', '.join(absent)} (apt-get install buildah podman runc debootstrap)"
    return None if os.geteuid() == 0 else "debootstrap and buildah's isolation by chroot want root"


@dataclass(frozen=True)
class Store:
    """Images and containers of a test alone, in a folder of its own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        configuration = self.folder / "storage.conf"
        places = f'graphroot = "{self.folder}/graph"\nrunroot = "{self.folder}/run"\n'
        configuration.write_text(f'[storage]\ndriver = "overlay"\n{places}')
        named = {"CONTAINERS_STORAGE_CONF": str(configuration), "BUILDAH_ISOLATION": "chroot"}
        return {**clean_environment(), **named}

    def run(self, *command: str | Path, timeout_s: float = 900) -> str:
        """What a program prints."""
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def podman(self, *words: str | Path, timeout_s: float = 120) -> str:
        # Debian 12's crun refuses machines with both versions of control groups; runc takes each.
        runtime = "runc" if shutil.which("runc") else "crun"
        return self.run("podman", "--runtime", runtime, "--cgroup-manager", "cgroupfs", *words, timeout_s=timeout_s)

    def import_base(self, archive: Path, tag: str) -> None:
        """An image of one layer: what an archive of a root holds."""
        container = self.run("buildah", "from", "scratch").strip()
        self.run("buildah", "add", "--quiet", container, archive, "/")
        self.run("buildah", "commit", "--quiet", "--rm", container, tag)

    def remove(self) -> None:
        """All of it, mounts included."""
        self.podman("system", "reset", "--force")


def seccomp_profile(folder: Path, refused: Iterable[str]) -> Path:
    """Podman's own filter of system calls, which also refuses some that it allows: "landlock", "seccomp"."""
    source = next(file for file in _PROFILES if file.is_file())
    profile: dict[str, Any] = json.loads(source.read_text())
    unwanted = set(refused)
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if not any(name.startswith(word) for word in unwanted)]
    if "seccomp" in unwanted:
        # Its older door as well: prctl is allowed for everything but a filter.
        for rule in profile["syscalls"]:
            rule["names"] = [name for name in rule["names"] if name != "prctl"]
        profile["syscalls"].append({"names": ["prctl"], "action": "SCMP_ACT_ALLOW", "args": [_ARGUMENT_IS_NO_FILTER]})
    profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
    made = folder / f"seccomp-{'-'.join(sorted(unwanted)) or 'default'}.json"
    made.write_text(json.dumps(profile))
    return made
