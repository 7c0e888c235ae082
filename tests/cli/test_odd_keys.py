"""`leanpix sync` from a bucket that holds keys which the library that speaks to it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.support.batch import environment
from tests.support.s3_listing import listing_store
from tests.support.server import LEANPIX

from leanpix.cli.catalogue.bucket import Bucket
from leanpix.domain.errors import SetupError

GOOD = ["0.txt", "a-b.txt", "b/1.txt", "b/2.txt", "b/3.txt", "c/d/e.txt", "c/f.txt", "z.txt"]


def listed(monkeypatch: pytest.MonkeyPatch, *keys: str) -> tuple[list[str], list[str]]:
    """The keys that are listed, and the folders that cannot be."""
    with listing_store({f"from/{key}": b"x" for key in keys}) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = list(Bucket("s3://shop/from").entries())
    assert all(entry.problem and not entry.stamp for entry in found if entry.is_hole)
    return sorted(one.key for one in found if not one.is_hole), [one.key for one in found if one.is_hole]


@pytest.mark.parametrize(
    ("odd", "hole"),
    [
        (["a//b.txt", "a/c.txt"], ["a"]),
        (["b//0.txt"], ["b"]),
        (["c/d//x"], ["c/d"]),
        (["a//b", "z//b"], ["a", "z"]),
        ([], []),
    ],
)
def test_only_the_folder_of_such_a_key_is_missed(
    monkeypatch: pytest.MonkeyPatch, odd: list[str], hole: list[str]
) -> None:
    keys, holes = listed(monkeypatch, *GOOD, *odd)
    assert keys == sorted(key for key in GOOD if not key.startswith(tuple(f"{one}/" for one in hole)))
    assert holes == hole


def test_a_listing_goes_on_where_its_pages_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"b/{number:02}.txt" for number in range(20)]
    keys, holes = listed(monkeypatch, *many, "b/10/x.txt", "b/11//y.txt", "b/12/z.txt", "c.txt")
    assert keys == sorted([*many, "b/10/x.txt", "b/12/z.txt", "c.txt"])
    assert holes == ["b/11"]


def test_at_the_head_of_the_source_it_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"cannot be listed.*empty path segment"):
        listed(monkeypatch, *GOOD, "/x.txt")


def test_a_run_names_the_folder_brings_the_rest_over_and_deletes_nothing(tmp_path: Path) -> None:
    objects = {f"from/{key}": key.encode() for key in GOOD}
    with listing_store(objects) as variables:

        def run() -> tuple[int, dict[str, str], str]:
            command = [str(LEANPIX), "sync", "s3://shop/from", str(tmp_path / "to"), "--delete", "--json"]
            done = subprocess.run(
                command, env=environment(tmp_path) | variables, capture_output=True, text=True, timeout=120, check=False
            )
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            return done.returncode, {row["path"]: row["outcome"] for row in rows if "path" in row}, done.stderr

        code, outcomes, errors = run()
        assert (code, set(outcomes.values())) == (0, {"copied"}), errors
        del objects["from/b/3.txt"]
        objects["from/a//odd.txt"] = b"odd"
        code, outcomes, errors = run()
    assert code == 1
    assert outcomes["a"] == "failed"
    assert {path for path, outcome in outcomes.items() if outcome == "done before"} == set(GOOD) - {"b/3.txt"}
    assert "could not be read whole: nothing is deleted" in errors
    assert (tmp_path / "to" / "b" / "3.txt").read_text() == "b/3.txt"
