"""Where the keys to a bucket come from besides the two variables: the machine's own service, or the container's."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from leanpix.stores.files.s3 import S3Blobs

KEYS = {
    "Code": "Success",
    "AccessKeyId": "KEYOFTHEMACHINE",
    "SecretAccessKey": "its secret",
    "Token": "its token",
    "Expiration": "2099-01-01T00:00:00Z",
}

OBJECT = b"what lies there"


class Machine(ThreadingHTTPServer):
    """A store that has one object, and what a cloud tells a machine about itself. asked: requests in order."""

    asked: list[str]
    used: set[str]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:  # the token that guards the machine's service
            self._answer(b"a token of this machine")

        def do_GET(self) -> None:
            if self.path.startswith("/pictures/"):
                self._object()
                return
            role = "/latest/meta-data/iam/security-credentials/"
            self._answer(b"the-role" if self.path == role else json.dumps(KEYS).encode())

        def _object(self) -> None:
            found = re.search(r"Credential=(\w+)/", self.headers.get("Authorization", ""))
            server.used.add(found[1] if found else "")
            self.send_response(200)
            self.send_header("ETag", '"one"')
            self.send_header("Last-Modified", "Mon, 02 Nov 2026 00:00:00 GMT")
            self.send_header("Content-Length", str(len(OBJECT)))
            self.end_headers()
            self.wfile.write(OBJECT)

        def _answer(self, body: bytes) -> None:
            server.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with Machine(("127.0.0.1", 0), Handler) as server:
        server.asked, server.used, server.daemon_threads = [], set(), True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield server
        server.shutdown()
        thread.join()


def answers() -> bool:
    store = S3Blobs("s3://pictures/prefix", patience_s=0)
    try:
        return store.glance("object") == OBJECT
    finally:
        store.close()


def test_without_variables_keys_are_asked_of_the_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{machine.server_port}")
    assert answers()
    assert machine.used == {KEYS["AccessKeyId"]}
    assert machine.asked[0] == "/latest/api/token"


def test_a_container_is_told_where_its_keys_are(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{machine.server_port}/keys")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/dev/null")
    assert answers()
    assert machine.used == {KEYS["AccessKeyId"]}
    assert set(machine.asked) == {"/keys"}


def test_the_two_variables_come_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{machine.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEYBYNAME")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "its secret")
    assert answers()
    assert (machine.used, machine.asked) == ({"KEYBYNAME"}, [])
