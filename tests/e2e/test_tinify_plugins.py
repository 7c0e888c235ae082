"""Clients of the Tinify API that npm and PyPI have beside the official ones, unmodified, over TLS.

Each makes the pictures of a folder smaller, as its README says. `make clients CLIENT_SOURCES=folder` runs those of
other registries, in test_tinify_languages.py.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.client_place import MARK, PROGRAMS, Place, check_smaller, secured_place, shape
from tests.support.third_party import client_of, from_npm, from_pypi, pointed_at, run

GRUNT = ["node", "node_modules/grunt/bin/grunt", "--gruntfile", "Gruntfile.cjs"]
GULP = ["node", "node_modules/gulp/bin/gulp.js", "--gulpfile", "gulpfile.cjs"]
# webpack 4 names its modules by a hash that OpenSSL 3 has put away.
WEBPACK = ["node", "--openssl-legacy-provider", "webpack.cjs"]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with secured_place(tmp_path_factory.mktemp("tinify")) as made:
        yield made


@pytest.fixture
def place(secured: Place, tmp_path: Path) -> Place:
    return secured.filled(tmp_path)


def node(place: Place, name: str, command: list[str]) -> None:
    """Run a client of npm in a folder that has it and the programs of this test."""
    modules = from_npm(client_of(name)) / "node_modules"
    (place.work / "node_modules").symlink_to(modules)
    for program in PROGRAMS.glob("*.cjs"):
        shutil.copy(program, place.work)
    run(command, place.work, place.environment)


BUILDS = {
    "grunt-tinypng": GRUNT,
    "gulp-tinypng-extended": [*GULP, "gulp-tinypng-extended"],
    "gulp-tinypng-compress": [*GULP, "gulp-tinypng-compress"],
    "gulp-tinypng": [*GULP, "gulp-tinypng"],
    "tinypng-webpack-plugin": [*WEBPACK, "tinypng-webpack-plugin"],
    "webpack-tinypng-compress": [*WEBPACK, "webpack-tinypng-compress"],
    "tinypng": ["node", "tinypng.cjs"],
}
COMMANDS = {
    "tinypng-cli": ["node", "node_modules/tinypng-cli/tinypng-cli.js", "{in}", "-k", "{key}"],
    "tinify-cli": ["node", "node_modules/tinify-cli/bin/cli.js", "--key", "{key}", "{in}/*"],
}


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """All at once: a registry answers many as soon as one."""
    if shutil.which("npm") is None:
        return
    with ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(from_npm, client_of(name)) for name in (*BUILDS, *COMMANDS, "tinify-client")]:
            made.exception()  # told by the test that needs it


@pytest.mark.parametrize("name", BUILDS)
def test_a_build_step_makes_the_pictures_of_a_folder_smaller(place: Place, name: str) -> None:
    before = place.pictures()
    node(place, name, BUILDS[name])
    check_smaller(before, place.out)
    assert place.pictures() == before


def test_a_build_step_keeps_metadata_by_asking_at_the_place_it_was_told(place: Place) -> None:
    before = place.pictures()
    node(place, "gulp-tinypng-extended", [*GULP, "gulp-tinypng-extended keepMetadata"])
    check_smaller(before, place.out, MARK)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_makes_the_pictures_of_a_folder_smaller_where_they_are(place: Place, name: str) -> None:
    before = place.pictures()
    node(place, name, [word.format(**{"in": place.source, "key": place.key}) for word in COMMANDS[name]])
    check_smaller(before, place.source)


def test_a_command_that_resizes_on_the_way(place: Place) -> None:
    words = ["node", "node_modules/tinypng-cli/tinypng-cli.js", str(place.source), "-k", place.key, "--width", "60"]
    node(place, "tinypng-cli", words)
    assert shape((place.source / "a.jpg").read_bytes())[:2] == ("JPEG", (60, 40))


def test_a_command_that_asks_again_until_nothing_is_saved(place: Place) -> None:
    cli = ["node", "node_modules/tinify-client/src/cli.js", str(place.source / "a.jpg"), f"key={place.key}"]
    node(place, "tinify-client", [*cli, f"output={place.out / 'a.jpg'}", "--no-base64"])
    check_smaller({"a.jpg": (place.source / "a.jpg").read_bytes()}, place.out)


def python_client(place: Place, name: str) -> dict[str, str]:
    """The environment in which Python finds a client that has this server for Tinify's."""
    installed = from_pypi(client_of(name, "PyPI"))
    copy = pointed_at(place.relay.base, place.relay.ca_file, installed, place.work / "modules")
    return place.environment | {"PYTHONPATH": str(copy)}


def test_tinicly_follows_the_place_it_was_told(place: Place) -> None:
    before, environment = place.pictures(), python_client(place, "tinicly")
    command = [sys.executable, "-m", "tinicly", str(place.source)]
    run(command, place.work, environment | {"TINIFY_KEY": place.key})
    check_smaller(before, place.source)


def test_tinypng_of_pypi_writes_a_smaller_file_beside_each(place: Place) -> None:
    before, environment = place.pictures(), python_client(place, "tinypng")
    program = (
        "from tinypng.api import shrink_file; import sys; [shrink_file(path, sys.argv[1]) for path in sys.argv[2:]]"
    )
    run(
        [sys.executable, "-c", program, place.key, *(str(place.source / name) for name in before)],
        place.work,
        environment,
    )
    for name in before:
        stem, end = name.split(".")
        (place.source / f"{stem}.tiny.{end}").rename(place.out / name)
    check_smaller(before, place.out)
