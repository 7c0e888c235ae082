"""Every example of the README and the pages runs as it stands, with the reader's own address, key and pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.support.examples import Example, Reader, examples_of
from tests.support.pictures import gradient
from tests.support.server import Server, clean_environment, running_server
from tests.support.websites import website_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "deploy" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
LANGUAGES = {"sh", "bash", "python", "json"}
IN_ONE_SHELL = {ROOT / "docs" / name for name in ("quickstart.md", "tutorial-shop.md")}  # test_one_shell.py
OPERATING = set(ROOT.glob("docs/operate-*.md"))  # tests/operator
EXAMPLES = {page: found for page in PAGES if (found := examples_of(page))}
ONE_BY_ONE = sorted(set(EXAMPLES) - IN_ONE_SHELL - OPERATING)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop on the web, with its pictures under /photos/."""
    folder = tmp_path_factory.mktemp("shop")
    lay_out(folder)
    with website_of(folder) as address:
        yield address


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop: str) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("examples") / "data"
    with running_server(
        data_dir, fetch_allow_nets="127.0.0.0/8", fetch_ports=f"443,{shop.rpartition(':')[2]}"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    return server.new_key("reader", qps=100)


@pytest.fixture
def reader(tmp_path: Path, server: Server, key: str, shop: str) -> Reader:
    lay_out(tmp_path)
    own = {
        "PATH": f"{Path(sys.executable).parent}:{server.environment['PATH']}",
        "HOME": str(tmp_path / "home"),
        "LEANPIX_DATA_DIR": str(server.data_dir),
        "LEANPIX_WORKERS": "1",
        "NO_PROXY": "*",
    }
    substitutes = {"http://127.0.0.1:8000": server.base, "YOUR_API_KEY": key, "https://shop.example/": f"{shop}/"}
    return Reader(tmp_path, clean_environment() | own, substitutes)


def lay_out(folder: Path) -> None:
    """The reader's files: photo.jpg, and a catalogue in photos/."""
    noise = np.random.default_rng(5).normal(0, 12, (120, 180, 3))
    photo = Image.fromarray((np.asarray(gradient(180, 120)) + noise).clip(0, 255).astype(np.uint8))
    (folder / "photos" / "shoes").mkdir(parents=True)
    photo.save(folder / "photo.jpg", quality=95)
    photo.save(folder / "photos" / "shoes" / "boot.jpg", quality=95)
    photo.crop((0, 0, 90, 120)).save(folder / "photos" / "hat.jpg", quality=95)
    gradient(60, 40).save(folder / "photos" / "logo.png")


@pytest.mark.parametrize(
    "page", sorted(set(EXAMPLES) - IN_ONE_SHELL - OPERATING), ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_example_of_a_page_runs_in_its_order(page: Path, reader: Reader) -> None:
    for example in EXAMPLES[page]:
        if example.reason is None:
            assert example.language in LANGUAGES, f"line {example.line}: cannot run {example.language!r}"
            run(reader, example)
    reader.finish()


def run(reader: Reader, example: Example) -> None:
    try:
        reader.run(example)
    except AssertionError as failure:
        pytest.fail(f"{example.page.name}, line {example.line}: {failure}")


def test_few_examples_are_only_shown_and_each_says_why() -> None:
    examples = [example for page in EXAMPLES.values() for example in page]
    shown = [example for example in examples if example.reason is not None]
    assert all(len(example.reason or "") >= len("it never ends") for example in shown)
    assert len(shown) <= len(examples) / 3, f"{len(shown)} of {len(examples)} are not run"
