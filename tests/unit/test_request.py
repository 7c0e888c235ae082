"""What CompressionOptions accepts and how it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.request import CompressionOptions


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"quality": 0}, "quality"),
        ({"quality": 101}, "quality"),
        ({"width_px": 8001}, "width"),
        ({"height_px": -1}, "height"),
        ({"max_bytes": 51201 * 1024}, "kbyte"),
        ({"quality": 80, "max_bytes": 1024}, "quality"),
        ({"target_score": 101}, "target_score"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(options: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        CompressionOptions(**options)
    assert caught.value.name == name
    assert str(caught.value.value) in str(caught.value)


def test_nothing_given_means_automatic_quality() -> None:
    assert CompressionOptions().is_automatic
    assert not CompressionOptions(quality=80).is_automatic
