"""Build hook: compile the optional native kernels, or leave them out where there is no C compiler.

The result is a plain shared object that is loaded through ctypes: it needs no Python headers to build and fits
every Python version, so the wheel's tag names the platform only. LEANPIX_BUILD_NATIVE=0 builds a wheel without it,
for any platform; CC chooses the compiler. LEANPIX_WHEEL_PLATFORM (manylinux_2_28_aarch64) says which platform a CC that
compiles for another one compiles for: such a wheel is for others, so a compiler that fails ends the build.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# No -march: the kernels choose by the processor they run on. No -ffast-math: the loops say themselves which sums
# may be reordered (the pragmas that -fopenmp-simd reads; nothing of OpenMP is linked).
FLAGS = [
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp-simd",
    "-Wall",
    "-Wextra",
]
LIBRARIES = ["-lm", "-ldl"]


class NativeBuildHook(BuildHookInterface):  # type: ignore[misc,type-arg] # hatchling's base class is untyped
    """Compile the C files under native/ into _native.so and mark the wheel as platform-specific.

    Where it lies in the wheel is the hook's setting `place`, a folder that ends in a slash.

    Nothing is written into the tree: what lies there counts as source, and a build that changed it would be due again
    at every set-up. A wheel without the library says in _native_missing.txt why.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files of a wheel."""
        self.made = Path(tempfile.mkdtemp(prefix="leanpix-build-"))
        if version == "editable":  # Python would look for the library beside the sources, where nothing is written
            return
        library = self.made / "_native.so"
        sources = sorted((Path(self.root) / "native").rglob("*.c"))
        wanted, asked_platform = os.environ.get("LEANPIX_BUILD_NATIVE") != "0", os.environ.get("LEANPIX_WHEEL_PLATFORM")
        problem = _compile(sources, library) if wanted else "LEANPIX_BUILD_NATIVE=0"
        if problem is None:
            build_data["force_include"][str(library)] = self.config["place"] + library.name
            platform = asked_platform or sysconfig.get_platform()
            build_data["tag"] = f"py3-none-{platform.replace('-', '_').replace('.', '_')}"
            build_data["pure_python"] = False
            return
        if wanted and asked_platform:
            raise RuntimeError(f"the native kernels cannot be built for {asked_platform}: {problem}")
        if wanted:
            self.app.display_warning(f"{self.metadata.name} is built without its native kernels, and slower: {problem}")
        reason = self.made / "_native_missing.txt"
        reason.write_text(_in_one_line(problem), encoding="utf-8")
        build_data["force_include"][str(reason)] = self.config["place"] + reason.name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling when the wheel is written."""
        del version, build_data, artifact_path
        shutil.rmtree(self.made)


def _compile(sources: list[Path], target: Path) -> str | None:
    """Compile and link; what went wrong, or None."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    command = [*compiler, *FLAGS, "-o", str(target), *map(str, sources), *LIBRARIES]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - the build's own compiler
    except FileNotFoundError:
        return f"no C compiler ({compiler[0]})"
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else f"{compiler[0]} failed:\n{done.stderr}"


def _in_one_line(problem: str) -> str:
    """The first error of a compiler that said more."""
    first, *more = problem.splitlines()
    error = next((line for line in more if "error" in line.lower()), "")
    return f"{first} {error}".strip()
