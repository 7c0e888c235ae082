"""The shapes of answers, as component schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from leanpix.domain.account import MAX_NAME
from leanpix.domain.formats import OutputFormat, SourceFormat
from leanpix.domain.report import ZIP_SUFFIX, Report
from leanpix.domain.request import ReturnType
from leanpix.domain.states import TaskState
from leanpix.domain.webhook import WebhookState
from leanpix.domain.worst_place import UNTOLD, WorstPlace
from leanpix.web.compat import FAILED_PROGRESS, PHASE_NAMES, PROGRESS, Json
from leanpix.web.errors import OTHER_STATUS_TEXT, STATUS_TEXT
from leanpix.web.openapi.model import reference

TEXT: Json = {"type": "string"}
# Bytes as they are; `format` is what generators of clients know them by.
BINARY: Json = {"type": "string", "format": "binary"}
# More than blanks, by Python's idea of blanks: some control characters are among them.
SOME_TEXT = r"[^\s\u001c-\u001f\u0085]"
COUNT: Json = {"type": "integer", "minimum": 0}
MOMENT: Json = {"type": "string", "pattern": "^[0-9]+$", "description": "Unix seconds, as a decimal text."}
_IGNORED: Json = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Fields of the request that are no parameters and look like misspelt ones: they were not used.",
}
TASK_ID: Json = {"type": "string", "format": "uuid"}


def components() -> dict[str, Json]:
    """Every component schema, by name."""
    return {
        "Error": _error(),
        "Created": answer(shape({"task_id": TASK_ID}, "A task was accepted.")),
        "TaskAnswer": answer({"oneOf": [reference(name) for name in ("Unfinished", "Succeeded", "Failed")]}),
        "Unfinished": _unfinished(),
        "Succeeded": _succeeded(),
        "Failed": _failed(),
        "Report": _report(),
        "Account": _account(),
        "DayUsage": _day_usage(),
        "Delivery": _delivery(),
        "Batch": _batch(),
        "BatchStatus": _batch_status(),
        "Formats": _formats(),
        "States": _states(),
        "Readiness": _readiness(),
    }


def shape(properties: Mapping[str, Json], description: str, optional: Sequence[str] = ()) -> Json:
    """An object whose properties are all there but for the optional ones; more may come with later versions."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": dict(properties), "required": required}


def answer(data: Json) -> Json:
    """The contract's envelope of a success."""
    head = {"status": {"const": 200, "type": "integer"}, "message": TEXT}
    return shape({**head, "data": data}, "Status, message and data of a success.")


def choice(values: Sequence[int | str], description: str = "") -> Json:
    """One of these values."""
    kind = "integer" if isinstance(values[0], int) else "string"
    return {"type": kind, "enum": list(values), **({"description": description} if description else {})}


def _error() -> Json:
    status = choice(sorted({*STATUS_TEXT, *OTHER_STATUS_TEXT} - {200}))
    text = {"type": "string", "description": "What is wrong, in words; a parameter is named with what is allowed."}
    return shape({"status": {**status, "description": "The HTTP status again."}, "message": text}, "An error.")


def _task(state: Json, detail: str, progress: Json, **more: Json) -> Json:
    times = {"created_at": MOMENT, "processed_at": MOMENT, "completed_at": MOMENT}
    return_type = choice([int(kind) for kind in ReturnType])
    known = {"task_id": TASK_ID, "state": state, "state_detail": {"type": "string", "const": detail}}
    return {**known, "progress": progress, "return_type": return_type, **times, **more}


def _unfinished() -> Json:
    states = [state for state in sorted(TaskState) if not state.is_final]
    phase = choice(sorted(set(PHASE_NAMES.values())))
    progress = {"type": "integer", "minimum": 0, "maximum": max(PROGRESS[state] for state in states)}
    properties = _task(
        choice([int(state) for state in states], told(states)),
        "Processing",
        progress,
        report=shape({"phase": phase, "ignored": _IGNORED}, "How far the task is.", ["ignored"]),
    )
    return shape(properties, "A task under way: ask again in a second.", ["processed_at", "completed_at"])


