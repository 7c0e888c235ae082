"""The account page: what a key has and used, and for an admin every key."""

from __future__ import annotations

from playwright.sync_api import Route, expect
from tests.support.accounts import key_for
from tests.support.browser import Visitor
from tests.support.pictures import encoded, gradient
from tests.support.server import API, Server


def test_a_key_sees_its_own_credits_and_usage_only(visitor: Visitor, server: Server) -> None:
    key = key_for(server, "a shop", credits=12)
    with server.client(key) as client:
        client.post(API, data={"sync": "1"}, files={"image_file": encoded(gradient(64, 64))})
    page = visitor.open("/account", key)
    expect(page.locator("#credits")).to_have_text("11")
    expect(page.locator("#spent")).to_have_text("1")
    expect(page.locator("#key-name")).to_have_text("a shop")
    expect(page.get_by_role("img", name="1 credit used in the last 30 days, 1 of them today")).to_be_visible()
    page.locator(".chart-day").last.hover()
    expect(page.locator("#usage-shown")).to_contain_text("1 credit, 1 picture")
    page.get_by_text("As a table").click()
    expect(page.locator("#usage-table tbody tr").first).to_contain_text("11")
    expect(page.locator("#admin")).to_be_hidden()


def test_an_admin_makes_tops_up_and_revokes_a_key(visitor: Visitor, server: Server) -> None:
    page = visitor.open("/account", server.key)
    page.click("#new-key")
    page.fill("#make-name", "Newsletter")
    page.fill("#make-credits", "10")
    page.click("#make-dialog [type=submit]")
    expect(page.locator("#made-dialog")).to_be_visible()
    made = page.locator("#made-key").inner_text()
    with server.client(made) as client:
        assert client.get("/v1/account").json()["data"]["credits"] == 10
        page.click("#made-dialog [data-close-dialog]")
        row = page.locator("#keys-table tbody tr", has_text="Newsletter")
        row.get_by_role("button", name="Top up: Newsletter").click()
        page.fill("#topup-credits", "5")
        page.click("#topup-dialog [type=submit]")
        expect(row.locator("[data-part=credits]")).to_have_text("15")
        row.get_by_role("button", name="Revoke: Newsletter").click()
        page.click("#revoke-dialog [type=submit]")
        expect(row.locator("[data-part=state]")).to_have_text("Revoked")
        page.wait_for_timeout(600)
        assert client.get("/v1/account").status_code == 401


def test_a_button_that_is_seen_works_while_the_keys_are_still_on_their_way(visitor: Visitor, server: Server) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visitor.context.route("**/v1/keys?*", hold)
    page = visitor.open("/account", server.key)
    page.click("#new-key")
    expect(page.locator("#make-dialog")).to_be_visible()
    for route in held:
        route.continue_()
    assert held


def test_without_a_key_the_page_asks_for_one(visitor: Visitor, server: Server) -> None:
    page = visitor.open("/account")
    page.click("#enter-key")
    page.fill("#key", server.key)
    page.keyboard.press("Enter")
    expect(page.locator("#credits")).to_have_text("Unlimited")
