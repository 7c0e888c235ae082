"""Clients that are generated from the OpenAPI document compile and work. `make clients` brings the tools for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from tests.support.cluster import until
from tests.support.pictures import encoded, gradient
from tests.support.server import Server

from leanpix.web.app import mounted
from leanpix.web.openapi.document import make_document
from leanpix.web.settings import WebSettings

NOT_ASKED = "CLIENTS ARE NOT GENERATED HERE: `make clients` fetches the generators and compilers, and takes two minutes"
NPM_PACKAGES = ["@types/node@20", "openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3"]
TSC = ["--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
PROGRAMS = Path(__file__).with_name("clients")
VALIDATOR = Path("/usr/share/gocode/src/gopkg.in/validator.v2")

pytestmark = pytest.mark.skipif(os.environ.get("GENERATED_CLIENTS") != "1", reason=NOT_ASKED)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(make_document(mounted(WebSettings()), "https://img.example")))
    return path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"NOT FOUND: {', '.join(missing)}")


@pytest.fixture
def words(server: Server, tmp_path: Path) -> list[str]:
    """What the programs in `clients` are told: where the server is, a key, a picture and an archive of pictures."""
    picture = encoded(gradient(200, 100))
    (tmp_path / "picture.jpg").write_bytes(picture)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("a.jpg", picture)
        archive.writestr("b.jpg", picture)
    return [server.base, server.key, str(tmp_path / "picture.jpg"), str(tmp_path / "pictures.zip")]


def check_pictures(server: Server, printed: str, *shown: str) -> None:
    """A picture was uploaded and made another of; the archive became a batch of two."""
    first, batch_id = printed.split("\n")[:2]
    assert first.split() == list(shown)
    with server.client() as client:
        until(lambda: client.get(f"/v1/batches/{batch_id}").json()["data"]["counts"]["succeeded"] == 2)


def test_a_typescript_client_compiles_and_speaks_to_a_server(document: Path, server: Server, words: list[str]) -> None:
    needs("npm", "npx", "node")
    folder = document.parent
    run(folder, "npm", "init", "--yes")
    run(folder, "npm", "install", "--no-audit", "--no-fund", *NPM_PACKAGES)
    run(folder, "npm", "pkg", "set", "type=module")
    run(folder, "npx", "openapi-typescript", document.name, "-o", "api.ts")
    programs = [str(shutil.copy(PROGRAMS / name, folder)) for name in ("compress.ts", "pictures.ts")]
    run(folder, "npx", "tsc", *TSC, "--skipLibCheck", *programs)
    check_pictures(server, run(folder, "node", "pictures.js", *words), "image/webp", "200", "SourceNotFound")


def test_a_go_client_compiles_and_speaks_to_a_server(document: Path, server: Server, words: list[str]) -> None:
    needs("go", "openapi-generator-cli")
    folder = document.parent / "client"
    options = "--additional-properties=withGoMod=true,packageName=leanpix"
    run(document.parent, "openapi-generator-cli", "generate", "-g", "go", "-i", document.name, "-o", "client", options)
    shutil.rmtree(folder / "test")  # examples of tests, which need yet another module
    (folder / "pictures").mkdir()
    shutil.copy(PROGRAMS / "pictures.go", folder / "pictures" / "main.go")
    run(folder, "go", "mod", "edit", "-module=example.org/leanpix")
    run(folder, "go", "mod", "edit", f"-replace=gopkg.in/validator.v2={validator(document.parent / 'validator')}")
    check_pictures(server, run(folder, "go", "run", "-mod=mod", "./pictures", *words), "image/webp", "200")


def validator(folder: Path) -> Path:
    """The one module that the generated code imports: Debian's, or one with the same function where it is missing."""
    if VALIDATOR.is_dir():
        shutil.copytree(VALIDATOR, folder)
    else:
        folder.mkdir()
        (folder / "validate.go").write_text("package validator\n\nfunc Validate(interface{}) error { return nil }\n")
    (folder / "go.mod").write_text("module gopkg.in/validator.v2\n\ngo 1.20\n")
    return folder
