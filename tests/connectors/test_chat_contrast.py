"""The chat page's text stands out from its background, on every size of screen, by day and by night."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import Page, expect

from core.dialogue import ScriptedDialogue
from tests.connectors.conftest import StartDoor
from tests.connectors.script import script
from tests.contrast import weak_pairs

pytestmark = [pytest.mark.browser, pytest.mark.net]

_SIZES = {"phone": (360, 740, ""), "desktop": (1280, 800, ""), "kiosk": (1080, 1920, "?kiosk=1")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", _SIZES)
async def test_text_is_readable(
    chromium_page: Page, start_door: StartDoor, size: str, scheme: Literal["light", "dark"]
) -> None:
    """Greeting, question, answer, source, buttons, counter and dialog reach 4.5 to 1 (WCAG AA)."""
    page, (width, height, query) = chromium_page, _SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    door = await start_door(ScriptedDialogue(script))
    await page.goto(f"{door.url}/{query}")
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    assert await weak_pairs(page) == {}

    await page.get_by_label("输入您的问题").fill("社保补贴怎么领")
    await page.get_by_role("button", name="发送", exact=True).click()
    await page.get_by_text("依据和来源（1）").click()
    await expect(page.get_by_text("粤人社规〔2026〕20号")).to_be_visible()
    await page.get_by_label("输入您的问题").fill("长" * 2001)
    assert await weak_pairs(page) == {}

    await page.get_by_role("button", name="重新开始").click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    await page.wait_for_timeout(400)
    assert await weak_pairs(page) == {}


async def test_the_page_speaks_chinese_only(chromium_page: Page, start_door: StartDoor) -> None:
    """Everything shown, announced or hinted at is Chinese; Latin letters stand in no sentence of ours."""
    page = chromium_page
    door = await start_door(ScriptedDialogue(script))
    await page.goto(door.url)
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    said = await page.evaluate(
        "[document.title, document.body.innerText, ...Array.from(document.querySelectorAll('*'))"
        ".flatMap(n => ['aria-label', 'title', 'placeholder', 'alt'].map(a => n.getAttribute(a) || ''))]"
    )

    assert any("暖业" in text for text in said)
    assert [text for text in said if any("a" <= letter.lower() <= "z" for letter in text)] == []
