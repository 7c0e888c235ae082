"""`leanpix sync` between a folder and a real S3 store, killed and run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import pytest
from tests.support.batch import environment
from tests.support.pictures import encoded, gradient
from tests.support.server import LEANPIX
from tests.support.servers import Seaweed

PHOTO = encoded(gradient(300, 200), quality=98)
HEADERS = {"Content-Type": "image/jpeg", "Cache-Control": "max-age=86400", "Content-Language": "de", "owner": "shop"}


@dataclass
class Buckets:
    """Prefixes of one bucket, of this test alone."""

    seaweed: Seaweed
    home: Path

    def url(self, name: str) -> str:
        return f"s3://pictures/{self.home.name}/{name}"

    def put(self, key: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        attributes = dict(headers or {})
        obstore.put(self.seaweed.store(), f"{self.home.name}/{key}", content, attributes=attributes)

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        found = obstore.get(self.seaweed.store(), f"{self.home.name}/{key}")
        return bytes(found.bytes()), {str(name): str(value) for name, value in found.attributes.items()}

    def keys(self, name: str) -> dict[str, str]:
        """The keys below a prefix, with when each was written and its ETag."""
        pages = obstore.list(self.seaweed.store(), f"{self.home.name}/{name}")
        start = len(f"{self.home.name}/{name}/")
        return {
            str(meta["path"])[start:]: f"{meta['last_modified']} {meta['e_tag']}" for page in pages for meta in page
        }

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.home) | self.seaweed.environment

    def sync(self, *words: str | Path) -> tuple[dict[str, str], dict[str, Any], str]:
        """A run's outcomes by key, its summary, and what it said."""
        command = [str(LEANPIX), "sync", "--json", *map(str, words)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        summary = rows.pop()["summary"] | {"code": done.returncode} if rows else {"code": done.returncode}
        return {row["path"]: row["outcome"] for row in rows}, summary, done.stderr


@pytest.fixture
def buckets(seaweed: Seaweed, tmp_path: Path) -> Buckets:
    return Buckets(seaweed, tmp_path)


def test_headers_and_metadata_are_kept_and_what_is_done_is_not_asked_for_again(buckets: Buckets) -> None:
    buckets.put("from/a/hat ä+%41.jpg", PHOTO, HEADERS)
    buckets.put("from/page.html", b"<p>", {"Content-Type": "text/html", "Cache-Control": "no-cache"})
    buckets.put("from/0f3a", PHOTO, HEADERS)  # a picture whose key has no extension
    outcomes, summary, errors = buckets.sync(buckets.url("from"), buckets.url("to"))
    assert summary["code"] == 0, errors
    assert outcomes == {"a/hat ä+%41.jpg": "compressed", "page.html": "copied", "0f3a": "compressed"}
    content, headers = buckets.get("to/a/hat ä+%41.jpg")
    assert (len(content) < len(PHOTO), headers) == (True, HEADERS)
    content, headers = buckets.get("to/page.html")
    assert (content, headers["Cache-Control"]) == (b"<p>", "no-cache")
    written = buckets.keys("to")
    assert set(buckets.sync(buckets.url("from"), buckets.url("to"))[0].values()) == {"done before"}
    assert buckets.keys("to") == written


def test_what_changes_its_headers_alone_is_brought_over_again(buckets: Buckets) -> None:
    buckets.put("from/a.txt", b"1", {"Cache-Control": "no-cache"})
    buckets.sync(buckets.url("from"), buckets.url("to"), "--state", buckets.home / "state")
    before = buckets.keys("from")
    while buckets.keys("from") == before:  # the store's times are whole seconds
        buckets.put("from/a.txt", b"1", {"Cache-Control": "max-age=5"})
    buckets.sync(buckets.url("from"), buckets.url("to"), "--state", buckets.home / "state")
    assert buckets.get("to/a.txt")[1]["Cache-Control"] == "max-age=5"


def test_from_a_folder_and_back_with_types_times_and_a_new_format(buckets: Buckets, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    (shop / "sub").mkdir(parents=True)
    (shop / "sub" / "hat.jpg").write_bytes(PHOTO)
    (shop / "film.mp4").write_bytes(os.urandom(20 << 20))
    outcomes, summary, errors = buckets.sync(shop, buckets.url("up"), "--format", "webp")
    assert summary["code"] == 0, errors
    assert outcomes == {"film.mp4": "copied", "sub/hat.jpg": "compressed"}
    assert sorted(buckets.keys("up")) == ["film.mp4", "sub/hat.jpg.webp"]
    assert buckets.get("up/sub/hat.jpg.webp")[1]["Content-Type"] == "image/webp"
    content, headers = buckets.get("up/film.mp4")
    assert (content, headers["Content-Type"]) == ((shop / "film.mp4").read_bytes(), "video/mp4")
    outcomes, summary, errors = buckets.sync(buckets.url("up"), tmp_path / "down")
    assert (summary["code"], outcomes["sub/hat.jpg.webp"]) == (0, "kept"), errors
    assert (tmp_path / "down" / "film.mp4").read_bytes() == content
    age_s = (tmp_path / "down" / "film.mp4").stat().st_mtime - (shop / "film.mp4").stat().st_mtime
    assert -1.5 < age_s < 60


def test_deletions_reach_the_bucket_only_when_asked(buckets: Buckets, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    for name in ("a.txt", "b.txt"):
        (shop / name).write_text(name)
    buckets.put("up/foreign.txt", b"not ours")
    buckets.sync(shop, buckets.url("up"))
    (shop / "a.txt").unlink()
    buckets.sync(shop, buckets.url("up"))
    assert sorted(buckets.keys("up")) == ["a.txt", "b.txt", "foreign.txt"]
    assert buckets.sync(shop, buckets.url("up"), "--delete")[0]["a.txt"] == "deleted"
    assert sorted(buckets.keys("up")) == ["b.txt", "foreign.txt"]


@pytest.mark.parametrize("is_killed_late", [False, True])
def test_a_run_that_is_killed_loses_nothing_and_does_nothing_twice(buckets: Buckets, is_killed_late: bool) -> None:
    count = 60
    for number in range(count):
        buckets.put(f"from/{number:03}.jpg", encoded(gradient(200 + number, 150), quality=98), HEADERS)
    command = [str(LEANPIX), "sync", "--json", buckets.url("from"), buckets.url("to")]
    with subprocess.Popen(
        command, env=buckets.environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline())["path"] for _ in range(40 if is_killed_late else 5)]
        os.killpg(process.pid, signal.SIGKILL)
    written = buckets.keys("to")
    assert set(told) <= set(written)
    outcomes, summary, errors = buckets.sync(buckets.url("from"), buckets.url("to"))
    assert summary["code"] == 0, errors
    assert (len(outcomes), set(outcomes.values())) == (count, {"compressed", "done before"})
    done = {key for key, outcome in outcomes.items() if outcome == "done before"}
    assert set(told) <= done
    in_flight = set(written) - done  # written, and killed before that was noted
    assert len(in_flight) <= 2 + 4
    after = buckets.keys("to")
    assert all(after[key] == written[key] for key in done)
    for key in after:
        content, headers = buckets.get(f"to/{key}")
        assert (content[:2], content[-2:], headers) == (b"\xff\xd8", b"\xff\xd9", HEADERS)


@pytest.mark.parametrize("url", ["s3://no-such-bucket/x", "s3://pictures/from"])
def test_a_store_that_cannot_be_used_is_one_line(buckets: Buckets, tmp_path: Path, url: str) -> None:
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong"} if "pictures" in url else {}
    done = subprocess.run(
        [LEANPIX, "sync", url, tmp_path / "out"],
        env=buckets.environment | wrong, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith(f"leanpix: {url} cannot be listed: ")
    assert len(done.stderr.splitlines()) == 1
