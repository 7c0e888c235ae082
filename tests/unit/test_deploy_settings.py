"""What the files of deploy/ set exists, no pod is given settings by the names of services, and every node is probed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leanpix.settings import PREFIX, Settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
FILES = [file for file in DEPLOY.rglob("*") if file.is_file()]
PODS = [file for file in (DEPLOY / "kubernetes").glob("*.yaml") if "containers:" in file.read_text()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_every_setting_that_is_named_exists(file: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]\b", file.read_text()))
    assert named <= KNOWN


@pytest.mark.parametrize("file", PODS, ids=lambda file: file.name)
def test_no_pod_takes_the_address_of_a_service_for_its_port(file: Path) -> None:
    """Kubernetes sets LEANPIX_PORT=tcp://... in every pod beside a service that is named leanpix."""
    assert re.search(r"^      enableServiceLinks: false$", file.read_text(), re.MULTILINE)
    assert "name: leanpix\n" in (DEPLOY / "kubernetes" / "api.yaml").read_text()


def test_every_node_is_probed_for_life_without_asking_its_stores() -> None:
    """A database that is away must restart nobody: /healthz, never /readyz."""
    for name in ("api.yaml", "worker.yaml"):
        probe = re.search(r"livenessProbe:\n\s+httpGet:\n\s+path: (\S+)", (DEPLOY / "kubernetes" / name).read_text())
        assert probe is not None
        assert probe[1] == "/healthz"
    worker = (DEPLOY / "compose.yaml").read_text().partition("\n  worker:")[2].partition("\n  postgres:")[0]
    assert "/healthz" in worker
    assert "disable: true" not in worker
