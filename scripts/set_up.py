"""Make .venv from the lock, with this tree's wheel built and installed in it; nothing where that is done already.

    set_up.py run     what the service takes
    set_up.py dev     that, and what tests, linters and benchmarks take
    EXTRAS="cluster heic" set_up.py run     with extras of pyproject.toml

What set-up depends on (the lock, the sources, the interpreter, the compiler) is hashed and kept in .venv/set-up.json:
the same again ends at once, without a network. So is the folder that .venv was made in, for its commands name it: one
that was moved or copied is made anew. Run by the interpreter that .venv is made for. The first lines are for older
Pythons too: they have to be able to say that they are too old.
"""

import sys

OLDEST, NEWEST = (3, 11), (3, 14)
"""What every pin of the lock has wheels for; tests/unit/test_lock.py reads the lock for that."""

if not OLDEST <= sys.version_info[:2] <= NEWEST:
    sys.exit(
        "leanpix runs on Python 3.{} to 3.{}, and {} is {}.{}: name another, as in PYTHON=python3.13 make serve".format(
            OLDEST[1], NEWEST[1], sys.executable, *sys.version_info[:2]
        )
    )

import hashlib  # noqa: E402 - after the check
import json  # noqa: E402 - the same
import os  # noqa: E402 - the same
import shlex  # noqa: E402 - the same
import shutil  # noqa: E402 - the same
import subprocess  # noqa: E402 - the same
from pathlib import Path  # noqa: E402 - the same
from typing import Any  # noqa: E402 - the same

import bootstrap_uv  # noqa: E402 - the same
from package_indexes import UnreachableIndexError, read_index_settings  # noqa: E402 - the same

ROOT = Path(__file__).resolve().parent.parent
VENV, UV = ROOT / ".venv", ROOT / ".tools" / "uv"
STAMP = VENV / "set-up.json"
SOURCES = ("uv.lock", "pyproject.toml", "hatch_build.py", "README.md", "src", "native")
GROUPS = {"run": ["--no-default-groups"], "dev": ["--compile-bytecode"]}
ELSEWHERE = (
    "VIRTUAL_ENV",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "UV_NO_DEFAULT_GROUPS",
    "UV_NO_DEV",
    "UV_NO_GROUP",
)
"""Settings of another project, or for another environment: .venv and its groups are meant, whatever else is active."""
TRIAL = "#include <math.h>\n#include <dlfcn.h>\n#include <string.h>\nint main(void) { return 0; }\n"
WITHOUT_KERNELS = (
    "leanpix: set up without its native kernels ({reason}): everything works, pictures take up to 5 times as much "
    "processor time. With gcc and libc6-dev installed, the next set-up builds them."
)


def main(kind: str) -> int:
    """Set up unless nothing changed; the exit code."""
    try:
        return _set_up(kind)
    except OSError as error:
        print(f"leanpix: {bootstrap_uv.unwritable(error)}", file=sys.stderr)
        return 1


def _set_up(kind: str) -> int:
    digest, extras, last = _digest(), os.environ.get("EXTRAS", "").replace(",", " ").split(), _last_stamp()
    if _is_set_up(last, digest, kind, extras):
        return 0
    if (failed := bootstrap_uv.main()) != 0:
        return failed
    if _was_elsewhere(last):
        shutil.rmtree(VENV)
    STAMP.unlink(missing_ok=True)  # a set-up that is broken off has to be done again

    try:
        failed = _install([*GROUPS[kind], *(word for extra in extras for word in ("--extra", extra))])
    except UnreachableIndexError as error:
        print(f"leanpix: {error}", file=sys.stderr)
        return 1
    if failed:
        print(
            f"leanpix: set-up failed, see above; where an index was not reached: {bootstrap_uv.HOW_TO}", file=sys.stderr
        )
        return failed

    has_kernels, reason = _kernels()
    print("leanpix: set up with its native kernels" if has_kernels else WITHOUT_KERNELS.format(reason=reason))
    stamp = {"place": str(VENV), "digest": digest, "kind": kind, "extras": extras}
    STAMP.write_text(json.dumps({**stamp, "has_kernels": has_kernels, "compiles": _compiles()}), encoding="utf-8")
    return 0


# ---- What set-up depends on ------------------------------------------------------------------------------------------


