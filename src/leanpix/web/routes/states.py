"""The code tables, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from leanpix.domain.states import TaskState
from leanpix.web.errors import STATUS_TEXT

_RESERVED = "reserved: this server never sends it"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>leanpix: states</title>
<meta name="viewport" content="width=device-width"><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}}
table{{border-collapse:collapse;width:100%}}th,td{{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8886}}
</style><h1>States</h1><h2>HTTP status codes</h2><table><tr><th>Code<th>Meaning</tr>{http}</table>
<h2>Task states (<code>data.state</code>)</h2><p>1 is success, 0 and above 1 are under way, below 0 is failure.</p>
<table><tr><th>Code<th>Meaning<th>When this server sends it</tr>{tasks}</table></html>"""


async def states(request: Request) -> Response:
    """Both tables: JSON where it is asked for by `Accept` or `?format=json`, else a page."""
    if "application/json" in request.headers.get("accept", "") or request.query_params.get("format") == "json":
        return JSONResponse(_tables())
    return HTMLResponse(_page(), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


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
    http = "".join(f"<tr><td>{code}<td>{escape(text)}</tr>" for code, text in STATUS_TEXT.items())
    tasks = "".join(
        f"<tr><td>{int(state)}<td>{escape(state.text)}<td>{escape(state.emitted or _RESERVED)}</tr>"
        for state in sorted(TaskState)
    )
    return _PAGE.format(http=http, tasks=tasks)
