"""Put uv into .tools/ with nothing but the standard library, wherever this machine gets its packages from.

Debian's bare python3 has neither pip nor ensurepip. In this order: a uv that is installed and new enough; pip, where
there is one, for it knows every setting of its own; else the wheel is looked up by the simple API (PEP 503, PEP 691) of
the indexes that pip's or uv's settings name. Whatever brings it, only a wheel of the digests below is taken. A failure
ends in one line that says what to do.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from package_indexes import IndexSettings, UnreachableIndexError, files_of, read_file, read_index_settings

VERSION = "0.13.9"
OLDEST = (0, 8, 0)
"""Of an installed uv: from here on it reads the lock and knows every option that is used here."""

_AARCH64 = "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe"  # one wheel for both C libraries
WHEELS = {
    ("x86_64", "glibc"): "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ("x86_64", "musl"): "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    ("aarch64", "glibc"): _AARCH64,
    ("aarch64", "musl"): _AARCH64,
}
TOOLS = Path(__file__).resolve().parent.parent / ".tools"
USUAL_PLACES = ("~/.local/bin/uv", "~/.cargo/bin/uv")
HOW_TO = (
    "set PIP_INDEX_URL or UV_DEFAULT_INDEX to the index that this machine reaches (HTTPS_PROXY and SSL_CERT_FILE count "
    f"too), or install uv {'.'.join(map(str, OLDEST))} or newer yourself, then run the same again"
)


def main() -> int:
    """Bring uv unless a working one is there already; the exit code."""
    target = TOOLS / "uv"
    if _version(target) >= OLDEST:
        return 0
    try:
        TOOLS.mkdir(exist_ok=True)
        target.unlink(missing_ok=True)
        if not (by_installed(target) or by_pip(target)):
            by_index(target, read_index_settings(os.environ))
    except UnreachableIndexError as error:
        print(f"uv {VERSION}, which sets leanpix up, could not be fetched ({error}): {HOW_TO}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"leanpix: {unwritable(error)}", file=sys.stderr)
        return 1
    found = _version(target)
    if found < OLDEST:
        print(
            f"leanpix: {target}, which sets leanpix up, cannot be run here: is the checkout on a disk that is mounted "
            "noexec?",
            file=sys.stderr,
        )
        return 1
    print(f"uv {'.'.join(map(str, found))} is in {target}")
    return 0


def unwritable(error: OSError) -> str:
    """What set-up could not write, and what it takes."""
    what = f"{error.filename}: {error.strerror}" if error.filename is not None else str(error)
    return (
        f"set-up cannot write its files ({what}): it takes a checkout that you may write to, such as a clone of your "
        "own, on a disk with room"
    )


def by_installed(target: Path) -> bool:
    """Go on with the machine's own uv where it is new enough."""
    for place in (shutil.which("uv"), *(os.path.expanduser(place) for place in USUAL_PLACES)):  # noqa: PTH111 - text
        if place and _version(Path(place)) >= OLDEST:
            target.write_text(f'#!/bin/sh\nexec {shlex.quote(place)} "$@"\n', encoding="utf-8")
            target.chmod(0o755)
            return True
    return False


def by_pip(target: Path) -> bool:
    """Ask pip; False where there is none or it fails: the next way says why."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.txt"
        digests = " ".join(f"--hash=sha256:{digest}" for digest in dict.fromkeys(WHEELS.values()))
        wanted.write_text(f"uv=={VERSION} {digests}\n", encoding="utf-8")
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--target", folder]
        command = [sys.executable, "-m", "pip", "install", *options, "--requirement", str(wanted)]
        done = subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - a fixed command
        binary = Path(folder) / "bin" / "uv"
        if done.returncode != 0 or not binary.is_file():
            return False
        shutil.move(binary, target)
    return True


def by_index(target: Path, settings: IndexSettings) -> None:
    """Fetch the wheel of this platform from the first index that has it, check its digest, unpack the one binary.

    UnreachableIndexError where there is none.
    """
    machine, libc = platform.machine(), "glibc" if platform.libc_ver()[0] == "glibc" else "musl"
    digest = WHEELS.get((machine, libc))
    if digest is None:
        raise UnreachableIndexError(f"no wheel of it is pinned for {machine} with {libc}")
    problems = []
    for index in settings.indexes:
        try:
            wheels = [file for file in files_of("uv", index, settings) if file.name.startswith(f"uv-{VERSION}-")]
            fitting = re.compile(rf"({'manylinux' if libc == 'glibc' else 'musllinux'})\w*_{machine}\b")
            # An index that tells no digests is asked for the wheels whose names fit.
            for file in (f for f in wheels if f.sha256 == digest or (f.sha256 is None and fitting.search(f.name))):
                wheel = read_file(file, index, settings)
                if hashlib.sha256(wheel).hexdigest() == digest:
                    return _unpack(wheel, target)
            problems.append(f"{index.url} has no wheel of the pinned digest")
        except UnreachableIndexError as error:
            problems.append(str(error))
    raise UnreachableIndexError("; ".join(problems) or "the settings of pip name no index")


def _unpack(wheel: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        target.write_bytes(archive.read(member))
    target.chmod(0o755)


def _version(uv: Path) -> tuple[int, ...]:
    """Of a uv that runs; (0,) of anything else."""
    try:
        told = subprocess.run([uv, "--version"], check=False, capture_output=True, text=True, timeout=60)  # noqa: S603 - as above
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", told.stdout)
    return tuple(map(int, found.groups())) if found else (0,)


if __name__ == "__main__":
    raise SystemExit(main())
