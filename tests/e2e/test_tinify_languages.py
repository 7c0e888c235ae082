"""Tinify's official clients for PHP, Ruby and Java, a client for Go, and the two classes of the WordPress plugin.

Their registries are not everywhere: `make clients CLIENT_SOURCES=folder` runs them out of a folder of their sources,
which docs/tinify.md says how to fill. In a copy of them the server's address and the list of authorities are changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.client_place import MARK, PROGRAMS, Place, check_smaller, secured_place, shape
from tests.support.third_party import SOURCES, from_sources, pointed_at, run

JARS = tuple(Path("/usr/share/java") / name for name in ("okhttp.jar", "okio.jar", "gson.jar"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with secured_place(tmp_path_factory.mktemp("tinify")) as made:
        yield made


@pytest.fixture
def place(secured: Place, tmp_path: Path) -> Place:
    return secured.filled(tmp_path)


def needs(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT FOUND: {', '.join(missing)}")


def sources(place: Place, name: str) -> Path:
    """A copy of a client's sources that knows this server; of the version that docs/tinify.md names."""
    source = SOURCES[name]
    folder = from_sources(name)
    found = re.search(source.pattern, (folder / source.file).read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == source.version, "another version than in SOURCES and docs/tinify.md: change both"
    return pointed_at(place.relay.base, place.relay.ca_file, folder, place.work / "sources")


def printed(text: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(text[text.index("{") :])
    return told


def check_official(place: Place, told: dict[str, Any]) -> None:
    """What each of the official clients was made to do."""
    before = place.pictures()
    check_smaller(before, place.out)
    assert shape((place.out / "fit.jpg").read_bytes()) == ("JPEG", (60, 40), None)
    assert shape((place.out / "converted.webp").read_bytes())[:2] == ("WEBP", (240, 160))
    assert shape((place.out / "kept.jpg").read_bytes()) == ("JPEG", (240, 160), MARK)
    assert (told["width"], told["height"], told["type"]) == (240, 160, "image/jpeg")
    assert told["size"] == (place.out / "a.jpg").stat().st_size
    assert told["count"] >= 5  # two uploads, three sets of commands
    assert (told["no picture"], told["wrong key"]) == (415, 401)


def test_php(place: Place) -> None:
    needs("php")
    copy = sources(place, "tinify-php")
    check_official(place, printed(run(["php", PROGRAMS / "client.php", copy], place.work, place.environment)))


def test_ruby(place: Place) -> None:
    needs("ruby")
    copy = sources(place, "tinify-ruby")
    check_official(place, printed(run(["ruby", PROGRAMS / "client.rb", copy], place.work, place.environment)))


def test_java(place: Place) -> None:
    needs("javac", "java")
    missing = [str(jar) for jar in JARS if not jar.exists()]
    if missing:
        pytest.skip(f"NOT FOUND: {', '.join(missing)}: Debian's libokhttp-java and libgoogle-gson-java have them")
    copy = sources(place, "tinify-java")
    made, jars = place.work / "classes", os.pathsep.join(map(str, JARS))
    files = sorted((copy / "src" / "main" / "java").rglob("*.java"))
    run(["javac", "-nowarn", "-d", made, "-cp", jars, *files, PROGRAMS / "Main.java"], place.work, {})
    words = [str(made), str(copy / "src" / "main" / "resources"), jars]
    command = ["java", "-cp", os.pathsep.join(words), "Main", str(place.source), str(place.out), place.key]
    check_official(place, printed(run(command, place.work, place.environment)))


def test_go(place: Place) -> None:
    needs("go")
    copy = sources(place, "tinify-go")
    (copy / "go.mod").write_text("module github.com/gwpp/tinify-go\n\ngo 1.19\n")
    (copy / "cmd").mkdir()
    shutil.copy(PROGRAMS / "main.go", copy / "cmd")
    told = {"GOCACHE": str(place.work / "cache"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    command = ["go", "run", "./cmd", str(place.source), str(place.out), place.key]
    run(command, copy, place.environment | told)
    check_smaller(place.pictures(), place.out)
    for name in ("fit.jpg", "scaled.jpg"):
        assert shape((place.out / name).read_bytes())[:2] == ("JPEG", (60, 40))


@pytest.mark.parametrize("kind", ["Tiny_Compress_Client", "Tiny_Compress_Fopen"])
def test_wordpress(place: Place, kind: str) -> None:
    needs("php")
    copy = sources(place, "wordpress-plugin")
    told = printed(run(["php", PROGRAMS / "wordpress.php", copy, kind], place.work, place.environment))
    assert told["ok"]
    assert shape((place.out / "a.jpg").read_bytes()) == ("JPEG", (60, 40), MARK)
    check_smaller({"b.png": place.pictures()["b.png"]}, place.out)
    assert told["a.jpg"]["output"].items() >= {"type": "image/jpeg", "width": 60, "height": 40, "resized": True}.items()
    assert told["count"] >= 3
    assert told["refused"] == {"ok": False, "message": "Credentials are invalid"}
    assert told["no picture"] == 415
