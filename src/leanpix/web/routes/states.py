"""The code tables, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leanpix.domain.states import TaskState
from leanpix.web.errors import STATUS_TEXT
from leanpix.web.routes.page import page_response, page_text

_RESERVED = "reserved: this server never sends it"
_LAST_GOOD = 399


async def states(request: Request) -> Response:
    """Both tables: JSON where it is asked for by `Accept` or `?format=json`, else a page."""
    if "application/json" in request.headers.get("accept", "") or request.query_params.get("format") == "json":
        return JSONResponse(_tables())
    return page_response(_page())


async def states_json(_request: Request) -> Response:
    """Both tables as JSON, whatever is accepted."""
    return JSONResponse(_tables())


def _tables() -> dict[str, Sequence[Mapping[str, object]]]:
    http = [{"code": code, "meaning": text} for code, text in STATUS_TEXT.items()]
    tasks = [
        {"code": int(state), "meaning": state.text, "emitted": state.emitted, "reserved": state.emitted is None}
        for state in sorted(TaskState)
    ]
    return {"http": http, "tasks": tasks}


def _page() -> str:
    http = "".join(_row(code, text) for code, text in STATUS_TEXT.items())
    tasks = "".join(_row(int(state), state.text, state.emitted or _RESERVED) for state in sorted(TaskState))
    return page_text("states.html").replace("<!-- http -->", http).replace("<!-- tasks -->", tasks)


def _row(code: int, *texts: str) -> str:
    kind = "good" if code in {1, 200} else "bad" if code < 0 or code > _LAST_GOOD else ""
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    return f'<tr class="{kind}"><th scope="row">{code}</th>{cells}</tr>'
