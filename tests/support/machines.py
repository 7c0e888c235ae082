"""Interpreters of this machine, and Debians made by debootstrap: one that qemu runs, one that images are built on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARM64_ROOT = ROOT / ".tools" / "arm64"
_SUITE = "trixie"


def interpreter(version: str) -> Path | None:
    """A Python of this version (3.12): one on the path that starts, or one of pyenv's."""
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = shutil.which(f"python{version}")
    for candidate in [*([Path(found)] if found else []), *sorted(home.glob(f"versions/{version}.*/bin/python"))]:
        # A shim of pyenv's is on the path, and fails, for each version that is not chosen at present.
        if subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def newest_cpu() -> int:
    """The newest of the metric's loops for this processor, by the operating system: 0 plain, 1 AVX2, 2 AVX-512."""
    told = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    flags = set(told[1].split()) if told else set()
    if not {"avx2", "fma"} <= flags:
        return 0
    return 2 if {"avx512f", "avx512vl", "avx512dq", "avx512bw"} <= flags else 1


def arm64_python() -> tuple[list[str], str] | str:
    """The command of an arm64 Python and its version; or why there is none.

    Its Debian is unpacked, not installed: nothing of it has to run before the interpreter does.
    """
    for program in ("debootstrap", "qemu-aarch64", "dpkg"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    if os.geteuid() != 0 and not ARM64_ROOT.is_dir():
        return "debootstrap wants root"
    if not ARM64_ROOT.is_dir():
        _unpack_arm64()
    (python,) = (ARM64_ROOT / "usr" / "bin").glob("python3.[0-9]*[0-9]")
    return ["qemu-aarch64", "-L", str(ARM64_ROOT), str(python)], python.name.removeprefix("python")


def _unpack_arm64() -> None:
    half = ARM64_ROOT.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    wanted = ("--foreign", "--arch=arm64", "--variant=minbase", "--include=python3")
    subprocess.run(["debootstrap", *wanted, _SUITE, half], check=True, capture_output=True)
    for package in (half / "var/cache/apt/archives").glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, half], check=True, capture_output=True)
        package.unlink()
    half.rename(ARM64_ROOT)


def container_base() -> Path:
    """An archive of a minimal Debian with this machine's certificates, made once: its `debian:trixie-slim`."""
    archive = ROOT / ".tools" / "image-base.tar"
    if archive.is_file():
        return archive
    with tempfile.TemporaryDirectory(prefix="leanpix-base-") as folder:
        root = Path(folder) / "root"
        wanted = ("--variant=minbase", "--include=ca-certificates", _SUITE, root)
        subprocess.run(["debootstrap", *wanted], check=True, capture_output=True)
        own = Path("/usr/local/share/ca-certificates")
        if own.is_dir():
            shutil.copytree(own, root / "usr/local/share/ca-certificates", dirs_exist_ok=True)
            subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True)
        half = archive.with_suffix(".half")
        subprocess.run(["tar", "--create", "--file", half, "--directory", root, "."], check=True)
        half.rename(archive)
    return archive
