"""What `make dist` built, installed into empty environments and used as a stranger would; `make test-dist` runs these.

The dependencies are the newest that the index has, as they are for whoever installs: not those of the lock.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.machines import arm64_python, interpreter, newest_cpu
from tests.support.pictures import encoded, gradient
from tests.support.server import Server, clean_environment, start_program, start_server

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".tools" / "uv"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
NOT_ASKED = "THE DISTRIBUTIONS ARE NOT TRIED HERE: `make test-dist` builds and installs them, in two to nine minutes"
DIST = ROOT / os.environ.get("DIST", "")

if "DIST" not in os.environ:
    pytest.skip(NOT_ASKED, allow_module_level=True)


class Environment:
    """An empty virtual environment, and what is run in it."""

    def __init__(self, place: Path, version: str) -> None:
        python = interpreter(version)
        if python is None:
            pytest.skip(f"no Python {version} on this machine")
        self.bin = place / "bin"
        done([UV, "venv", "--quiet", "--python", python, place])

    def install(self, *words: str | Path) -> None:
        done([UV, "pip", "install", "--quiet", "--python", self.bin / "python", *words])

    def uninstall(self, name: str) -> None:
        done([UV, "pip", "uninstall", "--quiet", "--python", self.bin / "python", name])

    def run(self, name: str, *words: str | Path) -> str:
        return done([self.bin / name, *words])

    def installed(self) -> dict[str, str]:
        listed = done([UV, "pip", "list", "--quiet", "--format=json", "--python", self.bin / "python"])
        return {row["name"]: row["version"] for row in json.loads(listed)}


def done(command: list[str | Path]) -> str:
    """What a command prints; run where nothing of the tree can be imported by accident."""
    environment = {name: value for name, value in clean_environment().items() if name != "VIRTUAL_ENV"}
    ended = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def the_one(pattern: str) -> Path:
    (found,) = DIST.glob(pattern)
    return found


def native_wheel(machine: str) -> Path:
    return the_one(f"leanpix-*-manylinux_2_28_{machine}.whl")


@pytest.fixture(scope="module", params=VERSIONS)
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The whole distribution: first by its name, among those of dist/, then what that one depends on."""
    made = Environment(tmp_path_factory.mktemp("full") / "v", request.param)
    made.install("--no-index", "--find-links", DIST, "--no-deps", "leanpix")
    made.install(native_wheel(platform.machine()))
    return made


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The client alone."""
    made = Environment(tmp_path_factory.mktemp("light") / "v", f"3.{sys.version_info.minor}")
    made.install(the_one("leanpix_client-*.whl"))
    return made


@pytest.fixture
def server(full: Environment, tmp_path: Path) -> Iterator[Server]:
    started = start_program([full.bin / "leanpix"], tmp_path / "data", "", {"workers": "1"})
    yield started
    if started.process.poll() is None:
        started.kill()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photo.jpg").write_bytes(encoded(gradient(320, 240)))
    return tmp_path / "photo.jpg"


USE_CLIENT = """
import sys
from leanpix.client import Client
with Client(sys.argv[1], sys.argv[2]) as client:
    result = client.compress(sys.argv[3], quality=70)
print(result.format, len(result.data), result.report["result_bytes"])
"""


def assert_client_works(environment: Environment, server: Server, photo: Path) -> None:
    form, size, told = environment.run("python", "-c", USE_CLIENT, server.base, server.key, photo).split()
    assert (form, size) == ("jpg", told)
    assert int(size) < photo.stat().st_size


def test_the_wheel_with_the_kernels_is_chosen_and_they_load(full: Environment) -> None:
    told = json.loads(full.run("leanpix", "doctor", "--json", "--data-dir", "/nonexistent/leanpix"))
    assert told["healthy"] is True
    assert any(value.endswith("leanpix/engine/_native.so") for value in told["Engine"].values()), told["Engine"]


def test_the_shipped_kernels_use_the_newest_loops_that_this_processor_has(tmp_path: Path) -> None:
    """They come from another compiler than those that the other tests see."""
    with zipfile.ZipFile(native_wheel(platform.machine())) as wheel:
        library = ctypes.CDLL(wheel.extract("leanpix/engine/_native.so", tmp_path))
    assert library.leanpix_metric_newest_cpu() == newest_cpu()


def test_the_version_is_told(full: Environment) -> None:
    version = full.installed()["leanpix"]
    assert full.run("leanpix", "--version") == f"leanpix {version}\n"
    assert full.run("python", "-m", "leanpix", "--version") == f"leanpix {version}\n"


def test_files_are_compressed(full: Environment, photo: Path) -> None:
    full.run("leanpix", "compress", photo, "--quality", "70", "-o", photo.parent / "made")
    assert (photo.parent / "made" / "photo.jpg").stat().st_size < photo.stat().st_size


def test_it_serves_and_its_client_is_served(full: Environment, server: Server, photo: Path) -> None:
    assert_client_works(full, server, photo)
    assert server.terminate() == 0


def test_the_wheel_without_kernels_works_too(tmp_path: Path, photo: Path) -> None:
    made = Environment(tmp_path / "v", f"3.{sys.version_info.minor}")
    made.install(the_one("leanpix-*-none-any.whl"))
    made.run("leanpix", "compress", photo, "--quality", "70", "-o", tmp_path / "made")
    assert (tmp_path / "made" / "photo.jpg").stat().st_size < photo.stat().st_size


def test_the_client_alone_brings_httpx_and_what_that_needs(light: Environment) -> None:
    needed_by_httpx = {"anyio", "certifi", "h11", "httpcore", "idna", "typing-extensions"}
    assert set(light.installed()) - needed_by_httpx == {"httpx", "leanpix-client"}


def test_the_client_alone_is_served(light: Environment, tmp_path: Path, photo: Path) -> None:
    started = start_server(tmp_path / "data", workers="1")
    try:
        assert_client_works(light, started, photo)
    finally:
        started.kill()


def test_the_client_alone_is_typed(light: Environment, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("from leanpix.client import Client\nreveal_type(Client('', '').compress('x'))\n")
    checker = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache")]
    words = ["--python-executable", str(light.bin / "python"), str(tmp_path / "code.py")]
    assert 'Revealed type is "leanpix_client.values.Result"' in done([*checker, *words])


USE_METRIC = """
import numpy as np
from leanpix_metric import compare, native_path, score
reference = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
assert score(reference, reference) == 100 > compare(reference, reference ^ 8).score
print(native_path())
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_the_metric_alone_brings_numpy_and_its_kernels(version: str, tmp_path: Path) -> None:
    made = Environment(tmp_path / "v", version)
    made.install(the_one(f"leanpix_metric-*-manylinux_2_28_{platform.machine()}.whl"))
    assert set(made.installed()) == {"leanpix-metric", "numpy"}
    assert made.run("python", "-c", USE_METRIC).endswith("leanpix_metric/_native.so\n")


