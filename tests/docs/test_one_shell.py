"""A newcomer's pages, pasted into one shell from the first command to the last, in a checkout and with its server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from tests.support.examples import Example, examples_of
from tests.support.pictures import gradient
from tests.support.server import clean_environment, free_port
from tests.support.websites import website_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
PATIENCE_S = 300


def lay_out(folder: Path) -> None:
    """A checkout as `make setup` leaves it, as far as these pages see it, and the reader's own pictures."""
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "Makefile").write_text("serve:\n\t@.venv/bin/leanpix serve\n")
    (folder / "photos" / "shoes").mkdir(parents=True)
    photo = gradient(180, 120).resize((360, 240), Image.Resampling.LANCZOS)
    for name in ("photo.jpg", "photos/shoes/boot.jpg", "photos/hat.jpg"):
        photo.save(folder / name, quality=98)


def pasted(examples: list[Example]) -> str:
    """The commands of a page as one text; scripts go to Python, as somebody would paste them there."""
    parts = []
    for example in examples:
        assert example.reason is None, f"line {example.line} is not run"
        assert example.language in {"sh", "python"}, f"line {example.line}"
        script = example.language == "python"
        parts.append(f"python - <<'END_OF_SCRIPT'\n{example.text}END_OF_SCRIPT\n" if script else example.text)
    return "\n".join(parts)


@contextmanager
def shell(folder: Path, text: str, **settings: str) -> Iterator[str]:
    """What one shell prints for the whole text; what it started in the background ends with the block."""
    environment = clean_environment() | {"HOME": str(folder), "LEANPIX_WORKERS": "1", "NO_PROXY": "*"} | settings
    output = folder / "shell.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        code = process.wait(PATIENCE_S)
        server_log = folder / "leanpix.log"
        assert code == 0, output.read_text() + (server_log.read_text() if server_log.exists() else "")
        yield output.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    lay_out(tmp_path)
    return tmp_path


def test_the_quick_start_works_as_pasted(checkout: Path) -> None:
    port = str(free_port())
    text = pasted(examples_of(DOCS / "quickstart.md")).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    with shell(checkout, text, LEANPIX_PORT=port) as printed:
        assert '"state":1' in printed.replace(" ", "")
        assert f"in   {checkout / 'data' / 'leanpix.db'}" in printed
        assert 0 < (checkout / "photo.min.jpg").stat().st_size < (checkout / "photo.jpg").stat().st_size
        assert "lp_" not in (checkout / "leanpix.log").read_text(), "the key is in the log"


def test_the_tutorial_works_as_pasted(checkout: Path) -> None:
    port = str(free_port())
    with website_of(checkout) as shop:
        text = pasted(examples_of(DOCS / "tutorial-shop.md")).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        fetching = {"LEANPIX_FETCH_ALLOW_NETS": "127.0.0.0/8", "LEANPIX_FETCH_PORTS": shop.rpartition(":")[2]}
        path = f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}"
        own = text.replace("https://shop.example/", f"{shop}/")
        with shell(checkout, own, LEANPIX_PORT=port, PATH=path, **fetching) as printed:
            assert '"state":1' in printed.replace(" ", "")
    for made in (
        "before.html",
        "web/hat.jpg",
        "web-600/hat*.webp",
        "photos/hat.webp",
        "fetched/hat.jpg",
        "from-server",
    ):
        assert list(checkout.glob(made)), made
    assert (checkout / "leanpix-data" / "leanpix.db").exists()
    assert not (checkout / "data").exists(), "a second database was made"
