"""Build hook: compile the optional native kernels, or leave them out where there is no C compiler.

The result is a plain shared object that is loaded through ctypes: it needs no Python headers to build and fits
every Python version, so the wheel's tag names the platform only. LEANPIX_BUILD_NATIVE=0 builds a wheel without it,
for any platform; CC chooses the compiler.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
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
    """Compile the C files under native/ into leanpix/engine/_native.so and mark the wheel as platform-specific."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files of a wheel."""
        del version  # editable and standard wheels carry the same library
        root = Path(self.root)
        target = root / "src" / "leanpix" / "engine" / "_native.so"
        target.unlink(missing_ok=True)  # one of an earlier build would be packed
        if os.environ.get("LEANPIX_BUILD_NATIVE") == "0":
            return
        problem = _compile(sorted((root / "native").rglob("*.c")), target)
        if problem is not None:
            target.unlink(missing_ok=True)
            self.app.display_warning(f"leanpix is built without its native kernels, and slower: {problem}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False


def _compile(sources: list[Path], target: Path) -> str | None:
    """Compile and link; what went wrong, or None."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    command = [*compiler, *FLAGS, "-o", str(target), *map(str, sources), *LIBRARIES]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - the build's own compiler
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else f"{compiler[0]} failed:\n{done.stderr}"
