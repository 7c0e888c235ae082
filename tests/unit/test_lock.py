"""The lock: what it pins installs without a compiler on every Python and processor that leanpix runs on."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import set_up
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = [(3, 11), (3, 12), (3, 13), (3, 14)]
MACHINES = ["x86_64", "aarch64"]
GLIBC_OF_DEBIAN_12 = 36
PURE_SOURCES = {"pyvips"}
"""A source distribution alone, which is Python alone: it builds anywhere."""
BEFORE = {"backports-zstd": (3, 14)}
"""What is installed for older Pythons only: from this one on it is in the standard library."""


def _tags(python: tuple[int, int], machine: str) -> set[Tag]:
    """What an interpreter on Debian 12 takes."""
    old = [f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_OF_DEBIAN_12, 4, -1)] + old
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, f"cp3{python[1]}", platforms)}


def _wheels() -> dict[str, list[set[Tag]]]:
    """The tags of each wheel by package; the lock may have several versions of one, for several Pythons."""
    lock: dict[str, list[dict[str, Any]]] = tomllib.loads((ROOT / "uv.lock").read_text())
    wheels = defaultdict[str, list[set[Tag]]](list)
    for package in lock["package"]:
        if "registry" not in package["source"]:
            continue
        wheels[package["name"]] += [
            set(parse_wheel_filename(unquote(wheel["url"].rpartition("/")[2]))[3])
            for wheel in package.get("wheels", [])
        ]
    return wheels


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: ".".join(map(str, python)))
def test_every_pin_has_a_wheel(python: tuple[int, int], machine: str) -> None:
    taken, wheels = _tags(python, machine), _wheels()
    assert len(wheels) > 100
    wanted = {name: tags for name, tags in wheels.items() if python < BEFORE.get(name, (4,))}
    missing = {name for name, tags in wanted.items() if not any(taken & each for each in tags)}
    assert missing <= PURE_SOURCES


def test_set_up_takes_the_pythons_that_the_wheels_are_for() -> None:
    taken = [set_up.OLDEST, set_up.NEWEST]
    assert taken == [PYTHONS[0], PYTHONS[-1]]
