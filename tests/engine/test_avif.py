"""What is AVIF's own, beside what test_extra_formats.py asks of each such format."""

from __future__ import annotations

from tests.engine.pictures import encoded, photo

from leanpix.engine import CompressionOptions, OutputFormat
from leanpix.engine.facts import Limits
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

AVIF = OutputFormat.AVIF


def test_it_has_more_memory_set_aside_than_the_other_formats() -> None:
    facts = probe(encoded(photo(), ".png"), Limits())
    aside = {kind: resource_budget(facts, CompressionOptions(format=kind)).memory_bytes for kind in OutputFormat}
    assert max(aside, key=lambda kind: aside[kind]) is AVIF
    assert resource_budget(facts, CompressionOptions()).memory_bytes < aside[AVIF]
