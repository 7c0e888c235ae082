"""The search kernel over made-up encoders: curves that grow with a parameter, smooth or in steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leanpix.engine.goals.search import MAX_TRIES, Axis, approach

SMOOTH = Axis(-3.2, 3.0, -0.7, slope=0.62)
STEPPED = Axis(0, 100, 70, slope=0.025, to_grid=round)


class Counted:
    """A curve that remembers where it was measured."""

    def __init__(self, curve: Callable[[float], float]) -> None:
        self.curve = curve
        self.params: list[float] = []

    def __call__(self, parameter: float) -> float:
        self.params.append(parameter)
        return self.curve(parameter)


def size_curve(base: float, slope: float, bend: float) -> Callable[[float], float]:
    """log(bytes) of an encoder that grows everywhere, faster or slower along its range."""
    return lambda parameter: base + slope * parameter + bend * math.atan(parameter)


@given(
    base=st.floats(-2, 2),
    slope=st.floats(0.2, 1.5),
    bend=st.floats(-0.1, 1.0),
)
def test_a_smooth_curve_is_met_from_below_in_few_measurements(base: float, slope: float, bend: float) -> None:
    curve = Counted(size_curve(base, slope, bend))
    parameter = approach(curve, SMOOTH, tolerance=0.01)
    if curve.curve(SMOOTH.low) > 0:
        assert parameter is None
    else:
        assert parameter is not None
        assert curve.curve(parameter) <= 0
        assert curve.curve(parameter) >= -0.01 or parameter == SMOOTH.high or len(curve.params) == MAX_TRIES
    assert len(curve.params) <= MAX_TRIES


# log(bytes) of a slope at settings of a JPEG encoder, rising steeply where its steps of means change.
RISING_AT_ONCE = (
    (-4.61, 7.82), (-4.09, 7.92), (-3.22, 8.32), (-2.71, 8.59), (-2.3, 8.61), (-2.2, 8.7), (-2.14, 8.79), (-2.08, 9.05),
    (-2.01, 9.18), (-1.79, 9.32), (-1.39, 9.53), (-1.1, 9.64), (-0.69, 9.92), (0.0, 10.23), (1.2, 10.9), (2.3, 11.6),
)  # fmt: skip


@given(target=st.floats(8.72, 9.16), off=st.floats(-1.2, 1.2))
def test_a_curve_that_rises_at_once_is_met_near_its_rise(target: float, off: float) -> None:
    """Wherever the first guess lies: steps along an end of the bracket would use up the measurements."""
    places, sizes = zip(*RISING_AT_ONCE, strict=True)
    curve = Counted(lambda place: float(np.interp(place, places, sizes)) - target)
    place = approach(curve, Axis(-4.61, 2.3, -2.1 + off, slope=0.62), tolerance=0.01)
    assert place is not None
    assert -0.08 <= curve.curve(place) <= 0


@given(sizes=st.lists(st.floats(0.001, 0.3), min_size=101, max_size=101), target=st.floats(-1, 20))
def test_on_whole_numbers_the_result_is_never_above_and_no_knob_is_tried_twice(
    sizes: list[float], target: float
) -> None:
    total = [sum(sizes[: i + 1]) for i in range(101)]
    curve = Counted(lambda parameter: total[int(parameter)] - target)
    parameter = approach(curve, STEPPED, tolerance=0.01)
    assert len(set(curve.params)) == len(curve.params) <= MAX_TRIES
    assert all(k == int(k) and 0 <= k <= 100 for k in curve.params)
    if parameter is not None:
        assert curve.curve(parameter) <= 0
    elif len(curve.params) < MAX_TRIES:
        assert total[0] > target


@given(target=st.integers(1, 99))
def test_on_whole_numbers_the_neighbour_above_a_result_is_too_large(target: int) -> None:
    def curve(parameter: float) -> float:
        return 0.03 * (parameter - target - 0.4)

    assert approach(curve, STEPPED, tolerance=0.01) == target


@given(noise=st.lists(st.floats(-1, 1), min_size=101, max_size=101))
def test_values_that_are_not_monotone_at_all_still_end_at_or_below_zero(noise: list[float]) -> None:
    curve = Counted(lambda parameter: noise[int(parameter)])
    parameter = approach(curve, STEPPED, tolerance=0.01)
    assert parameter is None or noise[int(parameter)] <= 0
    assert len(curve.params) <= MAX_TRIES


def test_out_of_time_the_lowest_place_is_the_last_resort() -> None:
    curve = Counted(lambda parameter: parameter - 30)
    assert approach(curve, STEPPED, tolerance=0.01, may_continue=lambda: False) == 0
    assert len(curve.params) == 2


def test_out_of_time_means_one_measurement_and_its_result() -> None:
    curve = Counted(lambda parameter: parameter - 90)
    assert approach(curve, STEPPED, tolerance=0.01, may_continue=lambda: False) == 70
    assert curve.params == [70]


def test_a_typical_photograph_takes_at_most_five_encodes() -> None:
    for target in (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0):
        curve = Counted(size_curve(-target, 0.62, 0.1))
        assert approach(curve, SMOOTH, tolerance=0.01) is not None
        assert len(curve.params) <= 5
