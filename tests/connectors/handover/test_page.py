"""What a resident sees in the browser while a person answers."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from casework.handover.types import HandoverEnd
from core.dialogue import ScriptedDialogue
from tests.connectors.conftest import StartDoor
from tests.connectors.handover.conftest import Office, asks_for_staff
from tests.connectors.handover.test_web import OURS, SAID, WAITING

pytestmark = [pytest.mark.browser, pytest.mark.net, pytest.mark.slow]


async def test_a_persons_words_are_told_from_the_assistants(
    start_door: StartDoor, chromium_page: Page, office: Office
) -> None:
    """Staff's line says whose it is, also to a screen reader; nobody is typing meanwhile; then it goes on."""
    page = chromium_page
    door = await start_door(ScriptedDialogue(asks_for_staff), behind=office.behind)
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(door.url)
    await _say(page, "人工")
    await expect(page.get_by_text(SAID)).to_be_visible()
    await expect(page.get_by_text(WAITING)).to_be_visible()
    handover = await office.claim()
    await expect(page.get_by_text(OURS["staff_here"])).to_be_visible()
    await office.say(handover, "请带身份证来。")
    line = page.locator(".entry.staff")
    await expect(line.get_by_text("请带身份证来。")).to_be_visible()
    await expect(line.get_by_text("工作人员", exact=True)).to_be_visible()
    assert (await line.locator(".bubble").text_content()) == "工作人员：请带身份证来。"
    await _say(page, "好的")
    await office.reads(handover, "好的")
    await expect(page.locator(".typing")).to_be_hidden()
    assert await office.store.end_handover(handover.handover_id, HandoverEnd.SETTLED, staff="li.hua")
    await expect(page.get_by_text(OURS["staff_done"])).to_be_visible()
    await _say(page, "谢谢")
    await expect(page.get_by_text("收到：谢谢")).to_be_visible()


async def _say(page: Page, text: str) -> None:
    await page.get_by_label("输入您的问题").fill(text)
    await page.get_by_role("button", name="发送", exact=True).click()
