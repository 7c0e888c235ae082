"""Build what is published, into dist/, and check it: sdists and wheels of leanpix, leanpix-client, leanpix-metric.

`make dist` runs this with the tools of the dependency group `dist`. The wheels are built from the sdist, so it is
complete. Those with the native kernels are compiled by zig's clang against the C library of manylinux_2_28, whatever
this machine is; the one without them is for every other machine. Files that are equal have equal times: the commit's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
UV = ROOT / ".tools" / "uv"
GLIBC = "2.28"  # of Debian 10, RHEL 8, Ubuntu 18.10; most of the wheels that leanpix depends on want it too
ARCHITECTURES = ("x86_64", "aarch64")
LIBRARY = "_native.so"
KERNELS = {"leanpix": f"leanpix/engine/{LIBRARY}", "leanpix_metric": f"leanpix_metric/{LIBRARY}"}
"""Where a distribution's wheels for a platform have them."""

METRIC = (
    "engine/libraries/__init__.py",
    "engine/libraries/native.py",
    "engine/content/__init__.py",
    "engine/content/cells/",
    "engine/judging/__init__.py",
    "engine/judging/comparison.py",
    "engine/judging/ssimulacra2.py",
    "engine/judging/ssimulacra2_native.py",
    "engine/judging/ssimulacra2_numpy.py",
    "engine/judging/ssimulacra2_weights.py",
    "engine/judging/thin_lines.py",
    "engine/judging/views.py",
    "engine/judging/worst_place.py",
    "domain/worst_place.py",
)
"""What the metric consists of; its modules keep their place below leanpix.engine or leanpix.domain."""
_INNER = re.compile(r"\bleanpix\.(?:engine|domain)\b")
STAMP_WITHOUT_GIT = "1767225600"  # 2026-01-01


def main() -> int:
    """Build everything anew, then check it; the exit code."""
    with tempfile.TemporaryDirectory(prefix="leanpix-dist-") as folder:
        place = Path(folder)
        made = place / "dist"
        for tree in (ROOT, staged_metric(place / "metric")):
            source = unpacked(build_sdist(tree, made), place / f"{tree.name}-source")
            for architecture in ARCHITECTURES:
                build_wheel(source, made, kernel_environment(architecture))
            build_wheel(source, made, {"LEANPIX_BUILD_NATIVE": "0"})
        client_sdist = build_sdist(staged_client(place / "client"), made)
        build_wheel(unpacked(client_sdist, place / "client-source"), made, {})

        files = sorted(made.glob("*.tar.gz")) + sorted(made.glob("*.whl"))
        check_metadata(files)
        for wheel in made.glob("*.whl"):
            check_contents(wheel)
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        for file in files:
            shutil.copy2(file, DIST / file.name)
            print(f"{file.stat().st_size:>9} {file.name}")
    return 0


def build_sdist(source: Path, target: Path) -> Path:
    """The sdist of a tree."""
    before = set(target.glob("*.tar.gz"))
    run([str(UV), "build", "--quiet", "--sdist", "--out-dir", str(target), str(source)], environment())
    (made,) = set(target.glob("*.tar.gz")) - before
    return made


def build_wheel(source: Path, target: Path, settings: dict[str, str]) -> None:
    """A wheel of a tree, with the build hook's settings."""
    run([str(UV), "build", "--quiet", "--wheel", "--out-dir", str(target), str(source)], environment() | settings)


def environment() -> dict[str, str]:
    """This process's, without settings of a build of its own, with the time that packed files get."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEANPIX_") and name != "CC"}
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    commit = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a fixed command
    return {"SOURCE_DATE_EPOCH": commit.stdout.strip() or STAMP_WITHOUT_GIT} | kept


def kernel_environment(architecture: str) -> dict[str, str]:
    """The build hook's settings for a wheel with kernels. baseline: they choose by the processor when they run."""
    compiler = f"{sys.executable} -m ziglang cc -target {architecture}-linux-gnu.{GLIBC} -mcpu=baseline -s"
    return {"CC": compiler, "LEANPIX_WHEEL_PLATFORM": f"manylinux_{GLIBC.replace('.', '_')}_{architecture}"}


