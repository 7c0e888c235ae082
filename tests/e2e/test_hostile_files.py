"""Every hostile file through HTTP: each ends as its manifest says, and the server serves on as before."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.corpus import CORPUS
from tests.support.hostile import NAMES, ends_of, make_hostile, send_all
from tests.support.pictures import encoded, gradient
from tests.support.processes import decoders_of, descriptors_of
from tests.support.server import API, Server, running_server


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not CORPUS.is_dir():
        pytest.skip("the generator of hostile files is not beside this checkout")
    settings = {"queue_max_per_key": "500", "child_max_age_s": "1"}
    with running_server(tmp_path_factory.mktemp("hardened") / "data", **settings) as server:
        yield server


def test_every_hostile_file_ends_as_its_manifest_says(hardened: Server, tmp_path: Path) -> None:
    allowed = {path.name: states for path, states in make_hostile(tmp_path / "hostile").items()}
    uploads = {name: (tmp_path / "hostile" / name).read_bytes() for name in allowed}
    key = hardened.new_key("hostile", qps=1000)
    before = descriptors_of(hardened.process.pid)
    sent = send_all(hardened, key, uploads, quality="75", width="64", height="64")  # what hurts is reading them
    assert sent.statuses == {"wrong_empty.jpg": 400}  # an empty file part alone: wrong by itself, and no task
    ends = ends_of(hardened, key, sent, within_s=400)
    wrong = {name: (end, sorted(allowed[name])) for name, end in ends.items() if end not in allowed[name]}
    assert wrong == {}
    assert len(ends) == 133
    assert hardened.process.poll() is None
    until_s = time.monotonic() + 15  # a child is kept for its key's next picture for a second
    while decoders_of(hardened.process.pid):
        assert time.monotonic() < until_s
        time.sleep(0.1)
    assert descriptors_of(hardened.process.pid) <= before + 10
    assert list((hardened.data_dir / "files").glob("sources/*")) == []


def test_file_names_are_neither_used_nor_repeated(hardened: Server) -> None:
    picture, boundary = encoded(gradient(32, 32)), b"frontier"
    files_before = {path for path in hardened.data_dir.rglob("*") if path.is_file()}
    with hardened.client() as client:
        for name in json.loads(NAMES.read_text(encoding="utf-8")):
            head = b'Content-Disposition: form-data; name="image_file"; filename="' + _quoted(name) + b'"\r\n\r\n'
            mode = b'\r\n--%s\r\nContent-Disposition: form-data; name="sync"\r\n\r\n1' % boundary
            body = b"--%s\r\n%s%s%s\r\n--%s--\r\n" % (boundary, head, picture, mode, boundary)
            content_type = {"Content-Type": "multipart/form-data; boundary=frontier"}
            answer = client.post(API, content=body, headers=content_type)
            assert answer.json()["data"]["state"] == 1, name
            result = client.get(answer.json()["data"]["image"])
            assert result.status_code == httpx.codes.OK
            task_id = answer.json()["data"]["task_id"]
            assert result.headers["Content-Disposition"] == f'inline; filename="{task_id}-1.jpg"'
            assert "X-Evil" not in result.headers
    made = {path for path in hardened.data_dir.rglob("*") if path.is_file()} - files_before
    roots = {path.relative_to(hardened.data_dir).parts[0] for path in made}
    assert roots <= {"files", "leanpix.db-wal", "leanpix.db-shm"}


def _quoted(name: str) -> bytes:
    """As a careless client writes it: the quotes escaped, everything else as it is."""
    return name.replace('"', '\\"').replace("\r", "%0D").replace("\n", "%0A").encode("utf-8", "surrogatepass")
