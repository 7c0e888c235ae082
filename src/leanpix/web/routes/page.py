"""The web pages: files of this package, served as they are, under a policy that lets nothing else in."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from importlib.resources.abc import Traversable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for again each time, answered by 304: a new release is never mixed with an old one's modules.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
_PAGES = {"/": "index.html", "/account": "account.html", "/docs": "docs.html"}
_HEAD, _BAR = re.compile(r" *<!-- head -->\n"), re.compile(r" *<!-- bar: (\S+) -->\n")
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, in memory: as it is, a way to it packed, and its media type and tag."""

    content: bytes
    packed: Callable[[], bytes]
    media_type: str
    tag: str


def page_routes() -> list[Route]:
    """A route for each page, and for each file that they load under /page/."""
    folder = resources.files("leanpix.web") / "page"
    files = {name: _loaded(name, _content(folder, file)) for name, file in _files(folder, "")}
    pages = [Route(path, _serving(files[name]), methods=["GET"]) for path, name in _PAGES.items()]
    parts = [Route(f"/page/{name}", _serving(file), methods=["GET"]) for name, file in files.items()]
    return pages + [part for part in parts if not part.path.endswith(".html")]


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _MEDIA_TYPES:
            yield prefix + entry.name, entry


def _content(folder: Traversable, file: Traversable) -> bytes:
    """A file as it is served: a page with the parts that all pages share, its own link in the bar marked."""
    if not file.name.endswith(".html"):
        return file.read_bytes()
    head, bar = ((folder / name).read_text(encoding="utf-8") for name in ("head.html", "bar.html"))
    page = _HEAD.sub(head, file.read_text(encoding="utf-8"))
    return _BAR.sub(
        lambda own: bar.replace(f'<a href="{own[1]}"', f'<a href="{own[1]}" aria-current="page"'), page
    ).encode()


def _loaded(name: str, content: bytes) -> PageFile:
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    # Packed when it is first asked for: the largest takes longer than the rest of a start.
    packed = cache(partial(gzip.compress, content, mtime=0))
    return PageFile(content, packed, _MEDIA_TYPES[name.rpartition(".")[2]], tag)


def _serving(file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers = {**_HEADERS, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(file.content, media_type=file.media_type, headers=headers)
        packed = await to_thread.run_sync(file.packed)
        return Response(packed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})

    return serve
