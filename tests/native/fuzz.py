"""Every native kernel under AddressSanitizer and UndefinedBehaviorSanitizer, with allocations that are refused.

    python -m tests.native.fuzz --seconds 60

Two ways. libFuzzer drives fuzz_*.c, which check what the kernels answer: deflate streams by zlib, the rest by readers
of their own. Then the engine's tests run on a library of the same kernels: there the encoders' results are read back
by Pillow with libpng, libwebp and libjpeg. Both need clang and zlib's header. A finding's input lies in build/fuzz.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
TARGETS = ("deflate", "rows", "palette", "plane", "colour", "hidden", "over", "metric", "cells", "jpeg", "encode")
READ_BACK = (
    "tests/engine/test_png_strips.py",
    "tests/engine/test_alpha_plane.py",
    "tests/engine/test_lossless_webp.py",
    "tests/engine/test_jpegli.py",
    "tests/engine/test_jpeg_lossless.py",
    "tests/engine/test_own_jpegs.py",
    "tests/native/jpeg_allocations.py",
)
# As hatch_build.py compiles them, with checks.
FLAGS = [
    *("-std=gnu11", "-g", "-O2", "-fPIC", "-fno-omit-frame-pointer", "-fno-math-errno", "-fno-trapping-math"),
    *("-fopenmp-simd", "-Wno-pass-failed", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]
_LONGEST_CASE = 4096  # bytes
_MOST_MEMORY_MB = 2048
_MOST_S = 60  # a case


@dataclass(frozen=True)
class Outcome:
    """What a run came to. edges: of the program's graph, reached; finding: the end of the log, or nothing."""

    target: str
    executions: int
    edges: int
    finding: str


def missing() -> str | None:
    """Why this machine cannot do it; None where it can."""
    if shutil.which("clang") is None:
        return "clang is missing (apt-get install clang)"
    trial = "#include <zlib.h>\nint LLVMFuzzerTestOneInput(const void *d, unsigned long n) { return d && n ? 0 : 0; }\n"
    words = ["clang", "-x", "c", "-fsanitize=fuzzer,address", "-", "-lz", "-o", "/dev/null"]
    done = subprocess.run(words, input=trial, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "libFuzzer or zlib's header is missing (apt-get install clang zlib1g-dev)"


def build(folder: Path, targets: Sequence[str] = TARGETS, here: Path = HERE) -> None:
    """Compile the kernels with counted allocations, a program a target, and the library for Python."""
    folder.mkdir(parents=True, exist_ok=True)
    kernels = [
        _compiled(source, folder, "-include", str(here / "allocations.h"), "-fsanitize=fuzzer-no-link")
        for source in sorted((ROOT / "native").rglob("*.c"))
    ]
    allocations = _compiled(here / "fuzz_allocations.c", folder)
    main = _compiled(here / "fuzz_main.c", folder)
    for target in targets:
        own = _compiled(here / f"fuzz_{target}.c", folder)
        parts: list[str | Path] = [own, main, allocations, *kernels]
        linked = ["clang", "-fsanitize=fuzzer,address,undefined", *parts, "-lm", "-ldl", "-lz"]
        _run([*linked, "-o", _program(folder, target)])
    sources = sorted((ROOT / "native").rglob("*.c"))
    words: list[str | Path] = [
        *FLAGS,
        "-shared-libasan",
        "-shared",
        "-include",
        here / "allocations.h",
        *sources,
        allocations,
    ]
    _run(["clang", *words, "-lm", "-ldl", "-o", folder / "kernels.so"])


def fuzz(folder: Path, target: str, seconds: float) -> Outcome:
    """Run a target for so long, on the cases that earlier runs found worth keeping."""
    corpus = folder / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    words = [f"-max_total_time={seconds:.0f}", f"-max_len={_LONGEST_CASE}", f"-timeout={_MOST_S}", "-len_control=0"]
    words += ["-rss_limit_mb=0", "-print_final_stats=1", f"-artifact_prefix={folder}/{target}-"]
    done = subprocess.run(
        [_program(folder, target), *words, corpus],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # libFuzzer's own bound goes by the most that a process ever had, and a child begins with its parent's.
        env=os.environ | {"ASAN_OPTIONS": f"hard_rss_limit_mb={_MOST_MEMORY_MB}"},
    )
    log = done.stderr
    executions = re.search(r"number_of_executed_units: (\d+)", log)
    edges = re.findall(r" cov: (\d+)", log)
    finding = "" if done.returncode == 0 else log[-6000:]
    return Outcome(target, int(executions[1]) if executions else 0, int(edges[-1]) if edges else 0, finding)


def read_back(folder: Path, tests: Sequence[str] = READ_BACK) -> Outcome:
    """Run tests of the engine on the library with the sanitizers in it."""
    runtime = _run(["clang", "-print-file-name=libclang_rt.asan-x86_64.so"]).strip()
    named = {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own are many
        "SANITIZED_LIBRARY": str(folder / "kernels.so"),
    }
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "tests.native.sanitized",
        "-p",
        "no:cacheprovider",
        *tests,
    ]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **named}, capture_output=True, text=True, errors="replace", check=False
    )
    passed = re.search(r"(\d+) passed", done.stdout)
    finding = "" if done.returncode == 0 and passed else (done.stdout + done.stderr)[-6000:]
    return Outcome("read back", int(passed[1]) if passed else 0, 0, finding)


def main() -> int:
    """Build, run everything, print a line each; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--only", choices=TARGETS, nargs="*", default=TARGETS)
    chosen = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 1
    build(chosen.folder)
    outcomes = [fuzz(chosen.folder, target, chosen.seconds / len(chosen.only)) for target in chosen.only]
    outcomes.append(read_back(chosen.folder))
    print(f"{'target':10} {'runs':>9} {'edges':>6}")
    for outcome in outcomes:
        print(f"{outcome.target:10} {outcome.executions:9} {outcome.edges:6} {'FOUND' if outcome.finding else ''}")
    for outcome in outcomes:
        if outcome.finding:
            print(f"\n{outcome.target}:\n{outcome.finding}")
    return int(any(outcome.finding for outcome in outcomes))


def _program(folder: Path, target: str) -> Path:
    return folder / f"fuzz_{target}"


def _compiled(source: Path, folder: Path, *words: str) -> Path:
    target = folder / f"{source.stem}.o"
    _run(["clang", *FLAGS, "-Wall", "-Wextra", *words, "-c", source, "-o", target])
    return target


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
