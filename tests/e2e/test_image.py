"""The container image, built from deploy/Dockerfile on a Debian made by debootstrap, run within a container's limits.

`make test-image` runs these: without a daemon, without a container registry, in about seven minutes.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.containers import Store, missing, seccomp_profile
from tests.support.machines import container_base
from tests.support.pictures import encoded, gradient
from tests.support.server import free_port

from leanpix.client import Client

NOT_ASKED = "THE IMAGE IS NOT TRIED HERE: `make test-image` builds and runs it, as root, in about seven minutes"
TAG, BASE = "localhost/leanpix:test", "localhost/leanpix-base:test"
_START_S = 60.0

if os.environ.get("IMAGE") != "1":
    pytest.skip(NOT_ASKED, allow_module_level=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The built image."""
    if reason := missing():
        pytest.skip(reason)
    made = Store(tmp_path_factory.mktemp("containers"))
    try:
        made.import_base(container_base(), BASE)
        made.run(
            "make", "--no-print-directory", "image", "BUILDER=buildah", f"BASE={BASE}", f"TAG={TAG}", timeout_s=1800
        )
        yield made
    finally:
        made.remove()


class Container:
    """The service in a container with as little as one may be given: no capability, a read-only root, 64 MB of memory
    to share, a filter of system calls. The network is the machine's, for a bridge needs more programs.
    """

    def __init__(self, store: Store, profile: Path) -> None:
        self.store, port = store, free_port()
        self.base = f"http://127.0.0.1:{port}"
        limits = [
            "--read-only",
            "--read-only-tmpfs=false",
            "--tmpfs=/tmp:size=64m,mode=1777",
            "--cap-drop=all",
            "--memory=2g",
            "--shm-size=64m",
        ]
        limits += ["--security-opt=no-new-privileges", f"--security-opt=seccomp={profile}"]
        limits += ["--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"]
        settings = ["--env=LEANPIX_HOST=127.0.0.1", f"--env=LEANPIX_PORT={port}", "--env=LEANPIX_WORKERS=1"]
        self.id = store.podman("run", "--detach", "--pull=never", "--network=host", *limits, *settings, TAG).strip()
        try:
            self._wait()
            told = self.inside("leanpix", "keys", "create", "--name", "test", "--json")
            self.key = re.findall(r"lp_\w+", told)[0]
        except BaseException:
            self.remove()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.base}/readyz", trust_env=False).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        pytest.fail(f"no /readyz in {_START_S:g} s:\n{self.store.podman('logs', self.id)}")

    def inside(self, *command: str) -> str:
        return self.store.podman("exec", self.id, *command)

    def ended_by_stop(self) -> int:
        self.store.podman("stop", "--time=40", self.id)
        return int(self.store.podman("inspect", "--format={{.State.ExitCode}}", self.id))

    def remove(self) -> None:
        self.store.podman("rm", "--force", "--volumes", self.id)


@pytest.fixture(scope="module", params=[(), ("landlock",), ("seccomp",), ("landlock", "seccomp")], ids=str)
def container(
    request: pytest.FixtureRequest, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """Under podman's filter as it is, and refused what the sandbox is made of."""
    made = Container(store, seccomp_profile(tmp_path_factory.mktemp("profile"), request.param))
    made.refused = request.param  # type: ignore[attr-defined] # told to one test below
    yield made
    made.remove()


def test_pictures_are_compressed(container: Container, tmp_path: Path) -> None:
    pictures = {f"a.{form.lower()}": encoded(gradient(640, 480), form) for form in ("JPEG", "PNG", "WEBP")}
    with Client(container.base, container.key) as client:
        for name, data in pictures.items():
            (tmp_path / name).write_bytes(data)
            result = client.compress(tmp_path / name, quality=70)
            assert len(result.data) <= len(data)


def test_a_body_of_the_largest_size_is_taken(container: Container) -> None:
    """It is more than stays in memory: it waits in /tmp while it arrives."""
    pixels = gradient(640, 480)
    padded = encoded(pixels) + b"\0" * (19 << 20)
    with Client(container.base, container.key) as client:
        assert len(client.compress(padded, quality=70).data) < len(padded)


def test_doctor_is_content_and_says_which_layers_hold(container: Container) -> None:
    told = json.loads(container.inside("leanpix", "doctor", "--json"))
    assert told["healthy"] is True
    refused: tuple[str, ...] = container.refused  # type: ignore[attr-defined] # set by the fixture
    for layer in refused:
        (value,) = [value for name, value in told["Protection"].items() if layer in name.lower()]
        assert "off" in value, told["Protection"]


def test_it_is_an_ordinary_user_who_can_write_nowhere_else(container: Container) -> None:
    assert container.inside("id").strip() == "uid=10001(leanpix) gid=10001(leanpix) groups=10001(leanpix)"
    tried = "for place in / /etc /opt/leanpix /var/tmp /run; do touch $place/x 2>/dev/null && echo $place; done; true"
    assert container.inside("sh", "-c", tried) == ""
    container.inside("touch", "/data/x")


def test_its_health_is_asked_as_the_image_says(container: Container) -> None:
    container.store.podman("healthcheck", "run", container.id)


def test_it_ends_in_order_when_it_is_stopped(container: Container) -> None:
    assert container.ended_by_stop() == 0
