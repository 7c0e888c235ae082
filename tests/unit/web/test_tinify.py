"""What Tinify's clients call: switched by a setting, told in words that hold no key, waiting in line for a rate."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

import pytest

from leanpix.domain.errors import InvalidParameterError, RateLimitedError
from leanpix.settings import read_settings
from leanpix.web.key_queue import KeyQueue
from leanpix.web.tinify.routes import tinify_routes
from leanpix.web.tinify.storing import parse_export_target

T = TypeVar("T")
STORE = {
    "service": "s3", "region": "us-east-1", "path": "bucket/a.jpg",
    "aws_access_key_id": "someone", "aws_secret_access_key": "a-secret",
}  # fmt: skip


@pytest.mark.parametrize(("value", "many"), [("off", 0), ("on", 8)])
def test_the_routes_are_switched_by_a_setting(monkeypatch: pytest.MonkeyPatch, value: str, many: int) -> None:
    monkeypatch.setenv("LEANPIX_TINIFY", value)
    assert len(tinify_routes(read_settings())) == many


@pytest.mark.parametrize("name", ["aws_access_key_id", "aws_secret_access_key"])
@pytest.mark.parametrize("value", ["k\u00e9y", "k\ney", "", 5, "k" * 300])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(name: str, value: object) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        parse_export_target(STORE | {name: value})
    assert str(refused.value) == f"store.{name}='...' is not allowed: a text that names one"


@pytest.mark.parametrize(
    "path", ["bucket", "bucket/", "/", "b/a.jpg", "BUCKET/a", "bucket//a", "bucket/a/../b", "bucket/a\r\nb"]
)
def test_a_path_that_is_no_bucket_and_name_is_refused(path: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"store\.path"):
        parse_export_target(STORE | {"path": path})


def test_a_place_shows_no_keys() -> None:
    target = parse_export_target(STORE)
    assert "a.jpg" in repr(target)
    assert "someone" not in repr(target)
    assert "a-secret" not in repr(target)


def test_one_request_of_a_key_at_a_time_asks_for_its_turn() -> None:
    asking, most, refusals = 0, 0, 6

    async def ask() -> str:
        nonlocal asking, most, refusals
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0)
        asking -= 1
        if refusals:
            refusals -= 1
            raise RateLimitedError("slow down", 0.001)
        return "done"

    async def all_at_once() -> list[str]:
        turns = KeyQueue(60)
        return await asyncio.gather(*(turns.take("key", ask) for _ in range(5)))

    assert asyncio.run(all_at_once()) == ["done"] * 5
    assert most == 1


def test_patience_has_an_end_and_then_the_refusal_is_told() -> None:
    async def never() -> None:
        raise RateLimitedError("slow down", 0.003)

    async def impatient() -> None:
        turns = KeyQueue(0.05)
        first, second = await asyncio.gather(turns.take("key", never), turns.take("key", never), return_exceptions=True)
        assert isinstance(first, RateLimitedError)
        assert isinstance(second, RateLimitedError)
        assert str(first) == str(second) == "slow down"

    async def stuck() -> None:
        turns = KeyQueue(0.05)
        hanging = turns.take("key", partial(asyncio.sleep, 60))
        waiting = turns.take("key", partial(asyncio.sleep, 0))
        for refused in await asyncio.gather(hanging, waiting, return_exceptions=True):
            assert isinstance(refused, RateLimitedError)
            assert "waiting already" in str(refused)

    with_set_clock(impatient())
    with_set_clock(stuck())


class SetClock(asyncio.SelectorEventLoop):
    """A loop whose time goes on by what its timers wait for, whatever the machine is busy with."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        selector: Any = self._selector  # type: ignore[attr-defined] # the loop's own
        select = selector.select

        def wait(timeout: float | None) -> object:
            self._now_s += timeout or 0
            return select(0)

        selector.select = wait

    def time(self) -> float:
        return self._now_s


def with_set_clock(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=SetClock) as runner:
        return runner.run(work)


def test_requests_that_come_together_all_reach_what_patience_is_meant_to_reach() -> None:
    """Two a second and half a second's patience are the defaults: a third request has its turn just then."""
    taken: list[float] = []

    async def ask() -> str:
        now = asyncio.get_running_loop().time()
        if len(taken) >= 2 and now < taken[0] + 0.5:
            raise RateLimitedError("slow down", taken[0] + 0.5 - now)
        await asyncio.sleep(0.03)  # a database under load
        taken.append(asyncio.get_running_loop().time())
        return "done"

    async def all_at_once() -> list[str]:
        turns = KeyQueue(0.5)
        return await asyncio.gather(*(turns.take("key", ask) for _ in range(3)))

    assert with_set_clock(all_at_once()) == ["done"] * 3


@pytest.mark.parametrize("patience_s", [0, 30])
def test_what_patience_cannot_reach_is_refused_at_once(patience_s: float) -> None:
    asked = 0

    async def in_a_minute() -> None:
        nonlocal asked
        asked += 1
        raise RateLimitedError("slow down", 60.0)

    async def hopeless() -> None:
        async with asyncio.timeout(5):
            with pytest.raises(RateLimitedError, match="slow down"):
                await KeyQueue(patience_s).take("key", in_a_minute)

    asyncio.run(hopeless())
    assert asked == 1
