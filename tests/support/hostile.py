"""Files made to do harm, sent through HTTP, and what each has to end as."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.support.corpus import CORPUS, SHARED
from tests.support.crowd import states_of
from tests.support.server import API, Server

TOOLS = SHARED / "tools"
NAMES = TOOLS / "hostile_filenames.json"
SUCCEEDED, REFUSED = frozenset({1}), frozenset({-7, -14})


def make_hostile(folder: Path) -> dict[Path, frozenset[int]]:
    """Every hostile file, written into the folder, with the states that its manifest allows."""
    generator: list[str | Path] = [sys.executable, TOOLS / "make_hostile.py", folder, "--base", CORPUS]
    subprocess.run(generator, check=True, stdout=subprocess.DEVNULL)
    with (TOOLS / "hostile_manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row["expected"] for row in csv.DictReader(file, delimiter="\t")}
    return {folder / name: _allowed(expected) for name, expected in rows.items() if (folder / name).exists()}


def _allowed(expected: str) -> frozenset[int]:
    if expected.startswith(("rejected", "stored")):  # the list of names is no picture itself
        return REFUSED
    if expected.startswith("clean error") and "or ok" not in expected:
        return REFUSED  # one rule for pictures that are cut short
    return SUCCEEDED | REFUSED if "clean error" in expected else SUCCEEDED


@dataclass
class Sent:
    """Uploads and what became of them: the task of each name, and statuses other than 200."""

    tasks: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)


def send_all(server: Server, key: str, uploads: Mapping[str, bytes], **fields: str) -> Sent:
    """Upload each as a task of its own, waiting where the queue is full."""
    sent = Sent()
    with server.client(key) as client:
        for name, content in uploads.items():
            answer = _post_patiently(client, content, fields)
            if answer.status_code == httpx.codes.OK:
                sent.tasks[name] = answer.json()["data"]["task_id"]
            else:
                sent.statuses[name] = answer.status_code
    return sent


def _post_patiently(client: httpx.Client, content: bytes, fields: Mapping[str, str]) -> httpx.Response:
    while True:
        answer = client.post(API, data=dict(fields), files={"image_file": ("picture", content)})
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return answer
        time.sleep(0.1)


def ends_of(server: Server, key: str, sent: Sent, within_s: float) -> dict[str, int | None]:
    """The final state by name; None for one that did not end in time."""
    states = states_of(server, key, sent.tasks.values(), within_s)
    return {name: states[task_id] for name, task_id in sent.tasks.items()}
