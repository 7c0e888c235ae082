"""Whatever JSON comes as commands is understood, or refused by name: nothing else ever happens."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leanpix.domain.errors import CallerError
from leanpix.web.tinify.commands import parse_commands, source_url

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=12)
WORDS = st.sampled_from(
    ["scale", "fit", "cover", "image/webp", "*/*", "white", "#fff", "copyright", "s3", "b1c/d.jpg", "9", "x"]
)
VALUES = st.recursive(SCALARS | WORDS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
NAMES = st.sampled_from(
    ["method", "width", "height", "type", "background", "service", "path", "region", "headers", "endpoint",
     "aws_access_key_id", "aws_secret_access_key", "url"]
)  # fmt: skip
COMMANDS = st.sampled_from(["source", "resize", "convert", "transform", "preserve", "store", "other"])
BODIES = st.dictionaries(COMMANDS, VALUES | st.dictionaries(NAMES, VALUES, max_size=6), max_size=4)


@settings(max_examples=200)
@given(BODIES)
def test_commands_are_understood_or_refused(body: dict[str, Any]) -> None:
    for read in (parse_commands, source_url):
        text = ""
        try:
            read(body)
        except CallerError as refused:
            text = str(refused)
        assert text.isprintable()
