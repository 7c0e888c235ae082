"""Build hook: compile the optional native kernels, or leave them out where there is no C compiler.

The result is a plain shared object that is loaded through ctypes: it needs no Python headers to build and fits
every Python version, so the wheel's tag names the platform only.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

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
    """Compile native/*.c into leanpix/engine/_native.so and mark the wheel as platform-specific."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files of a wheel."""
        del version  # editable and standard wheels carry the same library
        root = Path(self.root)
        target = root / "src" / "leanpix" / "engine" / "_native.so"
        target.unlink(missing_ok=True)
        sources = sorted((root / "native").glob("*.c"))
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if not sources or os.environ.get("LEANPIX_BUILD_NATIVE") == "0" or shutil.which(compiler[0]) is None:
            return
        command = [*compiler, *FLAGS, "-o", str(target), *map(str, sources), *LIBRARIES]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - the build's own compiler
        if done.returncode != 0:
            self.app.display_warning(f"leanpix is built without its native kernels:\n{done.stderr}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
