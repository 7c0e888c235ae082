"""Where clients of others are run: a server as they see it behind a proxy that speaks https, and pictures for them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from tests.support.accounts import key_for
from tests.support.batches import textured
from tests.support.pictures import encoded
from tests.support.server import free_port, running_server
from tests.support.third_party import NAMES
from tests.support.tls import Relay, tls_relay

PROGRAMS = Path(__file__).parents[1] / "e2e" / "clients" / "tinify"
COPYRIGHT, MARK = 0x8298, "(c) Nobody"


@dataclass(frozen=True)
class Place:
    """What a client is told: a server, a key, a folder of pictures, and one for what comes of them."""

    relay: Relay
    key: str
    work: Path

    @property
    def source(self) -> Path:
        return self.work / "in"

    @property
    def out(self) -> Path:
        return self.work / "out"

    @property
    def environment(self) -> dict[str, str]:
        """The scene as JSON, and the relay's authority under the names that programs look for one."""
        # The relay under its own name as well: there the results are.
        names = {
            "names": [*NAMES, "127.0.0.1"], "port": urlsplit(self.relay.base).port, "ca": str(self.relay.ca_file)
        }  # fmt: skip
        scene = {"key": self.key, "in": str(self.source), "out": str(self.out), "work": str(self.work)}
        trusted = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        return {
            "NODE_OPTIONS": f"--require={PROGRAMS / 'names.cjs'}", "NO_PROXY": "*",
            "TINIFY_NAMES": json.dumps(names), "TINIFY_SCENE": json.dumps(scene),
            **dict.fromkeys(trusted, str(self.relay.ca_file)),
        }  # fmt: skip

    def filled(self, work: Path) -> Place:
        """The same server with a folder of its own: a JPEG with a copyright, and a PNG."""
        place = replace(self, work=work)
        place.source.mkdir()
        place.out.mkdir()
        mark = Image.Exif()
        mark[COPYRIGHT] = MARK
        (place.source / "a.jpg").write_bytes(encoded(textured(1, 240, 160), quality=95, exif=mark.tobytes()))
        (place.source / "b.png").write_bytes(encoded(textured(2, 120, 90), "PNG"))
        return place

    def pictures(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.source.iterdir()}


@contextmanager
def secured_place(folder: Path) -> Iterator[Place]:
    """A server that knows itself under an https address, and no pictures yet."""
    port = free_port()
    with (
        running_server(folder / "data", public_url=f"https://127.0.0.1:{port}") as server,
        tls_relay(server.base, folder, port, NAMES) as relay,
    ):
        yield Place(relay, key_for(server, "shop", credits=500, qps=100), folder)


def shape(content: bytes) -> tuple[str | None, tuple[int, int], object]:
    """Format, sides and copyright of a picture."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.format, picture.size, picture.getexif().get(COPYRIGHT)


def check_smaller(before: Mapping[str, bytes], folder: Path, mark: str | None = None) -> None:
    """All of them are there, smaller, of their format and sides; JPEGs with that copyright."""
    for name, content in before.items():
        after = (folder / name).read_bytes()
        form, sides, _ = shape(content)
        assert shape(after) == (form, sides, mark if form == "JPEG" else None)
        assert len(after) < len(content)
