"""Options and reports as rows keep them: read by older and newer processes alike, so that an upgrade can roll."""

from __future__ import annotations

import json

import pytest

from leanpix.domain.formats import OutputFormat
from leanpix.domain.keep import KEPT_BY_DEFAULT, Keep, parse_keep
from leanpix.domain.report import Report
from leanpix.domain.request import CompressionOptions
from leanpix.stores.sql.codec import options_from_json, options_to_json, report_from_json, report_to_json

# What the first version wrote.
OLD_OPTIONS = '{"quality": 80, "width_px": 100, "fit": "fill"}'
OLD_REPORT = (
    '{"source_format": "png", "source_bytes": 9, "source_width_px": 3, "source_height_px": 2, "format": "webp",'
    ' "result_bytes": 5, "width_px": 3, "height_px": 2, "encoder": "libwebp", "changes": ["a"], "warnings": []}'
)


def report() -> Report:
    return report_from_json(OLD_REPORT)


@pytest.mark.parametrize(
    "options",
    [
        CompressionOptions(),
        CompressionOptions(quality=80, format=OutputFormat.PNG, width_px=10, height_px=20),
        CompressionOptions(keep=parse_keep("all")),
        CompressionOptions(keep=parse_keep("none")),
        CompressionOptions(keep=parse_keep("none,copyright")),
    ],
)
def test_options_come_back_as_they_were(options: CompressionOptions) -> None:
    assert options_from_json(options_to_json(options)) == options


def test_what_was_to_be_preserved_by_an_older_version_is_kept() -> None:
    options = options_from_json('{"preserve": ["copyright", "creation", "location"]}')
    assert options.keep == (Keep.COPYRIGHT, Keep.DATE, Keep.GPS, *KEPT_BY_DEFAULT)


def test_the_default_is_not_written() -> None:
    assert options_to_json(CompressionOptions(keep=parse_keep(""))) == "{}"


def test_a_report_comes_back_as_it_was() -> None:
    assert report_from_json(report_to_json(report())) == report()


def test_rows_of_an_older_version_are_read() -> None:
    options = options_from_json(OLD_OPTIONS)
    assert (options.quality, options.width_px, options.format) == (80, 100, None)
    assert (report().format, report().result_bytes, report().changes) == (OutputFormat.WEBP, 5, ("a",))


def test_rows_of_a_newer_version_are_read_without_what_is_not_known_here() -> None:
    newer = json.dumps(json.loads(OLD_OPTIONS) | {"sharpen": 3})
    assert options_from_json(newer) == options_from_json(OLD_OPTIONS)
    assert report_from_json(json.dumps(json.loads(OLD_REPORT) | {"butteraugli": 1.5})) == report()
