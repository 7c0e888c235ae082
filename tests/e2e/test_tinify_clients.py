"""The official Tinify clients of PyPI and npm, unmodified but for the endpoint, over a TLS relay."""

from __future__ import annotations

import base64
import importlib
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest
from obstore.store import S3Store
from PIL import Image
from tests.support.accounts import key_for
from tests.support.pictures import encoded, gradient
from tests.support.server import running_server
from tests.support.servers import Seaweed
from tests.support.third_party import client_of, from_npm
from tests.support.tls import tls_relay
from tests.support.websites import Quiet, website

SCRIPTS = Path(__file__).parent / "clients" / "tinify"


def marked_jpeg() -> bytes:
    mark = Image.Exif()
    mark[0x8298] = "(c) Nobody"
    return encoded(gradient(120, 80), exif=mark.tobytes())


def transparent_png() -> bytes:
    picture = gradient(32, 32).convert("RGBA")
    picture.putalpha(0)
    return encoded(picture, "PNG")


PICTURE = marked_jpeg()


@dataclass(frozen=True)
class Scene:
    """What a client is told: where to go, whom to trust, its keys and its pictures."""

    endpoint: str
    ca: Path
    seaweed: Seaweed
    key: str
    empty_key: str
    slow_key: str
    url: str
    folder: Path

    def shelf(self, name: str) -> dict[str, object]:
        """What a client is told to have a result put into the S3 store."""
        return {
            "service": "s3", "region": "us-east-1", "path": f"pictures/clients/{name}",
            "aws_access_key_id": "leanpix", "aws_secret_access_key": "leanpix-secret",
            "headers": {"Cache-Control": "public, max-age=60"},
        }  # fmt: skip

    def stored(self, name: str) -> obstore.GetResult:
        """What the S3 store holds."""
        endpoint = self.seaweed.environment["AWS_ENDPOINT_URL"]
        store = S3Store(
            "pictures", endpoint=endpoint, access_key_id="leanpix", secret_access_key="leanpix-secret",
            region="us-east-1", client_options={"allow_http": True},
        )  # fmt: skip
        return obstore.get(store, f"clients/{name}")

    @property
    def picture(self) -> Path:
        return self.folder / "picture.jpg"

    @property
    def transparent(self) -> Path:
        return self.folder / "hole.png"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, seaweed: Seaweed) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("tinify")
    shelves = seaweed.environment["AWS_ENDPOINT_URL"]
    with (
        website(_Site) as site,
        running_server(
            folder / "data",
            fetch_allow_nets="127.0.0.0/8",
            fetch_ports=site.rpartition(":")[2],
            tinify_store_endpoints=shelves,
        ) as server,
        tls_relay(server.base, folder) as relay,
    ):
        keys = key_for(server, "shop", credits=100, qps=100), key_for(server, "empty", credits=0, qps=100)
        slow = key_for(server, "slow", credits=100, qps=2)
        made = Scene(relay.base, relay.ca_file, seaweed, *keys, slow, f"{site}/a.jpg", folder)
        made.picture.write_bytes(PICTURE)
        made.transparent.write_bytes(transparent_png())
        yield made


class _Site(Quiet, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PICTURE)))
        self.end_headers()
        self.wfile.write(PICTURE)


