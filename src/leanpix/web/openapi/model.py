"""What an operation is described by, and how it is written in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leanpix.web.compat import Json

JSON, HTML, BYTES = "application/json", "text/html", "application/octet-stream"
ZIP = "application/zip"
KEY, BASIC, NOBODY = "key", "basic", ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter outside the body; `place` is path, query or header."""

    name: str
    place: str
    schema: Json
    description: str
    required: bool = False
    example: object = None

    def written(self) -> Json:
        """As an OpenAPI parameter object."""
        known = {"name": self.name, "in": self.place, "description": self.description, "schema": self.schema}
        example = {} if self.example is None else {"example": self.example}
        return {**known, "required": self.required or self.place == "path", **example}


@dataclass(frozen=True, slots=True)
class Content:
    """A body of one media type; examples by name. kinds: the media types of a form's parts, by the parts' names."""

    schema: Json
    examples: Mapping[str, object] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def written(self) -> Json:
        """As an OpenAPI media type object."""
        shown = {name: {"value": value} for name, value in self.examples.items()}
        parts = {name: {"contentType": kind} for name, kind in self.kinds.items()}
        found = {"schema": self.schema, "examples": shown, "encoding": parts}
        return {name: value for name, value in found.items() if name == "schema" or value}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status means: its bodies by media type, its headers by name, and the operations that follow by id.

    following maps an operation's id to its parameters, each an OpenAPI run-time expression.
    """

    description: str
    content: Mapping[str, Content] = field(default_factory=dict)
    headers: Mapping[str, Json] = field(default_factory=dict)
    following: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def written(self) -> Json:
        """As an OpenAPI response object."""
        found: Json = {"description": self.description}
        if self.headers:
            found["headers"] = dict(self.headers)
        if self.content:
            found["content"] = {kind: content.written() for kind, content in self.content.items()}
        if self.following:
            found["links"] = {
                name: {"operationId": name, "parameters": dict(parameters)}
                for name, parameters in self.following.items()
            }
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One handler's description. body is empty where none is read.

    security: the schemes of which any one will do, NOBODY for none; where it is the key alone, its refusal is added.
    """

    tag: str
    summary: str
    description: str = ""
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Content] = field(default_factory=dict)
    needs_body: bool = True
    security: tuple[str, ...] = (KEY,)

    def written(self, operation_id: str) -> Json:
        """As an OpenAPI operation object."""
        found: Json = {"operationId": operation_id, "tags": [self.tag], "summary": self.summary}
        if self.description:
            found["description"] = self.description
        if self.parameters:
            found["parameters"] = [parameter.written() for parameter in self.parameters]
        if self.body:
            content = {kind: body.written() for kind, body in self.body.items()}
            found["requestBody"] = {"required": self.needs_body, "content": content}
        found["responses"] = {str(status): answer.written() for status, answer in sorted(self.answers.items())}
        return {**found, "security": [{} if scheme == NOBODY else {scheme: []} for scheme in self.security]}


def reference(name: str) -> Json:
    """The component schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(description: str, schema: Json, examples: Mapping[str, object], **headers: Json) -> Answer:
    """An answer in JSON; header names have `_` for `-`."""
    named = {name.replace("_", "-"): header for name, header in headers.items()}
    return Answer(description, {JSON: Content(schema, examples)}, named)
