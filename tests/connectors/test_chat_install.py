"""The chat page as an installed app and in old browsers."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from connectors.web.page import STATIC_DIR
from core.dialogue import ScriptedDialogue
from tests.connectors.conftest import StartDoor
from tests.connectors.script import script
from tests.programs import find_program

FRONTEND = Path(__file__).resolve().parents[2] / "connectors" / "frontend"


@pytest.mark.net
async def test_the_manifest_names_icons_that_exist(start_door: StartDoor) -> None:
    """Name, start, colours, and PNG files of just the sizes they are said to have."""
    door = await start_door(ScriptedDialogue(script))
    async with door.client.get(f"{door.url}/manifest.webmanifest") as response:
        assert response.content_type == "application/manifest+json"
        manifest = await response.json()
    assert manifest["name"] == "暖业 · 广州市公共就业服务中心"
    assert (manifest["start_url"], manifest["display"]) == ("/", "standalone")
    for icon in manifest["icons"]:
        async with door.client.get(door.url + icon["src"]) as response:
            assert response.status == 200
            data = await response.read()
        if icon["sizes"] != "any":
            assert "x".join(str(side) for side in struct.unpack(">II", data[16:24])) == icon["sizes"]


@pytest.mark.browser
@pytest.mark.net
async def test_the_shell_opens_without_a_server_and_goes_on_when_it_is_back(
    start_door: StartDoor, chromium_page: Page
) -> None:
    """The service worker keeps the page, not the conversation; what is asked meanwhile is answered later."""
    page = chromium_page
    door = await start_door(ScriptedDialogue(script))
    await page.goto(door.url)
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await page.reload()
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    kept = await page.evaluate(
        "caches.open('nuanye-shell').then(c => c.keys())"
        ".then(all => all.map(one => new URL(one.url).pathname))"
    )
    assert "/" in kept
    assert not [path for path in kept if path.startswith("/api")]
    await door.stop()
    await page.reload()
    await page.get_by_label("输入您的问题").fill("您好")
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(page.get_by_text("网络断开了")).to_be_visible()
    await start_door(ScriptedDialogue(script), port=door.port)
    await expect(page.get_by_text("收到：您好")).to_be_visible()


@pytest.mark.browser
@pytest.mark.net
async def test_a_proxy_that_cuts_websockets_is_gone_round(start_door: StartDoor, chromium_page: Page) -> None:
    """The browser has WebSockets but none gets through: after two tries the page polls."""
    tried: list[str] = []

    async def cut(socket: WebSocketRoute) -> None:
        tried.append(socket.url)
        await socket.close()

    await chromium_page.route_web_socket("**/api/web/ws", cut)
    door = await start_door(ScriptedDialogue(script))
    await chromium_page.goto(door.url)
    await expect(chromium_page.get_by_text("您好，我是暖业")).to_be_visible()
    await chromium_page.get_by_label("输入您的问题").fill("您好")
    await chromium_page.get_by_role("button", name="发送", exact=True).click()
    await expect(chromium_page.get_by_text("收到：您好")).to_be_visible()
    assert len(tried) == 2


def test_the_built_files_are_read_by_the_oldest_browser_that_is_promised() -> None:
    """Every script parses as ES2017, no style is newer than Chrome 64; and the check itself finds what is."""
    node = find_program("node") or "node"
    done = subprocess.run([node, "check-build.js"], cwd=FRONTEND, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    odd = STATIC_DIR / "assets" / "zz-odd.js"
    odd.write_text("export const a = b?.c;\n", encoding="utf-8")
    try:
        done = subprocess.run([node, "check-build.js"], cwd=FRONTEND, capture_output=True, text=True)
    finally:
        odd.unlink()
    assert done.returncode == 1
    assert "zz-odd.js: not ES2017" in done.stderr
