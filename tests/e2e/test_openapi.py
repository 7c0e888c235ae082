"""A real server keeps to its OpenAPI document: schemathesis sends what it allows, and what it forbids."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from jsonschema_rs import validator_for
from tests.support.cluster import balanced_server
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server, key_in, running_server

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "tests" / "support" / "schemathesis.toml"
MANY = "100000"
# `make conformance` asks for more, from another beginning each time.
EXAMPLES = os.environ.get("CONFORMANCE_EXAMPLES", "5")
SEED = os.environ.get("CONFORMANCE_SEED", "20261122")


# Refuses nobody for asking often, and gives strangers' addresses up soon.
PATIENT = {
    "queue_max": MANY,
    "queue_max_per_key": MANY,
    "fetch_timeout_s": "2",
    "sync_wait_s": "5",
    "webhook_senders": "0",
}


@pytest.fixture(params=["one machine", "cluster"])
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """One machine, and two API nodes with two workers behind a balancer."""
    with ExitStack() as stack:
        if request.param == "cluster":
            postgres, seaweed = request.getfixturevalue("postgres"), request.getfixturevalue("seaweed")
            yield stack.enter_context(balanced_server(postgres, seaweed, tmp_path, **PATIENT))
        else:
            yield stack.enter_context(running_server(tmp_path / "data", **PATIENT))


def test_schemathesis_finds_no_violation(patient: Server, tmp_path: Path) -> None:
    key = key_in(patient.cli("keys", "create", "--name", "schemathesis", "--admin", "--qps", MANY))
    command = [str(SCHEMATHESIS), "--config-file", str(CONFIG), "run", f"{patient.base}/openapi.json"]
    keys = ["--header", f"X-API-KEY: {key}", "--auth", f"api:{key}"]
    sizes = ["--max-examples", EXAMPLES, "--seed", SEED, "--continue-on-failure", "--no-color"]
    patience = ["--request-timeout", "120", "--suppress-health-check", "all"]
    words = [*command, *keys, *sizes, *patience]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "Tested: " in done.stdout
    assert patient.process.poll() is None


def test_the_document_is_served_and_names_where_it_lies(server: Server) -> None:
    document = httpx.get(f"{server.base}/openapi.json", trust_env=False).json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "."}]


@pytest.mark.parametrize("fields", [{}, {"widths": "60,120", "formats": "webp,jpg"}])
def test_a_result_is_as_the_document_says(server: Server, fields: dict[str, str]) -> None:
    picture = encoded(gradient(240, 120), quality=95)
    with server.client() as client:
        document = client.get("/openapi.json").json()
        answer = client.post(API, data={"sync": "1", **fields}, files={"image_file": picture}, timeout=60).json()
    schema = {"$ref": "#/components/schemas/Succeeded", "components": document["components"]}
    assert "worst" in answer["data"]["report"]
    validator_for(schema).validate(answer["data"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/keys", {"GET", "HEAD", "POST"}),
        ("GET", "/api/tasks/visual/imgcompress", {"POST"}),
        ("POST", "/api/tasks/visual/imgcompress/x", {"DELETE", "GET", "HEAD"}),
        ("PUT", "/", {"GET", "HEAD"}),
    ],
)
def test_a_method_that_a_url_does_not_take_is_405_and_names_all_that_it_takes(
    server: Server, method: str, path: str, allowed: set[str]
) -> None:
    with server.client() as client:
        refused = client.request(method, path)
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == allowed
    assert refused.json()["status"] == 405


def test_unknown_fields_are_ignored_whatever_they_hold(server: Server) -> None:
    body = {"image_url": "http://127.0.0.1:9/a.jpg", "quality": 80.0, "tags": ["a", {"b": None}], "flag": True}
    with server.client() as client:
        assert client.post("/api/tasks/visual/imgcompress", json=body).status_code == 200
        refused = client.post("/api/tasks/visual/imgcompress", json={"image_url": ["http://a.example"]})
    assert refused.status_code == 400
    assert "image_url" in refused.json()["message"]


def test_credits_for_a_key_without_a_limit_are_a_conflict(server: Server) -> None:
    with server.client() as admin:
        made = admin.post("/v1/keys", json={"name": "no limit"}).json()["data"]
        refused = admin.post(f"/v1/keys/{made['id']}/topup", json={"credits": 4})
    assert refused.status_code == 409
    assert "unlimited" in refused.json()["message"]
