"""Keys made over HTTP: a moment each, where the command line takes seconds to start."""

from __future__ import annotations

from tests.support.server import Server


def key_for(server: Server, name: str = "test", **fields: object) -> str:
    """A new key's text; fields are those of `POST /v1/keys`."""
    with server.client() as admin:
        made: str = admin.post("/v1/keys", json={"name": name, **fields}).json()["data"]["key"]
    return made