def _last_stamp() -> dict[str, Any] | None:
    """What the last set-up that came to its end has told of itself."""
    try:
        told: dict[str, Any] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _was_elsewhere(told: dict[str, Any] | None) -> bool:
    """Whether .venv was made in another folder: the first line of each of its commands leads there."""
    return told is not None and told.get("place", str(VENV)) != str(VENV)


def _is_set_up(told: dict[str, Any] | None, digest: str, kind: str, extras: list[str]) -> bool:
    """Whether .venv is what is wanted, or more: what tests need holds what the service needs, but no extras by name."""
    if told is None or _was_elsewhere(told):
        return False
    if not (VENV / "bin" / "leanpix").exists() or not (VENV / "bin" / "python").exists():
        return False
    if told["digest"] != digest or told["kind"] not in {kind, "dev"} or not set(extras) <= set(told["extras"]):
        return False
    # The headers of the C library may come after the compiler, which is then the same as before.
    return bool(told["has_kernels"]) or told["compiles"] == _compiles()


def _digest() -> str:
    """Of every byte that the build or the lock gives, the interpreter and the compiler."""
    told = hashlib.sha256()
    # sys.executable may be a shim or a link that leads elsewhere tomorrow.
    for fact in (sys.version, os.path.realpath(sys.executable), _compiler(), os.environ.get("LEANPIX_BUILD_NATIVE")):
        told.update(f"{fact}\n".encode())
    for name in SOURCES:
        place = ROOT / name
        files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
        for path in files:
            if path.suffix not in {".pyc", ".so"}:
                content = path.read_bytes()
                told.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
                told.update(content)
    return told.hexdigest()


def _compiler() -> str:
    """Which C compiler the build would use; another, or a newer one, is another text."""
    found = shutil.which(_compiler_words()[0])
    if found is None:
        return "no C compiler"
    facts = Path(found).resolve().stat()
    return f"{os.environ.get('CC')} {found} {facts.st_size} {facts.st_mtime_ns}"


def _compiler_words() -> list[str]:
    return shlex.split(os.environ.get("CC") or "cc") or ["cc"]


def _compiles() -> bool:
    """Whether the compiler works at all: Debian's gcc alone has no headers."""
    command = [*_compiler_words(), "-x", "c", "-fsyntax-only", "-"]
    try:
        return subprocess.run(command, input=TRIAL, text=True, capture_output=True, check=False).returncode == 0  # noqa: S603 - the build's own compiler
    except OSError:
        return False


# ---- Installing ------------------------------------------------------------------------------------------------------


def _install(chosen: list[str]) -> int:
    """Bring .venv to the lock by uv, which goes by pip's settings too; uv's exit code."""
    settings = read_index_settings(os.environ)
    environment = {**os.environ, **settings.for_uv(os.environ), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    for name in ELSEWHERE:
        environment.pop(name, None)

    def uv(*words: str) -> int:
        return subprocess.run([str(UV), *words], cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - fixed words

    # The wheel is always built anew: a compiler that has come is nothing that uv would see.
    if settings.is_pypi:
        words = ["--quiet", "--frozen", "--no-editable", "--inexact", "--reinstall-package", "leanpix", *chosen]
        return uv("sync", *words, "--python", sys.executable)

    # The lock holds PyPI's addresses. From another index the same files are taken by their digests.
    pins = str(ROOT / ".tools" / "requirements.txt")
    compiled = [word for word in chosen if word == "--compile-bytecode"]
    groups = [word for word in chosen if word not in compiled]
    into = ["--quiet", "--python", str(VENV / "bin" / "python"), "--no-deps"]
    return (
        uv("export", "--quiet", "--frozen", "--no-emit-project", "--format", "requirements.txt", *groups, "-o", pins)
        or uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV))
        or uv("pip", "install", *into, *compiled, "--require-hashes", "--requirement", pins)
        or uv("pip", "install", *into, "--reinstall-package", "leanpix", str(ROOT))
    )


def _kernels() -> tuple[bool, str]:
    """Whether the wheel that is installed has the native library, and why not."""
    engine = next((VENV / "lib").glob("python*/site-packages/leanpix/engine"))
    reason = engine / "_native_missing.txt"
    told = reason.read_text(encoding="utf-8").strip() if reason.is_file() else "the wheel has none"
    return (engine / "_native.so").is_file(), told


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["dev"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
