"""The lock: what it pins installs without a compiler on every Python and processor that leanpix runs on."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import set_up
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = [(3, 11), (3, 12), (3, 13), (3, 14)]
MACHINES = ["x86_64", "aarch64"]
GLIBC_OF_DEBIAN_12 = 36
PURE_SOURCES = {"pyvips"}
"""A source distribution alone, which is Python alone: it builds anywhere."""


def _tags(python: tuple[int, int], machine: str) -> set[Tag]:
    """What an interpreter on Debian 12 takes."""
    old = [f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_OF_DEBIAN_12, 4, -1)] + old
    return {*cpython_tags(python, platforms=platforms), *compatible_tags(python, f"cp3{python[1]}", platforms)}


def _taken(python: tuple[int, int], machine: str) -> dict[str, list[set[Tag]]]:
    """Of each package that is installed there, extras and groups included, the tags of each wheel.

    The lock may have several versions of one, for several Pythons, and packages for one kind of machine alone.
    """
    lock: dict[str, list[dict[str, Any]]] = tomllib.loads((ROOT / "uv.lock").read_text())
    where = {
        "python_version": ".".join(map(str, python)),
        "python_full_version": f"{'.'.join(map(str, python))}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_system": "Linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    packages = defaultdict[str, list[dict[str, Any]]](list)
    for package in lock["package"]:
        packages[package["name"]].append(package)
    seen, queue = set[str](), ["leanpix"]
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        for package in packages[name]:
            queue += [
                edge["name"]
                for edge in _edges(package)
                if "marker" not in edge or Marker(edge["marker"]).evaluate(where)
            ]
    wheels = defaultdict[str, list[set[Tag]]](list)
    for name in seen - {"leanpix"}:
        for package in packages[name]:
            wheels[name] += [
                set(parse_wheel_filename(unquote(wheel["url"].rpartition("/")[2]))[3])
                for wheel in package.get("wheels", [])
            ]
    return wheels


def _edges(package: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from package.get("dependencies", [])
    for kind in ("optional-dependencies", "dev-dependencies"):
        for edges in package.get(kind, {}).values():
            yield from edges


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: ".".join(map(str, python)))
def test_every_pin_has_a_wheel(python: tuple[int, int], machine: str) -> None:
    taken, wheels = _tags(python, machine), _taken(python, machine)
    assert len(wheels) > 100
    missing = {name for name, tags in wheels.items() if not any(taken & each for each in tags)}
    assert missing <= PURE_SOURCES


@pytest.mark.parametrize("machine", MACHINES)
def test_jpeg_xl_comes_from_one_wheel(machine: str) -> None:
    lock: dict[str, list[dict[str, Any]]] = tomllib.loads((ROOT / "uv.lock").read_text())
    own = next(package for package in lock["package"] if package["name"] == "leanpix")
    where = {"platform_machine": machine}
    found = {
        edge["name"]
        for edge in own["dependencies"]
        if edge["name"] in {"pylibjxl", "imagecodecs"} and Marker(edge["marker"]).evaluate(where)
    }
    assert found == {"pylibjxl" if machine == "x86_64" else "imagecodecs"}


def test_set_up_takes_the_pythons_that_the_wheels_are_for() -> None:
    taken = [set_up.OLDEST, set_up.NEWEST]
    assert taken == [PYTHONS[0], PYTHONS[-1]]
