"""The OpenAPI document as a page of Markdown: every operation with its parameters and answers, and the schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from inspect import cleandoc
from typing import Any

Node = Mapping[str, Any]
_LEAST, _MOST = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
HEAD = """# API reference

Made from the OpenAPI document that every server has at `/openapi.json`; here is [a copy](openapi.json). [The HTTP
API](api.md) is the same in prose, with examples.

"""


def reference(document: Node) -> str:
    """The page."""
    parts = [HEAD]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += [line + "\n" for line in _operation(method.upper(), path, operation)]
    parts.append("\n## Schemas\n\n")
    for name, schema in document["components"]["schemas"].items():
        parts += [line + "\n" for line in (f"### {name}", "", *_schema(schema), "")]
    return "".join(parts)


def _operation(method: str, path: str, operation: Node) -> Iterator[str]:
    yield f"## {operation['summary']}"
    yield ""
    yield f"`{method} {path}`" + ("" if operation.get("security") else ", without a key")
    yield ""
    if "description" in operation:
        yield operation["description"]
        yield ""
    if parameters := operation.get("parameters"):
        yield from _table([(p["name"], p["in"], p.get("schema", {}), p.get("description", "")) for p in parameters])
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if properties := content["schema"].get("properties"):
            yield f"`{media_type}`:"
            yield ""
            yield from _table([(name, "body", p, p.get("description", "")) for name, p in properties.items()])
    yield "| answer | what it holds |"
    yield "|---|---|"
    for status, answer in operation["responses"].items():
        yield f"| {status} | {_cell(answer['description'])}{_content(answer.get('content', {}))} |"
    yield ""


def _table(rows: Sequence[tuple[str, str, Node, str]]) -> Iterator[str]:
    yield "| name | in | kind | meaning |"
    yield "|---|---|---|---|"
    for name, place, schema, meaning in rows:
        default = f" Default: `{schema['default']}`." if "default" in schema else ""
        yield f"| `{name}` | {place} | {_kind(schema)} | {_cell(meaning)}{default} |"
    yield ""


def _schema(schema: Node) -> Iterator[str]:
    if "description" in schema:
        yield cleandoc(schema["description"])
        yield ""
    properties = schema.get("properties")
    if not properties:
        yield _kind(schema)
        return
    yield "| name | kind | meaning |"
    yield "|---|---|---|"
    for name, part in properties.items():
        yield f"| `{name}` | {_kind(part)} | {_cell(part.get('description', ''))} |"


def _kind(schema: Node) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"] if value not in {"", None})
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        # The text of a number is a form's way to write it.
        shown = [_kind(choice) for choice in choices if choice.get("type") != "string"] or [_kind(choices[0])]
        return " or ".join(shown)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kinds = schema.get("type", "anything")
    return (kinds if isinstance(kinds, str) else " or ".join(kinds)) + _range(schema)


def _range(schema: Node) -> str:
    low, high = (next((schema[n] for n in names if n in schema), None) for names in (_LEAST, _MOST))
    if low is None and high is None:
        return ""
    return f", {'' if low is None else low} to {'' if high is None else high}".rstrip()


def _content(content: Node) -> str:
    named = [_kind(c["schema"]) for c in content.values() if "$ref" in c.get("schema", {})]
    return "".join(f" {name}" for name in dict.fromkeys(named))


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")
