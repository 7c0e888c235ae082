"""Ended tasks as other processes hear of them."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.support.ledger import success

from leanpix.domain.request import CompressionOptions, ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.task import SourceKind, Task
from leanpix.domain.webhook import Callback
from leanpix.stores.sql.announcing import announced, heard


def ended() -> Task:
    options = CompressionOptions(quality=80, width_px=40)
    task = Task("id", "key", TaskState.SUCCEEDED, options, ReturnType.BASE64, SourceKind.KEPT_URL, 1.125, 2)
    outcome = success(task)
    task = replace(task, processed_at=2.5, completed_at=3.75, attempt=2, beat=4, charged=1, message='ä "quoted"')
    return replace(task, result=outcome.result, report=outcome.report, batch_id="batch", trace="00-1-2-01")


def test_what_is_announced_is_heard_as_it_was() -> None:
    assert heard(announced(ended())) == ended()


def test_where_the_end_is_told_to_is_announced_to_nobody() -> None:
    told = replace(ended(), callback=Callback("https://shop.example/?token=1", "https://base.example"))
    assert "example" not in announced(told)
    assert heard(announced(told)) == ended()


def test_a_newer_versions_task_is_heard_without_what_is_not_known_here() -> None:
    newer = json.dumps(json.loads(announced(ended())) | {"colour": "blue"})
    assert heard(newer) == ended()


def test_what_makes_no_task_here_is_not_heard() -> None:
    assert heard("{}") is None
    assert heard("{") is None
    assert heard(announced(ended()).replace('"return_type":2', '"return_type":9')) is None
    assert heard(announced(ended()).replace("80", "800")) is None
