"""How a package hangs together: `python scripts/rooms.py [SRC]` prints its rooms, floors, imports and circles.

A room is a module or a sub-package; its floor is one above the highest that it imports; an import counts once for two
rooms. Rooms that import one another are a circle.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("", "engine", "worker", "stores", "service", "bootstrap", "web", "cli")


def main() -> int:
    """Print a row a package."""
    sources = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "src" / "leanpix"
    for name in PACKAGES:
        rooms = imports_of(sources / name, f"leanpix.{name}".rstrip("."))
        arrows = sum(map(len, rooms.values()))
        print(f"{name or 'leanpix':10} {len(rooms):3} rooms, {floors_of(rooms)}, {arrows} imports")
    return 0


def imports_of(package: Path, name: str) -> dict[str, set[str]]:
    """The rooms of a package, each with those that it imports."""
    rooms: dict[str, set[str]] = {}
    for file in package.rglob("*.py"):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        if room != "__init__":
            rooms.setdefault(room, set()).update(_imported(file, name))
    return {room: (found & rooms.keys()) - {room} for room, found in rooms.items()}


def floors_of(rooms: Mapping[str, set[str]]) -> str:
    """How many floors there are, or a circle, for then there are none."""
    try:
        order = list(TopologicalSorter(rooms).static_order())
    except CycleError as circle:
        return f"a circle of {' and '.join(sorted(set(circle.args[1])))}"
    floors: dict[str, int] = {}
    for room in order:
        floors[room] = 1 + max((floors[other] for other in rooms[room]), default=0)
    return f"{max(floors.values())} floors"


def _imported(file: Path, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module == name:
                yield from (alias.name for alias in node.names)
            elif node.module.startswith(f"{name}."):
                yield node.module.removeprefix(f"{name}.").split(".")[0]


if __name__ == "__main__":
    sys.exit(main())
