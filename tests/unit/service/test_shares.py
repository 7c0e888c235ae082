"""Which key may have the last free slot."""

from __future__ import annotations

import pytest
from tests.support.ledger import SettableClock

from leanpix.queues.tenant_slots import TenantSlots


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


def with_one_slot_left(clock: SettableClock) -> TenantSlots:
    """Three slots: B was served a moment ago, A has two now."""
    shares = TenantSlots(3, clock)
    shares.take("b1", "B")
    shares.end("b1")
    shares.take("a1", "A")
    shares.take("a2", "A")
    return shares


def test_the_last_slot_is_kept_for_a_key_that_was_just_served(clock: SettableClock) -> None:
    shares = with_one_slot_left(clock)
    assert not shares.may_take("A")
    assert shares.may_take("B")
    assert shares.may_take("C"), "it has nothing running either"


def test_the_last_slot_is_not_kept_for_long(clock: SettableClock) -> None:
    shares = with_one_slot_left(clock)
    clock.move(2.1)
    assert shares.may_take("A")


def test_the_last_slot_is_not_kept_for_a_key_that_has_another(clock: SettableClock) -> None:
    shares = with_one_slot_left(clock)
    shares.end("a2")
    shares.take("b2", "B")
    assert shares.may_take("A")


def test_a_key_alone_has_every_slot(clock: SettableClock) -> None:
    shares = TenantSlots(2, clock)
    for number in range(10):
        assert shares.may_take("A")
        shares.take(f"first{number}", "A")
        assert shares.may_take("A")
        shares.take(f"second{number}", "A")
        shares.end(f"first{number}")
        shares.end(f"second{number}")


def test_a_spare_slot_is_for_a_key_that_has_nothing_running_whatever_it_did_before(clock: SettableClock) -> None:
    slots = TenantSlots(2, clock, spare=1)
    slots.take("a1", "A")
    slots.take("a2", "A")
    assert not slots.may_take("A")
    assert slots.may_take("B")
    slots.take("b1", "B")
    assert not slots.may_take("B")
    assert not slots.may_take("C"), "there is no other"
    slots.end("a1")
    assert not slots.may_take("A"), "B's first is still beside them"
    slots.end("b1")
    clock.move(3)
    assert slots.may_take("A")


def test_a_single_slot_is_never_kept(clock: SettableClock) -> None:
    shares = TenantSlots(1, clock)
    shares.take("b1", "B")
    shares.end("b1")
    assert shares.may_take("A")
