"""`leanpix compress` and `leanpix check` in pipes and jobs of others: standard input, lists of files, resumed runs."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

from PIL import Image
from tests.support.batch import compress, environment
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX


def piped(home: Path, *words: str | Path, source: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [LEANPIX, *words], env=environment(home), cwd=home, input=source, capture_output=True, check=False
    )


def test_a_picture_goes_through_a_pipe(tmp_path: Path) -> None:
    source = encoded(gradient(200, 120), quality=98)
    done = piped(tmp_path, "compress", "-", "--format", "webp", source=source)
    assert (done.returncode, done.stderr) == (0, b"")
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (200, 120))
    assert len(done.stdout) < len(source)


def test_what_is_no_picture_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    done = piped(tmp_path, "compress", "-", source=b"no picture")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"standard input: Invalid image file" in done.stderr
    assert piped(tmp_path, "compress", "-", "-o", "x", source=b"").returncode == 2


def test_listed_files_keep_their_folders_and_two_of_one_name_do_not_clash(tmp_path: Path) -> None:
    for name in ("x/hat.jpg", "y/hat.jpg", "a b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(gradient(120, 80), quality=98))
    words = ["compress", "--json", "--quality", "60", "--files-from", "-"]
    lines = piped(tmp_path, *words, "-o", "lines", source=b"x/hat.jpg\ny/hat.jpg\na b.jpg\n")
    nulls = piped(tmp_path, *words, "-o", "nulls", source=b"x/hat.jpg\0y/hat.jpg\0a b.jpg\0")
    for done, folder in ((lines, "lines"), (nulls, "nulls")):
        assert done.returncode == 0, done.stderr
        assert all((tmp_path / folder / name).is_file() for name in ("x/hat.jpg", "y/hat.jpg", "a b.jpg"))


def test_a_resumed_run_tells_the_totals_over_all_runs(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    for number in range(4):
        (tmp_path / "shop" / f"{number}.jpg").write_bytes(encoded(gradient(150 + number, 100), quality=98))
    whole = sum(path.stat().st_size for path in (tmp_path / "shop").iterdir())
    first = compress(tmp_path, "--in-place", tmp_path / "shop" / "0.jpg", tmp_path / "shop" / "1.jpg")
    second = compress(tmp_path, "--in-place", tmp_path / "shop", "--report", tmp_path / "report.html")
    assert (first.summary["compressed"], second.summary["done before"]) == (2, 2)
    assert second.summary["all_runs_bytes_before"] == whole
    assert second.summary["all_runs_bytes_after"] == first.summary["bytes_after"] + second.summary["bytes_after"]


def test_check_names_what_wastes_and_passes_when_it_was_compressed(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "hat.jpg").write_bytes(encoded(gradient(300, 200), quality=98))
    before = piped(tmp_path, "check", "--max-waste", "10", "shop", source=b"")
    assert (before.returncode, before.stdout.startswith(b"shop/hat.jpg: ")) == (4, True)
    assert list((tmp_path / "shop").iterdir()) == [tmp_path / "shop" / "hat.jpg"]
    assert compress(tmp_path, "--in-place", tmp_path / "shop").code == 0
    after = piped(tmp_path, "check", "shop", "--output-format", "json", source=b"")
    assert after.returncode == 0, after.stdout
    assert json.loads(after.stdout)["summary"] == {
        "pictures": 1,
        "wasteful": 0,
        "failed": 0,
        "max_waste": 10.0,
        "bytes_to_save": 0,
    }
    elsewhere = piped(tmp_path / "shop", "check", ".", source=b"")
    assert elsewhere.returncode == 0  # another machine: the mark in the file tells