def _succeeded() -> Json:
    image = {"type": "string", "description": "return_type 1: a link to the result; 2: its bytes in base64."}
    properties = _task(
        {"type": "integer", "const": int(TaskState.SUCCEEDED)},
        "Complete",
        {"type": "integer", "const": PROGRESS[TaskState.SUCCEEDED]},
        image=image,
        type=choice([*(kind.value for kind in OutputFormat), ZIP_SUFFIX], "The result's format; zip: a set."),
        image_width={**COUNT, "description": "The result's width in pixels."},
        image_height={**COUNT, "description": "The result's height in pixels."},
        images={"type": "array", "items": _set_image(), "description": "The pictures of a set."},
        html={
            "type": "string",
            "description": "Of a set: the picture element that shows it, by the names of the files in the ZIP.",
        },
        report=reference("Report"),
        credits=COUNT,
    )
    return shape(properties, TaskState.SUCCEEDED.text, ["images", "html"])


def _set_image() -> Json:
    properties: dict[str, Json] = {
        "url": {"type": "string", "description": "A link to the picture, as long as the result is kept."},
        "width": COUNT,
        "height": COUNT,
        "format": choice([kind.value for kind in OutputFormat]),
        "bytes": COUNT,
        "score": {"type": "number", "description": "SSIMULACRA2, where it was measured."},
    }
    return shape(properties, "One picture of a set.", ["score"])


def _failed() -> Json:
    states = [state for state in sorted(TaskState) if state < 0 and state.emitted is not None]
    properties = _task(
        choice([int(state) for state in states], told(states)),
        "Failed",
        {"type": "integer", "minimum": 0, "maximum": FAILED_PROGRESS},
        report=shape(
            {"phase": {"type": "string", "const": "failed"}, "ignored": _IGNORED}, "How far the task came.", ["ignored"]
        ),
        credits={"type": "integer", "const": 0, "description": "A failure costs nothing."},
    )
    return shape(properties, "A task that ended without a result; the message says why.", ["processed_at"])


def told(states: Sequence[TaskState]) -> str:
    """States as a list in Markdown."""
    return "\n".join(f"- `{int(state)}` {state.text}" for state in states)


def _report() -> Json:
    """The engine's report, field by field; what was not measured is left out of an answer."""
    found: Json = TypeAdapter(Report).json_schema(mode="serialization")
    kinds = found.pop("$defs", {})
    for name in UNTOLD:
        del kinds[WorstPlace.__name__]["properties"][name]
    fields, optional = _fields(found, kinds)
    share = {"type": "number", "description": "What the result saves of the source; below 0 where it is larger."}
    properties = {"phase": {"type": "string", "const": "complete"}, "ignored": _IGNORED, **fields, "saved_share": share}
    return shape(properties, Report.__doc__ or "", [*optional, "images", *(set(properties) - set(found["properties"]))])


