"""Clients that are generated from the OpenAPI document compile. `make clients` brings the tools and runs these."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from leanpix.web.app import ROUTES
from leanpix.web.openapi.document import make_document

NOT_ASKED = "CLIENTS ARE NOT GENERATED HERE: `make clients` fetches the generators and compilers, and takes two minutes"
NPM_PACKAGES = ["openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3"]
TSC = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths, components } from "./api";

const client = createClient<paths>({ baseUrl: "https://img.example", headers: { "X-API-KEY": "key" } });

export async function compress(image_url: string): Promise<components["schemas"]["TaskAnswer"]> {
  const made = await client.POST("/api/tasks/visual/imgcompress", { body: { image_url, quality: 80, format: "webp" } });
  if (made.error) throw new Error(made.error.message);
  const path = { task_id: made.data.data.task_id };
  const found = await client.GET("/api/tasks/visual/imgcompress/{task_id}", { params: { path } });
  if (found.error) throw new Error(`${found.error.status}`);
  const task = found.data.data;
  if (task.state === 1) console.log(task.image, task.report.saved_share);
  return found.data;
}
"""
VALIDATOR = Path("/usr/share/gocode/src/gopkg.in/validator.v2")

pytestmark = pytest.mark.skipif(os.environ.get("GENERATED_CLIENTS") != "1", reason=NOT_ASKED)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(make_document(ROUTES, "https://img.example")))
    return path


def run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"NOT FOUND: {', '.join(missing)}")


def test_a_typescript_client_compiles_and_knows_the_states_apart(document: Path) -> None:
    needs("npm", "npx")
    folder = document.parent
    run(folder, "npm", "init", "--yes")
    run(folder, "npm", "install", "--no-audit", "--no-fund", *NPM_PACKAGES)
    run(folder, "npx", "openapi-typescript", document.name, "-o", "api.ts")
    (folder / "use.ts").write_text(TYPESCRIPT)
    run(folder, "npx", "tsc", *TSC, "--skipLibCheck", "use.ts")


def test_a_go_client_compiles(document: Path) -> None:
    needs("go", "openapi-generator-cli")
    folder = document.parent / "client"
    options = "--additional-properties=withGoMod=true,packageName=leanpix"
    run(document.parent, "openapi-generator-cli", "generate", "-g", "go", "-i", document.name, "-o", "client", options)
    shutil.rmtree(folder / "test")  # examples of tests, which need yet another module
    run(folder, "go", "mod", "edit", f"-replace=gopkg.in/validator.v2={validator(document.parent / 'validator')}")
    run(folder, "go", "build", "-mod=mod", ".")


def validator(folder: Path) -> Path:
    """The one module that the generated code imports: Debian's, or one with the same function where it is missing."""
    if VALIDATOR.is_dir():
        shutil.copytree(VALIDATOR, folder)
    else:
        folder.mkdir()
        (folder / "validate.go").write_text("package validator\n\nfunc Validate(interface{}) error { return nil }\n")
    (folder / "go.mod").write_text("module gopkg.in/validator.v2\n\ngo 1.20\n")
    return folder
