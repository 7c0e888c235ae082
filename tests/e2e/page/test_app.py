"""The page as an app: it can be installed, and takes pictures from the share sheet; other pages in the same dress."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from tests.support.batches import settled, write_batch
from tests.support.browser import Visitor
from tests.support.screens import PHONE, assert_fits, violations
from tests.support.server import Server

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_finds_nothing_that_keeps_the_page_from_being_installed(visitor: Visitor, server: Server) -> None:
    page = visitor.open("/", server.key)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    devtools = visitor.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["share_target"]["action"] == "share"
    errors = [one["errorId"] for one in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [error for error in errors if error != "in-incognito"] == []  # a test's window is a private one


def test_pictures_that_were_shared_are_compressed(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open("/", server.key)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.reload()  # from the second visit on the worker is the one that answers
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    content = list(write_batch(tmp_path, 1)[0].read_bytes())
    address = page.evaluate(
        """async (bytes) => {
            const form = new FormData();
            form.append("pictures", new File([Uint8Array.from(bytes)], "from the sheet.jpg", { type: "image/jpeg" }));
            return (await fetch("share", { method: "POST", body: form })).url;
        }""",
        content,
    )
    assert address == server.base + "/"
    page.goto(server.base + "/states")
    page.goto(address + "#shared=")  # fetch() does not tell the fragment that a window would be led to
    expect(page.locator("#shared-text")).to_have_text("1 picture was shared with this page. Compress it?")
    assert page.locator(".file").count() == 0  # another site may have sent it
    assert violations(page) == []
    page.click("#shared-yes")
    expect(page.locator(".file [data-part=name]")).to_have_text("from the sheet.jpg")
    settled(page)
    expect(page.locator(".file")).to_have_attribute("data-phase", "done")
    page.goto(server.base + "/states")
    page.goto(address + "#shared=")
    expect(page.locator(".file")).to_have_count(1)
    expect(page.locator("#shared")).to_be_hidden()  # taken off the shelf: not offered a second time


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_and_lost_pages_are_in_the_sites_dress(visitor: Visitor, server: Server, scheme: str) -> None:
    page = visitor.context.new_page()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # a Literal
    page.goto(server.base + "/states")
    expect(page.locator("tbody tr", has_text="Invalid image file")).to_be_visible()
    assert violations(page) == []
    page.goto(server.base + "/shop/pictures/hat")
    expect(page.get_by_role("heading", name="There is nothing here.")).to_be_visible()
    assert page.evaluate("() => getComputedStyle(document.querySelector('.button')).borderRadius") == "9px"
    assert violations(page) == []
    page.click(".button")
    expect(page.locator("#pick-files")).to_be_attached()


def test_they_fit_on_a_phone_and_speak_the_readers_language(visitor: Visitor, server: Server) -> None:
    browser = visitor.context.browser
    assert browser is not None
    with browser.new_context(**PHONE, locale="es-MX") as context:
        page = context.new_page()
        page.goto(server.base + "/states")
        expect(page.locator("h1")).to_have_text("Códigos de estado")
        assert_fits(page)
        page.goto(server.base + "/results/gone.jpg?x")
        expect(page.locator("h1")).to_have_text("Aquí no hay nada.")
        assert_fits(page)


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/nowhere", HTML, "text/html"),
        ("/results/gone.jpg", HTML, "text/html"),
        ("/results/gone.jpg", {"Accept": "image/avif,image/webp,*/*"}, "application/json"),
        ("/nowhere", {}, "application/json"),
        ("/api/nowhere", HTML, "application/json"),
        ("/v1/nowhere", HTML, "application/json"),
    ],
)
def test_only_people_get_a_page_and_programs_the_contracts_shape(
    server: Server, path: str, headers: dict[str, str], kind: str
) -> None:
    answer = httpx.get(server.base + path, headers=headers, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (404, kind)
