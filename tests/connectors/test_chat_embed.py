"""The chat on other sites' pages, in a real browser: two origins on loopback, one of them on the list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from core.dialogue import ScriptedDialogue
from core.settings import Settings
from tests.connectors.conftest import StartDoor
from tests.connectors.script import script

pytestmark = [pytest.mark.browser, pytest.mark.net]

_SITE = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root {{ --nuanye-accent: #1d5fa8; }} button, iframe, div {{ background: red; display: none }}</style>
<h1>某街道办事处</h1><script async src="{door}/embed.js"></script>"""

Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def sites(free_port: Callable[[], int]) -> AsyncIterator[Serve]:
    """Serve a page of another site that holds the script tag of the door at an address."""
    runners: list[web.AppRunner] = []

    async def serve(door: str, port: int = 0) -> str:
        async def page(_request: web.Request) -> web.Response:
            return web.Response(text=_SITE.format(door=door), content_type="text/html")

        app = web.Application()
        app.add_routes([web.get("/", page)])
        runners.append(web.AppRunner(app, access_log=None))
        await runners[-1].setup()
        port = port or free_port()
        await web.TCPSite(runners[-1], "127.0.0.1", port).start()
        return f"http://127.0.0.1:{port}"

    yield serve
    for runner in runners:
        await runner.cleanup()


async def test_one_script_tag_brings_the_chat_to_a_listed_site(
    start_door: StartDoor, sites: Serve, chromium_page: Page, settings: Settings, free_port: Callable[[], int]
) -> None:
    """Button, window, theme and conversation work; the site's styles and scripts stay outside."""
    page, port = chromium_page, free_port()
    using = replace(settings, public_chat_origins=f"http://127.0.0.1:{port}")
    door = await start_door(ScriptedDialogue(script), using=using)
    await page.goto(await sites(door.url, port))
    launcher = page.get_by_role("button", name="问问暖业")
    await expect(launcher).to_have_attribute("aria-expanded", "false")
    assert await launcher.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(29, 95, 168)"
    assert await page.locator("iframe").count() == 0

    await launcher.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="暖业")).to_be_visible()
    chat = page.frame_locator("iframe")
    await expect(chat.get_by_text("您好，我是暖业")).to_be_visible()
    await chat.get_by_label("输入您的问题").fill("您好")
    await chat.get_by_role("button", name="发送", exact=True).click()
    await expect(chat.get_by_text("收到：您好")).to_be_visible()
    sent = chat.locator(".send")
    assert await sent.evaluate("n => getComputedStyle(document.documentElement).getPropertyValue('--accent')")
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0

    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(launcher).to_be_focused()
    await launcher.click()
    await expect(chat.get_by_text("收到：您好")).to_be_visible()
    await page.get_by_role("button", name="收起对话").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_site_that_is_not_listed_gets_nothing(
    start_door: StartDoor, sites: Serve, chromium_page: Page
) -> None:
    """No button, the reason in its console; framing the page by hand shows nothing either."""
    page = chromium_page
    door = await start_door(ScriptedDialogue(script))
    address = await sites(door.url)
    async with page.expect_console_message(lambda message: "public_chat_origins" in message.text):
        await page.goto(address)
    assert await page.locator("#nuanye-chat").count() == 0
    await page.set_content(f'<iframe src="{door.url}/" style="display:block"></iframe>')
    await page.wait_for_load_state("networkidle")
    assert await page.frame_locator("iframe").locator("#app").count() == 0


async def test_a_site_cannot_restyle_more_than_its_colours(
    start_door: StartDoor, chromium_page: Page
) -> None:
    """The frame's address takes colours only; anything else in it is dropped."""
    page = chromium_page
    door = await start_door(ScriptedDialogue(script))
    await page.goto(f"{door.url}/api/web/embed")
    await page.set_content(
        f'<iframe src="{door.url}/?embed=1&accent=url(//evil.example)&on-accent=rgb(1,2,3)"></iframe>'
    )
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_text("您好，我是暖业")).to_be_visible()
    style = await frame.locator("html").get_attribute("style") or ""
    assert "evil" not in style
    assert "--on-accent: rgb(1,2,3)" in style
