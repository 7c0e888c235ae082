"""The key: asked for when it is needed, kept in the browser, refused in words."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect
from tests.support.accounts import key_for
from tests.support.batches import settled, write_batch
from tests.support.browser import Visitor
from tests.support.server import Server


def test_files_wait_for_a_key_and_start_when_it_is_given(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open("/")
    page.set_input_files("#pick-files", [str(path) for path in write_batch(tmp_path, 2)])
    expect(page.locator("#key-dialog")).to_be_visible()
    expect(page.locator(".file[data-phase=held]")).to_have_count(2)
    page.fill("#key", "lp_nobody_knows")
    page.keyboard.press("Enter")
    expect(page.locator("#key-note")).to_contain_text("does not know this key")
    page.fill("#key", server.key)
    page.keyboard.press("Enter")
    expect(page.locator("#key-dialog")).to_be_hidden()
    settled(page)
    expect(page.locator(".file[data-phase=done]")).to_have_count(2)


def test_a_key_is_remembered_only_where_that_is_wanted(visitor: Visitor, server: Server) -> None:
    page = visitor.open("/")
    page.click("#key-button")
    page.fill("#key", server.key)
    page.uncheck("#keep-key")
    page.click("#key-dialog [type=submit]")
    expect(page.locator("#key-button")).to_contain_text("owner")
    assert page.evaluate("() => localStorage.getItem('leanpix.key')") is None
    assert visitor.context.cookies() == []
    page.reload()
    expect(page.locator("#key-button")).to_contain_text("owner")
    page.click("#key-button")
    page.click("#forget-key")
    expect(page.locator("#key-button")).to_have_text("Enter API key")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_a_key_without_credits_fails_the_file_and_says_so(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open("/", key_for(server, credits=0))
    page.set_input_files("#pick-files", str(write_batch(tmp_path, 1)[0]))
    expect(page.locator(".file [data-part=detail]")).to_contain_text("no credits")
    expect(page.locator("#key-dialog")).to_be_hidden()
