"""The words of `keep`: what each of them, and each combination, comes to."""

from __future__ import annotations

import pytest

from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.keep import KEPT_BY_DEFAULT, Keep, parse_keep


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", KEPT_BY_DEFAULT),
        (" , ", KEPT_BY_DEFAULT),
        ("copyright", (Keep.COPYRIGHT, *KEPT_BY_DEFAULT)),
        ("gps, copyright,gps", (Keep.COPYRIGHT, Keep.GPS, *KEPT_BY_DEFAULT)),
        ("none", ()),
        ("none,profile", (Keep.PROFILE,)),
        ("copyright,none", (Keep.COPYRIGHT,)),
        ("all", tuple(Keep)),
        ("none,all", tuple(Keep)),
    ],
)
def test_each_word_adds_to_the_default_unless_none_takes_it_away(text: str, kept: tuple[Keep, ...]) -> None:
    assert parse_keep(text) == kept


@pytest.mark.parametrize("text", ["Copyright", "metadata", "copyright;date", "copyright,x"])
def test_any_other_word_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="keep"):
        parse_keep(text)
