"""Files that cannot be compressed: said in words, mended by a retry, never in the way of the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Route, expect
from tests.support.accounts import key_for
from tests.support.batches import download, pick, settled, unzipped, write_batch
from tests.support.browser import Visitor
from tests.support.pictures import encoded, gradient
from tests.support.server import Server


def test_a_file_that_is_no_picture_fails_alone_and_says_why(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    broken = tmp_path / "notes.jpg"
    broken.write_text("these are no pixels")
    page = visitor.open("/", server.key)
    pick(page, broken, *write_batch(tmp_path, 2))
    row = page.locator(".file", has_text="notes.jpg")
    expect(row).to_have_attribute("data-phase", "failed")
    expect(row.locator("[data-part=detail]")).to_contain_text("Invalid image file")
    expect(row.get_by_role("button", name="Retry: notes.jpg")).to_be_visible()
    expect(page.locator("#total-files")).to_have_text("2 of 3 files, 1 failed")
    assert unzipped(download(page, "#download-all"))["notes.jpg"] == broken.read_bytes()


def test_what_went_wrong_is_told_in_the_readers_language_and_the_servers_words_stand_below(
    visitor_with: Callable[..., Visitor], server: Server, tmp_path: Path
) -> None:
    broken, pages = tmp_path / "notes.jpg", tmp_path / "pages.tif"
    broken.write_text("these are no pixels")
    sheets = [gradient(64, 64), gradient(64, 64)]
    sheets[0].save(pages, save_all=True, append_images=sheets[1:])
    page = visitor_with(viewport={"width": 1280, "height": 860}, locale="de-AT").open("/", server.key)
    pick(page, broken, pages)
    failed, lost = (page.locator(".file", has_text=path.name) for path in (broken, pages))
    detail, words = (failed.locator(f"[data-part={part}]") for part in ("detail", "words"))
    expect(detail).to_have_text("Kein lesbares Bild, oder es ist beschädigt.")
    expect(words).to_contain_text("Invalid image file")
    expect(words).to_have_attribute("lang", "en")
    expect(lost.locator("[data-part=detail]")).to_have_text("Ohne weitere Seiten")
    expect(lost.locator("[data-part=words]")).to_have_text("Pages dropped: the first of 2 is used")

    # In another language at once; in English the server's words are the text.
    page.select_option("#language", "fr")
    expect(detail).to_have_text(re.compile("image est illisible ou endommagée"))
    page.select_option("#language", "en")
    expect(detail).to_contain_text("Invalid image file")
    expect(words).to_be_hidden()
    expect(lost.locator("[data-part=detail]")).to_contain_text("the first of 2 is used. without further pages")


def test_a_request_that_was_refused_is_told_in_the_readers_language(
    visitor_with: Callable[..., Visitor], server: Server, tmp_path: Path
) -> None:
    visit = visitor_with(viewport={"width": 1280, "height": 860}, locale="ja")
    page = visit.open("/", key_for(server, "spent", credits=0, qps=100))
    pick(page, *write_batch(tmp_path, 1))
    row = page.locator(".file[data-phase=failed]")
    expect(row.locator("[data-part=detail]")).to_have_text("キーが拒否されたか、クレジットが残っていません。")
    expect(row.locator("[data-part=words]")).to_contain_text("credits")
    # A reload finds it again, and says the same.
    page.reload()
    expect(row.locator("[data-part=detail]")).to_have_text("キーが拒否されたか、クレジットが残っていません。")


NO_PICTURES = {
    "IMG_1.HEIC": (b"\0\0\0\x24ftypheic" + bytes(40), "HEIC: this server cannot read it. Export it as JPEG"),
    "clip.mov": (b"\0\0\0\x14ftypqt  " + bytes(40), "a video, not a picture"),
    "logo.svg": (
        b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        "SVG: a drawing of lines, without pixels",
    ),
    "price list.docx": (b"PK\x03\x04" + bytes(40), "DOCX: not a picture."),
    "all.zip": (b"PK\x03\x04" + bytes(40), "ZIP: an archive. Unpack it"),
    "flyer.pdf": (b"%PDF-1.7\n", "PDF: a document"),
    "new.avif": (b"\0\0\0\x1cftypavif" + bytes(40), "AVIF: this server does not read this format"),
    "nothing.jpg": (b"", "An empty file."),
    "poster.jpg": (b"\xff\xd8\xff\xe0" + bytes(21 << 20), "more than the 20.0 MB that this server takes"),
}


def test_what_cannot_be_compressed_is_said_before_it_is_sent(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    for name, (content, _) in NO_PICTURES.items():
        (tmp_path / name).write_bytes(content)
    visitor.hide_formats("avif", "jxl", "heic")
    page = visitor.open("/", server.key)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    pick(page, *(tmp_path / name for name in NO_PICTURES))
    told = dict(
        zip(
            page.locator(".file [data-part=name]").all_text_contents(),
            page.locator(".file [data-part=detail]").all_text_contents(),
            strict=True,
        )
    )
    assert {name: text for name, text in told.items() if NO_PICTURES[name][1] not in text} == {}
    assert sent == []


def test_a_retry_mends_what_was_missing_before(visitor: Visitor, server: Server, picture_port: int) -> None:
    with late_picture(picture_port) as (url, arrive):
        page = visitor.open("/", server.key)
        page.click("[data-urls]")
        page.fill("#urls-text", f"{url}\nnot an address")
        page.click("#urls [type=submit]")
        expect(page.locator("#urls-note")).to_contain_text("Line 2: \u201cnot an address\u201d is no web address.")
        expect(page.locator("#urls-text")).to_have_value("not an address")  # the other one is on its way
        page.keyboard.press("Escape")
        settled(page)
        row = page.locator(".file")
        expect(row.locator("[data-part=detail]")).to_contain_text("failed to download")
        arrive()
        row.get_by_role("button", name="Retry").click()
        expect(row).to_have_attribute("data-phase", "done", timeout=30_000)
    row.get_by_role("button", name="Compare before and after").click()
    expect(page.locator("#stage-note")).to_contain_text("The original is on another server")
    page.keyboard.press("Escape")
    expect(row.locator("[data-part=before]")).not_to_have_text("\u2013")
    expect(row.locator("[data-part=meta]")).to_contain_text("256 \u00d7 256")


def test_a_busy_server_is_waited_for(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open("/", server.key)
    refusals = iter([429, 429])

    def refuse_twice(route: Route) -> None:
        if (status := next(refusals, None)) is None:
            route.continue_()
        else:
            answer = '{"status": 429, "message": "HTTP 429: slow down"}'
            route.fulfill(status=status, headers={"Retry-After": "1"}, body=answer)

    page.route("**/imgcompress", refuse_twice)
    pick(page, *write_batch(tmp_path, 1))
    expect(page.locator(".file")).to_have_attribute("data-phase", "done")
    assert next(refusals, None) is None


# The answer comes and is dropped before the page sees it: what the browser tells of a connection lost by then.
# (A route handler of Playwright's would not do: it does not get the bytes of a chosen file to send them on.)
LOSE_THE_FIRST_ANSWER = """
    const open = XMLHttpRequest.prototype.open;
    let lost = false;
    XMLHttpRequest.prototype.open = function (...words) {
        this.addEventListener("load", (event) => {
            if (lost) return;
            lost = true;
            event.stopImmediatePropagation();
            window.lostStatus = this.status;
            this.dispatchEvent(new ProgressEvent("error"));
        });
        return open.apply(this, words);
    };
"""


def test_a_create_whose_answer_was_lost_is_sent_again_and_charged_once(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    key = key_for(server, credits=10, qps=100)
    visitor.context.add_init_script(LOSE_THE_FIRST_ANSWER)
    page = visitor.open("/", key)
    pick(page, *write_batch(tmp_path, 1))
    expect(page.locator(".file")).to_have_attribute("data-phase", "done")
    assert page.evaluate("window.lostStatus") == 200
    with server.client(key) as client:
        assert client.get("/v1/account").json()["data"]["credits"] == 9


@contextmanager
def late_picture(port: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """A web server whose picture is missing until the second value is called."""
    there: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if there else 404)
            self.send_header("Content-Length", str(sum(map(len, there))))
            self.end_headers()
            self.wfile.write(b"".join(there))

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{port}/late%20photo.jpg", lambda: there.append(encoded(gradient()))
        web.shutdown()
