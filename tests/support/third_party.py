"""Clients that others wrote, as their registries hand them out: which versions, where they are put, how they run.

None of their files is changed. A client that has its server's name written into it is led to the tests' own by the
names it asks for (Node) or, in a copy of its sources, by that name alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
NAMES = ("api.tinify.com", "api.tinypng.com")  # of Tinify's servers
_INSTALL_S = 240
_QUIET = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--fetch-retries=1")


@dataclass(frozen=True)
class Client:
    """One client: its name and version there, and what it is installed with."""

    name: str
    version: str
    beside: tuple[str, ...] = ()
    registry: str = "npm"

    @property
    def packages(self) -> tuple[str, ...]:
        joint = "@" if self.registry == "npm" else "=="
        return (f"{self.name}{joint}{self.version}", *self.beside)


_WEBPACK = ("webpack@4.47.0", "file-loader@6.2.0")
CLIENTS = (
    Client("tinify", "1.8.3"),
    Client("grunt-tinypng", "0.7.0", ("grunt@1.6.1",)),
    Client("gulp-tinypng-extended", "3.0.3", ("gulp@5.0.1",)),
    Client("gulp-tinypng-compress", "1.2.5", ("gulp@5.0.1",)),
    Client("gulp-tinypng", "1.0.2", ("gulp@5.0.1",)),
    Client("tinypng-webpack-plugin", "2.0.0", _WEBPACK),
    Client("webpack-tinypng-compress", "1.0.1", _WEBPACK),
    Client("tinypng", "1.0.0"),
    Client("tinypng-cli", "0.0.7"),
    Client("tinify-cli", "1.1.0"),
    Client("tinify-client", "3.1.1"),
    Client("tinicly", "0.1.5", registry="PyPI"),
    Client("tinypng", "3.0.0", ("requests", "docopt"), registry="PyPI"),
)


@dataclass(frozen=True)
class Source:
    """A client that is run out of its sources: where they are, and where they say their version."""

    version: str
    repository: str
    file: str
    pattern: str


SOURCES: Mapping[str, Source] = {
    "tinify-php": Source("1.6.4", "tinify/tinify-php", "lib/Tinify.php", r'VERSION = "([\d.]+)"'),
    "tinify-ruby": Source("1.7.1", "tinify/tinify-ruby", "lib/tinify/version.rb", r'VERSION = "([\d.]+)"'),
    "tinify-java": Source("1.8.9", "tinify/tinify-java", "pom.xml", r"<version>([\d.]+)</version>"),
    "tinify-go": Source("1.0", "gwpp/tinify-go", "tinify/tinify.go", r'VERSION = "([\d.]+)"'),
    "wordpress-plugin": Source("3.7.0", "tinify/wordpress-plugin", "readme.txt", r"Stable tag: ([\d.]+)"),
}


def client_of(name: str, registry: str = "npm") -> Client:
    return next(client for client in CLIENTS if (client.name, client.registry) == (name, registry))


def from_npm(client: Client) -> Path:
    """The folder whose node_modules has it; skips, and says so in capitals, where npm brings nothing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(f"NO NODE AND NPM HERE: {client.name} is NOT tested")
    folder = TOOLS / "third-party" / f"{client.name}-{client.version}"
    if (folder / "installed").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text("{}")
    _install(client, ["npm", "install", *_QUIET, "--prefix", str(folder), *client.packages])
    (folder / "installed").touch()
    return folder


def from_pypi(client: Client) -> Path:
    """The folder that its modules are in; skips, and says so in capitals, where PyPI brings nothing."""
    folder = TOOLS / "third-party" / f"python-{client.name}-{client.version}"
    if not (folder / "installed").exists():
        uv = [str(TOOLS / "uv"), "pip", "install", "--quiet", "--target", str(folder), "--python"]
        _install(client, [*uv, str(ROOT / ".venv" / "bin" / "python"), *client.packages])
        (folder / "installed").touch()
    return folder


def _install(client: Client, command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        told = str(getattr(error, "stderr", "") or error)[-300:]
        pytest.skip(f"{client.registry} INSTALLS NOTHING HERE: {client.name} is NOT tested: {told}")


def from_sources(name: str) -> Path:
    """The folder of a client's sources that `make clients CLIENT_SOURCES=folder` was given; skips without."""
    given = os.environ.get("CLIENT_SOURCES")
    if not given:
        pytest.skip(f"NO SOURCES OF {name} HERE: `make clients CLIENT_SOURCES=folder` runs it, see docs/tinify.md")
    folder = Path(given) / name
    if not folder.is_dir():
        pytest.skip(f"{folder} IS NOT THERE: {name} is NOT tested")
    return folder


def pointed_at(base: str, ca_file: Path, sources: Path, copy: Path) -> Path:
    """A copy of a client's sources, with this base URL for Tinify's and this list of authorities for its own."""
    shutil.copytree(sources, copy, ignore=shutil.ignore_patterns(".git", "test", "tests"))
    for path in [path for path in copy.rglob("*") if path.is_file()]:
        if path.name == "cacert.pem":
            path.write_bytes(ca_file.read_bytes())
            continue
        content = path.read_bytes()
        changed = content
        for name in NAMES:
            changed = changed.replace(f"https://{name}".encode(), base.encode())
        if changed != content:
            path.write_bytes(changed)
    return copy


def run(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    """What a client printed; the test fails with it where the client does."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