def staged_client(target: Path) -> Path:
    """A tree of which leanpix-client is built."""
    staged("client", target)
    shutil.copytree(
        ROOT / "src" / "leanpix" / "client", target / "leanpix_client", ignore=shutil.ignore_patterns("__pycache__")
    )
    (target / "leanpix_client" / "py.typed").touch()
    return target


def staged_metric(target: Path) -> Path:
    """A tree of which leanpix-metric is built: the engine's own modules, which import one another by its name there."""
    staged("metric", target)
    package = target / "leanpix_metric"
    package.mkdir()
    (target / "package.py").rename(package / "__init__.py")
    sources = ROOT / "src" / "leanpix"
    for name in METRIC:
        for source in sorted((sources / name).glob("*.py")) if name.endswith("/") else [sources / name]:
            copy = package.joinpath(*source.relative_to(sources).parts[1:])
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_INNER.sub("leanpix_metric", source.read_text()))
            if re.search(r"^\s*(?:from|import) leanpix\b", copy.read_text(), re.MULTILINE):
                raise SystemExit(f"{source} imports more of leanpix than the metric has")
    (package / "py.typed").touch()

    (target / "native").mkdir()
    shutil.copytree(ROOT / "native" / "metric", target / "native" / "metric")
    shutil.copy2(ROOT / "native" / "export.h", target / "native")
    shutil.copy2(ROOT / "hatch_build.py", target)
    return target


def staged(name: str, target: Path) -> None:
    """What packaging/ has of a distribution, and the licence; a version other than leanpix's ends the build."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    shutil.copytree(ROOT / "packaging" / name, target)
    shutil.copy2(ROOT / "LICENSE", target)
    found = tomllib.loads((target / "pyproject.toml").read_text())["project"]["version"]
    if found != wanted:
        raise SystemExit(f"leanpix is {wanted}, packaging/{name}/pyproject.toml says {found}")


def unpacked(sdist: Path, target: Path) -> Path:
    """The tree in an sdist."""
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    (tree,) = target.iterdir()
    return tree


def check_metadata(files: list[Path]) -> None:
    """Whether an index would take them and show their description."""
    run([sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, files)], dict(os.environ))


def check_contents(wheel: Path) -> None:
    """Kernels exactly where the tag promises them, for no newer C library than it says, and no foreign top level."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    distribution = wheel.name.partition("-")[0]
    if {name.partition("/")[0] for name in names if ".dist-info/" not in name} - {"leanpix", distribution}:
        raise SystemExit(f"{wheel.name} installs more than {distribution}")
    is_native = not wheel.name.endswith("-none-any.whl")
    kernels = [name for name in names if name.endswith(LIBRARY)]
    wanted = [KERNELS[distribution]] if is_native else []
    if kernels != wanted:
        raise SystemExit(f"{wheel.name} has the kernels {kernels}, not {wanted}")
    if is_native:
        check_platform(wheel)


def check_platform(wheel: Path) -> None:
    """What auditwheel says: linked to the C library alone, of no newer version than the tag says."""
    command = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a fixed command
    verdict = re.search(r'the following platform tag:\s+"manylinux_2_(\d+)_(\w+)"', done.stdout)
    _, _, minor, architecture = wheel.stem.rpartition("-")[2].split("_", 3)
    if verdict is None or int(verdict[1]) > int(minor) or verdict[2] != architecture:
        raise SystemExit(f"auditwheel does not agree with {wheel.name}:\n{done.stdout}{done.stderr}")


def run(command: list[str], settings: dict[str, str]) -> None:
    """Run a program; what it printed where it fails."""
    done = subprocess.run(command, check=False, env=settings, capture_output=True, text=True)  # noqa: S603 - our tools
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    raise SystemExit(main())
