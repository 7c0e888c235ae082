"""What an operation is described by, and how it is written in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from leanpix.web.compat import Json

JSON, HTML = "application/json", "text/html"


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
    """A body of one media type; examples by name."""

    schema: Json
    examples: Mapping[str, object] = field(default_factory=dict)

    def written(self) -> Json:
        """As an OpenAPI media type object."""
        shown = {name: {"value": value} for name, value in self.examples.items()}
        return {"schema": self.schema, **({"examples": shown} if shown else {})}


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
    """One handler's description. body is empty where none is read; needs_key adds the key and its refusal."""

    tag: str
    summary: str
    description: str = ""
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Content] = field(default_factory=dict)
    needs_key: bool = True

    def written(self, operation_id: str) -> Json:
        """As an OpenAPI operation object."""
        found: Json = {"operationId": operation_id, "tags": [self.tag], "summary": self.summary}
        if self.description:
            found["description"] = self.description
        if self.parameters:
            found["parameters"] = [parameter.written() for parameter in self.parameters]
        if self.body:
            content = {kind: body.written() for kind, body in self.body.items()}
            found["requestBody"] = {"required": True, "content": content}
        found["responses"] = {str(status): answer.written() for status, answer in sorted(self.answers.items())}
        return {**found, "security": [{"key": []}] if self.needs_key else []}


def reference(name: str) -> Json:
    """The component schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(description: str, schema: Json, examples: Mapping[str, object], **headers: Json) -> Answer:
    """An answer in JSON; header names have `_` for `-`."""
    named = {name.replace("_", "-"): header for name, header in headers.items()}
    return Answer(description, {JSON: Content(schema, examples)}, named)
