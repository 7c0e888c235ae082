"""What schemathesis cannot make up from a schema: pictures, archives of them. Loaded by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import schemathesis
from hypothesis import strategies as st
from tests.support.pictures import encoded, gradient

PICTURES = [encoded(gradient(width, 16), kind) for width in (16, 24) for kind in ("PNG", "JPEG", "WEBP")]


def zipped(pictures: list[bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, picture in enumerate(pictures):
            archive.writestr(f"{number}.jpg", picture)
    return file.getvalue()


schemathesis.openapi.media_type("application/octet-stream", st.sampled_from(PICTURES))
schemathesis.openapi.media_type("application/zip", st.lists(st.sampled_from(PICTURES), min_size=1).map(zipped))


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Parts of forms as texts: the tool fails over its own bytes where a schema has conditions beside them."""
    del context
    for path in raw_schema["paths"].values():
        for operation in path.values():
            form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {"schema": {}})
            for part in form["schema"].get("properties", {}).values():
                part.pop("format", None)


@schemathesis.hook
def filter_body(context: schemathesis.HookContext, body: Any) -> bool:
    """Without what the tool takes for wrong and is not, once it is a form: lists are parts, blanks are not given."""
    form = getattr(body, "body", None)
    if context.operation is None or context.operation.label != "POST /v1/batches" or not isinstance(form, dict):
        return True
    return not any(isinstance(value, list) for value in form.values()) and not {"archive", "image_urls"} <= form.keys()


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """A result goes to no store: tests/e2e/test_tinify_clients.py has one."""
    if context.operation is not None and context.operation.label == "POST /output/{name}" and isinstance(body, dict):
        return {name: value for name, value in body.items() if name != "store"}
    return body
