"""Which formats a request allows: by its list, by what its Accept says that its client shows, or by what it is of."""

from __future__ import annotations

import pytest

from leanpix.domain.choosing import accepted_formats, one_or_several, parse_formats, recommended
from leanpix.domain.errors import InvalidParameterError
from leanpix.domain.formats import STANDARD_FORMATS, OutputFormat

ALL = tuple(OutputFormat)
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = (
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,"
    "*/*;q=0.5"
)


@pytest.mark.parametrize(
    ("accept", "written", "allowed"),
    [
        (CHROME, ALL, "jpg png webp avif"),
        (SAFARI, ALL, "jpg png webp avif jxl"),
        (CHROME, STANDARD_FORMATS, "jpg png webp"),
        ("", ALL, "jpg png webp"),
        ("*/*", ALL, "jpg png webp"),
        ("application/json", ALL, "jpg png webp"),
        ("image/webp", ALL, "webp"),
        ("image/avif, image/jpeg;q=0.5", ALL, "jpg avif"),
        ("image/avif;q=0, */*", ALL, "jpg png webp"),
        ("image/*, image/png;q=0.0", ALL, "jpg webp"),
        ("IMAGE/AVIF", ALL, "avif"),
        ("image/jpeg;q=0,image/png;q=0,image/webp;q=0", ALL, "jpg png webp"),
        (",;q=,;;", ALL, "jpg png webp"),
    ],
)
def test_what_an_accept_allows(accept: str, written: tuple[OutputFormat, ...], allowed: str) -> None:
    assert " ".join(accepted_formats(accept, written)) == allowed


def test_a_list_names_each_once_in_its_order() -> None:
    assert parse_formats(" avif, JPEG,webp,jpg ", ALL) == (OutputFormat.AVIF, OutputFormat.JPG, OutputFormat.WEBP)


@pytest.mark.parametrize("text", ["avif", "gif", "webp,heic", ",", "webp;jpg"])
def test_what_is_not_written_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="formats"):
        parse_formats(text, STANDARD_FORMATS)


def test_of_one_there_is_nothing_to_choose() -> None:
    assert one_or_several(parse_formats("webp", ALL)) == (OutputFormat.WEBP, ())


@pytest.mark.parametrize(
    ("is_animated", "is_transparent", "is_drawn", "form"),
    [
        (True, False, False, OutputFormat.WEBP),
        (True, True, True, OutputFormat.WEBP),
        (False, True, True, OutputFormat.WEBP),
        (False, False, True, OutputFormat.PNG),
        (False, False, False, OutputFormat.JPG),
    ],
)
def test_what_is_recommended_shows_all_of_a_picture(
    is_animated: bool, is_transparent: bool, is_drawn: bool, form: OutputFormat
) -> None:
    found = recommended(is_animated=is_animated, is_transparent=is_transparent, is_drawn=is_drawn)
    assert found is form
    assert found in STANDARD_FORMATS
    assert found.facts.has_alpha >= is_transparent
    assert found.facts.is_animated >= is_animated
    for_a_size = recommended(
        is_animated=is_animated, is_transparent=is_transparent, is_drawn=is_drawn, has_target_size=True
    )
    assert for_a_size.facts.has_target_size
    assert for_a_size in STANDARD_FORMATS
    assert for_a_size.facts.has_alpha >= is_transparent
    assert for_a_size.facts.is_animated >= is_animated
