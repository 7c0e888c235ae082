"""The web pages: files of this package, served as they are, under a policy that lets nothing else in."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from importlib import resources
from importlib.resources.abc import Traversable

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
    "txt": "text/plain; charset=utf-8",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
# A service worker rules the folder it lies in, an app's scope is that of its manifest.
_ABOVE = {"/sw.js": "sw.js", "/manifest.webmanifest": "manifest.webmanifest"}
_PART, _BAR = re.compile(r" *<!-- (head|foot) -->\n"), re.compile(r" *<!-- (plain )?bar: (\S+) -->\n")
_LANGUAGES, _KEY_BUTTON = re.compile(r"<!-- languages -->"), re.compile(r'.*id="key-button".*\n')
_LIBRARIES = "vendor/"
_RELATIVE = re.compile(r'\b(href|src)="(?:\./)?(?![a-z]+:|#|/)')
_NOT_MODIFIED, _NOT_FOUND = 304, 404


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page: ways to it as it is and packed, and its media type and tag."""

    content: Callable[[], bytes]
    packed: Callable[[], bytes]
    media_type: str
    tag: str


def page_routes() -> list[Route]:
    """A route for each page, and for each file that they load under /page/."""
    folder = resources.files("leanpix.web") / "page"
    files = {name: _loaded(name, partial(_content, folder, file)) for name, file in _files(folder, "")}
    pages = [Route(path, _serving(files[name]), methods=["GET"]) for path, name in (_PAGES | _ABOVE).items()]
    parts = [Route(f"/page/{name}", _serving(file), methods=["GET"]) for name, file in files.items()]
    return pages + [part for part in parts if not part.path.endswith((".html", *_ABOVE))]


@cache
def page_text(name: str) -> str:
    """A page in the site's dress, for who fills in more."""
    folder = resources.files("leanpix.web") / "page"
    return _content(folder, folder / name).decode()


def page_response(text: str, status: int = 200) -> Response:
    """A page that is not the same for everybody, under the pages' policy."""
    return HTMLResponse(text, status, headers={**_HEADERS, "Vary": "Accept"})


def wants_page(request: Request) -> bool:
    """Whether a person asks with a browser, and not for the API or a part of a page."""
    is_of_programs = request.url.path.startswith(("/api/", "/v1/", "/page/"))
    return request.method == "GET" and not is_of_programs and "text/html" in request.headers.get("accept", "")


def not_found_page(request: Request) -> Response:
    """The page for an address that leads nowhere; its own links are relative to where it is shown."""
    path = request.scope.get("raw_path") or request.url.path.encode()
    up = "../" * (path.count(b"/") - 1)
    return page_response(_RELATIVE.sub(rf'\1="{up or "./"}', page_text("notfound.html")), _NOT_FOUND)


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _MEDIA_TYPES:
            yield prefix + entry.name, entry


def _content(folder: Traversable, file: Traversable) -> bytes:
    """A file as it is served: a page with the parts that all pages share, its own link in the bar marked."""
    if file.name.startswith("en.") or not file.name.endswith((".html", ".json")):
        return file.read_bytes()
    if file.name.endswith(".json"):
        return _whole_language(folder, file)
    page = _PART.sub(
        lambda part: (folder / f"{part[1]}.html").read_text(encoding="utf-8"), file.read_text(encoding="utf-8")
    )
    page = _LANGUAGES.sub(lambda _: _languages(folder), page)
    bar = (folder / "bar.html").read_text(encoding="utf-8")

    def own_bar(own: re.Match[str]) -> str:
        shown = _KEY_BUTTON.sub("", bar) if own[1] else bar
        return shown.replace(f'<a href="{own[2]}"', f'<a href="{own[2]}" aria-current="page"')

    return _BAR.sub(own_bar, page).encode()


def _languages(folder: Traversable) -> str:
    """The languages that there are texts in, for the page to choose from, by the names they have themselves."""
    files = sorted((file for file in (folder / "languages").iterdir()), key=lambda file: file.name)
    names = {file.name.removesuffix(".json"): json.loads(file.read_bytes())["name"] for file in files}
    return f'<meta name="languages" content="{escape(json.dumps(names, ensure_ascii=False))}">'


def _whole_language(folder: Traversable, file: Traversable) -> bytes:
    """A language's texts; what it has not yet is English."""
    english = json.loads((folder / "languages" / "en.json").read_bytes())
    return json.dumps(english | json.loads(file.read_bytes()), ensure_ascii=False).encode()


def _loaded(name: str, read: Callable[[], bytes]) -> PageFile:
    """In memory, but for the libraries of the page of documentation: 2 MB that few ever ask for."""
    text = read()
    tag = f'"{hashlib.sha256(text).hexdigest()[:20]}"'
    content = read if name.startswith(_LIBRARIES) else partial(bytes, text)
    # Packed when it is first asked for: the largest takes longer than the rest of a start.
    packed = cache(lambda: gzip.compress(content(), mtime=0))
    return PageFile(content, packed, _MEDIA_TYPES[name.rpartition(".")[2]], tag)


def _serving(file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers = {**_HEADERS, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            content = await to_thread.run_sync(file.content)
            return Response(content, media_type=file.media_type, headers=headers)
        packed = await to_thread.run_sync(file.packed)
        return Response(packed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})

    return serve