def _fields(found: Json, kinds: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    """An object's fields, and which of them may be left out."""
    named = found["properties"].items()
    optional = [name for name, schema in named if {"type": "null"} in schema.get("anyOf", [])]
    return {name: _inlined(schema, kinds) for name, schema in named}, optional


def _inlined(schema: Json, kinds: Mapping[str, Json]) -> Json:
    bare = {name: value for name, value in schema.items() if name not in {"default", "title"}}
    name = str(bare.pop("$ref", "")).rpartition("/")[2]
    if name and "enum" in kinds[name]:
        return choice(kinds[name]["enum"])
    if name:
        fields, optional = _fields(kinds[name], kinds)
        return shape(fields, kinds[name].get("description", ""), optional)
    if "items" in bare:
        bare["items"] = _inlined(bare["items"], kinds)
    alternatives = [one for one in bare.pop("anyOf", []) if one != {"type": "null"}]
    return {**bare, **(_inlined(alternatives[0], kinds) if alternatives else {})}


def _account() -> Json:
    properties: dict[str, Json] = {
        "id": {"type": "string", "description": "The key's public part."},
        "name": {"type": "string", "maxLength": MAX_NAME},
        "qps": {"type": "number", "description": "Creates per second."},
        "credits": {"type": ["integer", "null"], "description": "What is left; null: unlimited."},
        "is_admin": {"type": "boolean"},
        "created_at": MOMENT,
        "revoked_at": {**MOMENT, "type": ["string", "null"]},
    }
    return shape(properties, "An API key and what it may do.")


def _day_usage() -> Json:
    properties: dict[str, Json] = {"day": {"type": "string", "format": "date"}, "tasks": COUNT, "credits": COUNT}
    return shape(properties, "What a key's finished tasks cost on one day, in UTC.")


def _delivery() -> Json:
    status = {"type": ["integer", "null"], "description": "The receiver's HTTP status; null: no answer."}
    tried = shape({"at": MOMENT, "status": status}, "One try.")
    properties: dict[str, Json] = {
        "id": {"type": "string", "description": "The same at every try."},
        "task_id": TASK_ID,
        "url": TEXT,
        "state": choice([state.value for state in WebhookState]),
        "created_at": MOMENT,
        "next_try_at": {**MOMENT, "type": ["string", "null"]},
        "tries": {"type": "array", "items": tried},
    }
    return shape(properties, "A task's end that was, or is to be, told to its callback_url.")


def _batch_status() -> Json:
    return shape(_batch_figures(), "How far a batch is.")


def _batch_figures() -> dict[str, Json]:
    counts = dict.fromkeys(("total", "waiting", "processing", "succeeded", "failed"), COUNT)
    return {
        "batch_id": TASK_ID,
        "state": choice(["processing", "complete"]),
        "created_at": MOMENT,
        "completed_at": {**MOMENT, "type": ["string", "null"]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "counts": shape(counts, "Items by what became of them."),
        "failures": {"type": "object", "additionalProperties": COUNT, "description": "Failed items by task state."},
    }


def _batch() -> Json:
    item = {
        "number": COUNT,
        "name": TEXT,
        "task_id": TASK_ID,
        "state": choice([int(state) for state in sorted(TaskState) if state.emitted is not None]),
        "message": TEXT,
        "source_bytes": COUNT,
        "result_bytes": COUNT,
        "image": {"type": "string", "description": "A link to the result."},
    }
    ended = ["message", "source_bytes", "result_bytes", "image"]
    properties = {
        **_batch_figures(),
        "items": {"type": "array", "items": shape(item, "One picture.", ended)},
        "next_offset": {"type": ["integer", "null"], "description": "Where the next page begins."},
    }
    return shape(properties, "A batch.")


def _formats() -> Json:
    flag: Json = {"type": "boolean"}
    written = shape(
        {
            "format": choice([kind.value for kind in OutputFormat]),
            "media_type": TEXT,
            "alpha": {**flag, "description": "Whether transparency is kept."},
            "animation": {**flag, "description": "Whether all frames are kept; else the first one is used."},
            "kbyte": {**flag, "description": "Whether a target size may be asked for."},
            "on_request_only": {**flag, "description": "Whether it is never chosen for a request that names none."},
        },
        "A format that a request may name.",
    )
    read = choice([kind.value for kind in SourceFormat])
    data: dict[str, Json] = {
        "read": {"type": "array", "items": read},
        "written": {"type": "array", "items": written},
        "max_upload_bytes": {"type": "integer", "description": "The largest picture that may be uploaded."},
        "max_set_pictures": {
            "type": "integer",
            "description": "Pictures of a set at most: its widths times its formats.",
        },
    }
    return answer(shape(data, "What is read and what is written."))


def _states() -> Json:
    code: Json = {"type": "integer"}
    emitted = {"type": ["string", "null"], "description": "When this server sends it; null: never."}
    http = shape({"code": code, "meaning": TEXT}, "An HTTP status.")
    task = shape({"code": code, "meaning": TEXT, "emitted": emitted, "reserved": {"type": "boolean"}}, "A task state.")
    lists = {"http": {"type": "array", "items": http}, "tasks": {"type": "array", "items": task}}
    return shape(lists, "Every HTTP status and task state.")


def _readiness() -> Json:
    checks = {"type": "object", "additionalProperties": TEXT, "description": "`ok` or `on`, or `off: why`."}
    return shape({"ready": {"type": "boolean"}, "checks": checks}, "Whether this process can take work.")
