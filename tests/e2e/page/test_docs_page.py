"""The API reference at /docs: from this server alone, under the pages' policy, complete, and able to ask.

The visitor notices every request to elsewhere and every message on the console.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import expect
from tests.support.browser import Visitor
from tests.support.server import API, Server

Visitors = Callable[..., Visitor]


def test_every_operation_is_listed_and_can_be_asked_with_the_key_that_the_pages_know(
    visitor: Visitor, server: Server
) -> None:
    page = visitor.context.new_page()
    page.add_init_script(f"localStorage.setItem('leanpix.key', '{server.key}')")
    page.goto(server.base + "/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    document = httpx.get(f"{server.base}/openapi.json", trust_env=False).json()
    assert page.locator(".opblock").count() == sum(len(methods) for methods in document["paths"].values())
    shown = {path.inner_text().replace("\u200b", "") for path in page.locator(".opblock-summary-path").all()}
    assert shown == set(document["paths"])
    operation = page.locator("#operations-Account-account")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


def test_a_link_opens_an_operation_with_its_fields_in_the_systems_colours(visitor_with: Visitors) -> None:
    page = visitor_with(color_scheme="dark").open("/docs#/Tasks/create")
    create = page.locator("#operations-Tasks-create")
    expect(create.locator(".opblock-body")).to_be_visible()
    expect(create).to_contain_text(API)
    for field in ("image_url", "quality", "kbyte", "callback_url"):
        expect(create.get_by_text(field).first).to_be_visible()
    expect(page.locator("html")).to_have_class("dark-mode")
    create.get_by_role("button", name="Try it out").click()
    expect(create.locator("input[type=file]").first).to_be_visible()
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("dark-mode")