@pytest.fixture
def tinify(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The Python client. It trusts its own bundle of authorities, unless `requests` is told of another."""
    client: Any = importlib.import_module("tinify")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(scene.ca))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(client.Client, "API_ENDPOINT", scene.endpoint)
    client.key = scene.key
    yield client
    client.get_client().close()
    client.key = None


def picture_in(content: bytes) -> tuple[str | None, tuple[int, int]]:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.format, picture.size


def test_python_from_file_buffer_and_url(tinify: Any, scene: Scene, tmp_path: Path) -> None:
    assert tinify.validate()
    sources, counts = [], []
    with scene.picture.open("rb") as file:
        for make, what in (
            (tinify.from_file, str(scene.picture)),
            (tinify.from_file, file),
            (tinify.from_buffer, PICTURE),
            (tinify.from_url, scene.url),
        ):
            sources.append(make(what))
            counts.append(tinify.compression_count)
    assert counts == list(range(counts[0], counts[0] + 4))
    written = tmp_path / "written.jpg"
    for source in sources:
        result = source.result()
        content = result.to_buffer()
        assert picture_in(content) == ("JPEG", (120, 80))
        assert (result.width, result.height, result.size) == (120, 80, len(content))
        assert (result.media_type, result.extension) == ("image/jpeg", "jpeg")
        assert len(content) < len(PICTURE)
        source.to_file(str(written))
        assert written.read_bytes() == content
    assert tinify.compression_count == counts[-1]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"method": "scale", "width": 60}, (60, 40)),
        ({"method": "fit", "width": 60, "height": 30}, (45, 30)),
        ({"method": "cover", "width": 30, "height": 30}, (30, 30)),
        ({"method": "thumb", "width": 30, "height": 20}, (30, 20)),
    ],
)
def test_python_resize(tinify: Any, options: dict[str, object], size: tuple[int, int]) -> None:
    assert picture_in(tinify.from_buffer(PICTURE).resize(**options).to_buffer()) == ("JPEG", size)


def test_python_convert_transform_and_preserve(tinify: Any, scene: Scene) -> None:
    source = tinify.from_buffer(PICTURE)
    assert picture_in(source.convert(type="image/webp").to_buffer())[0] == "WEBP"
    assert source.convert(type=["image/webp", "image/png"]).result().extension == "webp"
    assert picture_in(source.convert(type="*/*").to_buffer())[0] in {"WEBP", "JPEG"}
    hole = tinify.from_file(str(scene.transparent))
    filled = hole.convert(type="image/jpeg").transform(background="black").to_buffer()
    with Image.open(io.BytesIO(filled)) as picture:
        assert np.asarray(picture.convert("RGB")).max() < 16
    for kept in (
        source.preserve("copyright"),
        source.resize(method="scale", width=30).preserve(["copyright", "location"]),
    ):
        with Image.open(io.BytesIO(kept.to_buffer())) as picture:
            assert picture.getexif()[0x8298] == "(c) Nobody"
    with Image.open(io.BytesIO(source.to_buffer())) as picture:
        assert not picture.getexif()


def test_python_store(tinify: Any, scene: Scene) -> None:
    source = tinify.from_buffer(PICTURE)
    plain, small = (
        source.store(**scene.shelf("plain.jpg")),
        source.resize(method="scale", width=30).store(**scene.shelf("small.jpg")),
    )
    assert (plain.width, small.width, small.height) == (120, 30, 20)
    assert small.location.endswith("/pictures/clients/small.jpg")
    found = scene.stored("small.jpg")
    assert picture_in(bytes(found.bytes())) == ("JPEG", (30, 20))
    assert (found.attributes["Content-Type"], found.attributes["Cache-Control"]) == ("image/jpeg", "public, max-age=60")
    assert bytes(scene.stored("plain.jpg").bytes()) == source.to_buffer()
    with pytest.raises(tinify.ClientError, match="did not take the result"):
        source.store(**scene.shelf("no.jpg") | {"aws_secret_access_key": "wrong"})


def test_python_errors(tinify: Any, scene: Scene) -> None:
    with pytest.raises(tinify.ClientError, match="no accepted format") as caught:
        tinify.from_buffer(b"no picture")
    assert (caught.value.status, caught.value.kind) == (415, "UnsupportedMediaType")
    with pytest.raises(tinify.ClientError, match=r"resize\.method"):
        tinify.from_buffer(PICTURE).resize(method="fit", width=3).to_buffer()
    with pytest.raises(tinify.ClientError) as caught:
        tinify.from_url("http://127.0.0.1:1/a.jpg")
    assert caught.value.kind == "SourceNotFound"
    tinify.key = scene.empty_key
    assert tinify.validate()
    with pytest.raises(tinify.AccountError, match="top the key up") as caught:
        tinify.from_buffer(PICTURE)
    assert caught.value.status == 429
    tinify.key = "lp_wrong_key"
    with pytest.raises(tinify.AccountError, match="Credentials are invalid") as caught:
        tinify.validate()
    assert caught.value.status == 401


def test_python_tells_a_server_that_cannot_from_one_that_is_not_there(
    tinify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(tmp_path / "data", min_free_share="0.99") as full, tls_relay(full.base, tmp_path) as relay:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(relay.ca_file))
        monkeypatch.setattr(tinify.Client, "API_ENDPOINT", relay.base)
        tinify.key = full.key
        with pytest.raises(tinify.ServerError, match="short of disk space") as caught:
            tinify.from_buffer(PICTURE)
        assert caught.value.status == 503
    with pytest.raises(tinify.ConnectionError):
        tinify.from_buffer(PICTURE)


@pytest.fixture(scope="module")
def node(scene: Scene) -> dict[str, Any]:
    """What came of everything that the npm client was made to do."""
    told = {
        "endpoint": scene.endpoint, "ca": str(scene.ca), "key": scene.key, "emptyKey": scene.empty_key,
        "url": scene.url, "picture": str(scene.picture), "transparent": str(scene.transparent),
        "written": str(scene.folder / "node.jpg"), "store": scene.shelf("node.jpg"),
    }  # fmt: skip
    found: dict[str, Any] = said_by("node.mjs", told)
    return found


def said_by(script: str, told: dict[str, Any]) -> Any:
    """What a script of the npm client's prints as JSON."""
    command = ["node", str(SCRIPTS / script), str(from_npm(client_of("tinify"))), json.dumps(told)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_node_does_what_python_does(node: dict[str, Any], scene: Scene) -> None:
    sizes = {
        "file": (120, 80), "buffer": (120, 80), "url": (120, 80), "scale": (60, 40), "cover": (40, 40),
        "convert": (120, 80), "filled": (32, 32), "preserve": (120, 80),
    }  # fmt: skip
    for name, size in sizes.items():
        told = node[name]
        kind, found = picture_in(base64.b64decode(told["picture"]))
        assert (found, (told["width"], told["height"])) == (size, size), name
        assert told["type"] == ("image/webp" if name == "convert" else "image/jpeg")
        assert (kind, told["size"]) == ("WEBP" if name == "convert" else "JPEG", told["bytes"])
    assert picture_in((scene.folder / "node.jpg").read_bytes()) == ("JPEG", (50, 33))
    with Image.open(io.BytesIO(base64.b64decode(node["preserve"]["picture"]))) as picture:
        assert picture.getexif()[0x8298] == "(c) Nobody"
    assert node["count"] > 8
    assert node["stored"]["location"].endswith("/pictures/clients/node.jpg")
    assert picture_in(bytes(scene.stored("node.jpg").bytes()))[1] == (node["stored"]["width"], 20) == (30, 20)


@pytest.mark.parametrize(
    ("case", "kind", "status"),
    [
        ("text", "ClientError", 415),
        ("wrong command", "ClientError", 400),
        ("lost url", "ClientError", 400),
        ("no credits", "AccountError", 429),
        ("wrong key", "AccountError", 401),
        ("wrong key validated", "AccountError", 401),
    ],
)
def test_node_errors(node: dict[str, Any], case: str, kind: str, status: int) -> None:
    assert (node[case]["kind"], node[case]["status"]) == (kind, status)


def test_forty_uploads_of_the_npm_client_at_once_end_well_on_a_slow_key(scene: Scene) -> None:
    told = {"endpoint": scene.endpoint, "ca": str(scene.ca), "key": scene.slow_key, "picture": str(scene.picture)}
    sizes = said_by("forty.mjs", told)
    assert len(sizes) == 40
    assert all(0 < size <= len(PICTURE) for size in sizes)