def test_the_metric_works_without_kernels_and_beside_the_service(tmp_path: Path) -> None:
    made = Environment(tmp_path / "v", f"3.{sys.version_info.minor}")
    made.install(the_one("leanpix_metric-*-none-any.whl"))
    made.install("--no-deps", native_wheel(platform.machine()))
    assert "not built" in made.run("python", "-c", USE_METRIC)
    made.uninstall("leanpix")
    assert "not built" in made.run("python", "-c", USE_METRIC)


def test_the_metric_alone_is_typed(tmp_path: Path) -> None:
    made = Environment(tmp_path / "v", f"3.{sys.version_info.minor}")
    made.install(the_one("leanpix_metric-*-none-any.whl"))
    (tmp_path / "code.py").write_text("import leanpix_metric\nreveal_type(leanpix_metric.score)\n")
    checker = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache")]
    told = done([*checker, "--python-executable", str(made.bin / "python"), str(tmp_path / "code.py")])
    assert "-> builtins.float" in told or "-> float" in told


@pytest.mark.parametrize("first", ["leanpix", "leanpix_client"])
@pytest.mark.parametrize("removed", ["leanpix", "leanpix-client"])
def test_both_stand_beside_each_other_and_either_goes_alone(first: str, removed: str, tmp_path: Path) -> None:
    made = Environment(tmp_path / "v", f"3.{sys.version_info.minor}")
    wheels = {"leanpix": native_wheel(platform.machine()), "leanpix_client": the_one("leanpix_client-*.whl")}
    for name in sorted(wheels, key=lambda name: name != first):
        made.install("--no-deps", wheels[name])
    made.install("httpx")
    where = "import leanpix.client; print(leanpix.client.Client.__module__)"
    assert made.run("python", "-c", where) == "leanpix.client.blocking\n"
    made.uninstall(removed)
    stays = "leanpix_client.blocking\n" if removed == "leanpix" else "leanpix.client.blocking\n"
    assert made.run("python", "-c", where) == stays


# In this process: what the service forks has no use here, and qemu could not start programs for it.
USE_ENGINE = """
import hashlib, json, platform, sys
from pathlib import Path
from leanpix.engine import CompressionOptions, OutputFormat, compress
from leanpix.engine.libraries.native import native_path
source, told = Path(sys.argv[1]).read_bytes(), {"machine": platform.machine(), "library": native_path()}
wanted = [(OutputFormat.JPG, None), (OutputFormat.PNG, 70), (OutputFormat.PNG, 100), (OutputFormat.WEBP, 80)]
for form, quality in wanted:
    data = compress(source, CompressionOptions(format=form, quality=quality)).data
    Path(sys.argv[2], f"{form.value}-{quality}").write_bytes(data)
print(json.dumps(told))
"""


def test_the_aarch64_kernels_make_what_those_of_this_machine_make(photo: Path) -> None:
    found = arm64_python()
    if isinstance(found, str):
        pytest.skip(f"no arm64 Python for qemu: {found}")
    command, version = found
    packages, here, there = (photo.parent / name for name in ("packages", "here", "there"))
    words: list[str | Path] = [
        "--python-platform",
        "aarch64-manylinux_2_28",
        "--python-version",
        version,
        "--target",
        packages,
    ]
    done([UV, "pip", "install", "--quiet", *words, native_wheel("aarch64")])
    here.mkdir()
    there.mkdir()
    done([sys.executable, "-c", USE_ENGINE, photo, here])
    preamble = f"import sys; sys.path.insert(0, {str(packages)!r})\n"
    told: dict[str, Any] = json.loads(done([*command, "-c", preamble + USE_ENGINE, photo, there]))
    assert told == {"machine": "aarch64", "library": str(packages / "leanpix/engine/_native.so")}
    sizes = {folder: {file.name: file.stat().st_size for file in folder.iterdir()} for folder in (here, there)}
    assert sizes[there] == pytest.approx(sizes[here], rel=0.02)
