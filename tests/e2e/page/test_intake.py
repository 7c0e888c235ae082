"""Every way that pictures come in, and the command line that goes out."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.support.batches import download, pick, settled, unzipped, write_batch
from tests.support.browser import Visitor
from tests.support.server import Server

# A script's way to drop or paste: a synthetic event that carries a DataTransfer like the real one.
_GIVE = """([kind, name, bytes, text]) => {
  const transfer = new DataTransfer();
  if (bytes) transfer.items.add(new File([Uint8Array.from(bytes)], name));
  if (text) transfer.setData(text.startsWith("<") ? "text/html" : "text/plain", text);
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


def give(page: Page, kind: str, path: Path | None = None, text: str = "") -> None:
    content = None if path is None else list(path.read_bytes())
    page.evaluate(_GIVE, [kind, path.name if path else "", content, text])


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_files_are_taken_when_dropped_and_when_pasted(
    visitor: Visitor, server: Server, tmp_path: Path, kind: str
) -> None:
    page = visitor.open("/", server.key)
    give(page, kind, write_batch(tmp_path, 1)[0])
    expect(page.locator(".file")).to_have_count(1)
    settled(page)
    expect(page.locator(".file")).to_have_attribute("data-phase", "done")


def test_dragging_files_over_the_page_shows_where_they_go(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open("/")
    give(page, "dragenter", write_batch(tmp_path, 1)[0])
    expect(page.locator(".drop-veil")).to_be_visible()
    give(page, "dragleave", tmp_path / "picture 00.jpg")
    expect(page.locator(".drop-veil")).to_be_hidden()


def test_a_folder_keeps_its_tree_in_the_zip_and_other_files_are_left_out(
    visitor: Visitor, server: Server, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    (shop / "red").mkdir(parents=True)
    (shop / "notes.txt").write_text("no picture")
    (shop / ".hidden.jpg").write_text("no picture")
    for name, path in zip(("a.jpg", "red/a.jpg"), write_batch(tmp_path, 4)[::3], strict=True):
        shutil.copy(path, shop / name)
    page = visitor.open("/", server.key)
    page.set_input_files("#pick-folder", str(shop))
    expect(page.locator("#toast")).to_contain_text("2 files skipped")
    settled(page)
    assert sorted(unzipped(download(page, "#download-all"))) == ["shop/a.jpg", "shop/red/a.jpg"]


def test_pasted_addresses_become_rows(visitor: Visitor, server: Server) -> None:
    page = visitor.open("/", server.key)
    give(page, "paste", text="look: http://127.0.0.1:9/one.jpg and http://127.0.0.1:9/two%2Fb.png")
    expect(page.locator(".file [data-part=name]")).to_have_text(["one.jpg", "two_b.png"])


def test_a_piece_of_another_page_gives_its_pictures(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    inline = base64.b64encode(write_batch(tmp_path, 1)[0].read_bytes()).decode()
    page = visitor.open("/", server.key)
    pictures = f'<img src="data:image/jpeg;base64,{inline}"><a href="/x"><img src="http://127.0.0.1:9/hat.png"></a>'
    give(page, "paste", text=f"<p>Hats</p>{pictures}<script>document.title = 'run'</script>")
    expect(page.locator(".file [data-part=name]")).to_have_text(["picture-1.jpg", "hat.png"])
    expect(page.locator(".file").first).to_have_attribute("data-phase", "done")
    assert page.title() != "run"


def test_an_address_that_is_none_is_refused_in_the_dialog(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.click("[data-urls]")
    page.fill("#urls-text", "example.com/photo.jpg\n\nftp://example.com/a.jpg\nhttp://")
    page.click("#urls [type=submit]")
    expect(page.locator("#urls-note li")).to_have_text(
        [
            "Line 1: \u201cexample.com/photo.jpg\u201d needs https:// before it.",
            "Line 3: \u201cftp://example.com/a.jpg\u201d: ftp: cannot be fetched, only http:// and https://.",
            "Line 4: \u201chttp://\u201d is no web address.",
        ]
    )
    expect(page.locator("#urls")).to_be_visible()
    page.fill("#urls-text", "")
    page.click("#urls [type=submit]")
    expect(page.locator("#urls-note")).to_contain_text("No address")


def test_one_result_can_be_downloaded_and_a_row_removed(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    page = visitor.open("/", server.key)
    source = write_batch(tmp_path, 1)[0]
    pick(page, source)
    assert len(download(page, ".file [data-do=download]")) < source.stat().st_size
    page.get_by_role("button", name=f"Remove: {source.name}").click()
    expect(page.locator(".file")).to_have_count(0)
    expect(page.get_by_role("heading", name="Smaller images, same look.")).to_be_visible()


def test_the_copied_command_does_the_same_work(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("/", server.key)
    source = write_batch(tmp_path, 1)[0].rename(tmp_path / 'it\'s; a "photo", really.jpg')
    page.fill("#width", "64")
    page.wait_for_timeout(700)
    pick(page, source)
    page.click(".file [data-do=curl]")
    expect(page.locator("#toast")).to_contain_text("Copied")
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert server.key not in command
    environment = os.environ | {"LEANPIX_API_KEY": server.key, "no_proxy": "127.0.0.1"}
    shell = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, check=True)
    answer = json.loads(shell.stdout)
    assert answer["data"]["report"]["width_px"] == 64
