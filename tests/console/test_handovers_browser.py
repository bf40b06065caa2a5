"""Conversations with residents in a real Chromium: live, kept while typing, reachable by keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from playwright.async_api import Page
from redis.asyncio import Redis

from casework.handover.types import Delivery, HandoverLine, HandoverState
from casework.store import Store
from console.app import check_static, create_app
from console.live import connect
from core.clock import SystemClock
from core.settings import Settings
from core.streams import HANDOVER_STREAM
from tests.console import seed, waiting
from tests.contrast import weak_pairs
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.net, pytest.mark.slow]


class _Later(SystemClock):
    """Real waiting on the day of the seeded conversations."""

    def now(self) -> datetime:
        return seed.START + timedelta(minutes=30)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """The Redis by which the doors tell of news."""
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def page(
    chromium_page: Page, console_settings: Settings, store: Store, redis: Redis
) -> AsyncIterator[Page]:
    """A member of staff who has just logged in, before the queue."""
    check_static()
    await waiting.fill(store)
    runner = web.AppRunner(
        create_app(console_settings, store, redis, clock=_Later()), access_log=None, shutdown_timeout=1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await chromium_page.set_viewport_size({"width": 1280, "height": 800})
    await chromium_page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/handovers")
    await chromium_page.get_by_label("账号").fill(seed.USER)
    await chromium_page.get_by_label("密码").fill(seed.PASSWORD)
    await chromium_page.get_by_role("button", name="登录").click()
    await chromium_page.wait_for_selector(".live.on")
    yield chromium_page
    await runner.cleanup()


async def _resident_says(store: Store, redis: Redis, text: str, number: int) -> None:
    line = HandoverLine(f"9{number}-0", seed.START, "resident", text)
    await store.copy_lines(waiting.WAITING, [line], f"9{number}-0")
    await redis.xadd(HANDOVER_STREAM, {"id": waiting.WAITING})


async def test_staff_answer_while_the_resident_writes(page: Page, store: Store, redis: Redis) -> None:
    """What the resident writes appears while staff type; what was typed stays; Enter sends it once."""
    await page.get_by_role("link", name="10 分钟").click()
    await page.get_by_role("button", name="接入").click()
    field = page.get_by_label("写给居民")
    await field.fill("请先办失业登")
    await _resident_says(store, redis, "我在天河", 1)
    await page.get_by_text("我在天河").wait_for()
    assert await field.input_value() == "请先办失业登"

    await field.press("End")
    await field.press_sequentially("记")
    await field.press("Enter")
    await page.get_by_text("请先办失业登记").wait_for()
    await page.wait_for_function("() => document.querySelector('#text').value === ''")
    (line,) = await store.pending_lines()
    assert line.line.text == "请先办失业登记"
    await store.note_delivery(line.line.line_id, Delivery.SENT)
    await redis.xadd(HANDOVER_STREAM, {"id": waiting.WAITING})
    await page.get_by_text("已送达").wait_for()
    assert await page.locator("#talk li").count() == 6
    assert await page.get_by_role("log", name="对话内容").count() == 1
    # Markup that a resident writes is text.
    assert await page.get_by_text("<b>我的材料</b>不全怎么办").count() == 1


async def test_hand_back_by_keyboard(page: Page, store: Store) -> None:
    """From the queue to the note without a mouse."""
    await page.get_by_role("link", name="10 分钟").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="接入").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("给助手的说明").fill("已说明材料")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_text("已交还助手").wait_for()
    ended = await store.get_handover(waiting.WAITING)
    assert ended is not None
    assert (ended.state, ended.note) == (HandoverState.CLOSED, "已说明材料")


async def test_who_is_slower_sees_that_a_colleague_has_it(page: Page, store: Store, redis: Redis) -> None:
    """The open page of somebody else loses its button at once, and their late press changes nothing."""
    await page.get_by_role("link", name="10 分钟").click()
    button = page.get_by_role("button", name="接入")
    await button.wait_for()
    await page.wait_for_selector(".live.on")
    assert await store.claim_handover(waiting.WAITING, "wang.wu")
    await redis.xadd(HANDOVER_STREAM, {"id": waiting.WAITING})
    await page.get_by_text("wang.wu 正在接待").wait_for()
    assert await button.count() == 0


async def test_somebody_new_appears_in_the_queue(page: Page, store: Store, redis: Redis) -> None:
    """The open queue grows by itself, and shows what was claimed elsewhere as taken."""
    assert await page.locator("#group-waiting .count").inner_text() == "2"
    await store.claim_handover(waiting.URGENT, "wang.wu")
    await redis.xadd(HANDOVER_STREAM, {"id": waiting.URGENT})
    await page.wait_for_function("() => document.querySelector('#group-waiting .count').textContent === '1'")
    await eventually(lambda: page.get_by_text("wang.wu").is_visible())


async def test_a_line_that_was_not_sent_stays_in_the_field(page: Page, store: Store) -> None:
    """Staff are told when the conversation is not theirs any more, and keep what they wrote."""
    await page.get_by_role("link", name="10 分钟").click()
    await page.get_by_role("button", name="接入").click()
    field = page.get_by_label("写给居民")
    await field.fill("您好")
    await store.put_back(waiting.WAITING)
    await field.press("Enter")
    await page.get_by_role("alert").get_by_text("没有发出").wait_for()
    assert await store.pending_lines() == ()


@pytest.mark.parametrize("width", [1280, 820])
async def test_the_pages_are_readable(page: Page, store: Store, width: int) -> None:
    """Queue and conversation reach 4.5 to 1 (WCAG AA), also with a line that was not delivered."""
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(reduced_motion="reduce")
    assert await weak_pairs(page) == {}
    await store.claim_handover(waiting.WAITING, seed.USER)
    await store.staff_says(waiting.WAITING, seed.USER, "stf_123456789", "请带身份证")
    await store.note_delivery("stf_123456789", "platform.window_closed")
    await page.goto(f"{page.url}/{waiting.WAITING}")
    await page.get_by_text("平台要求居民先来消息").wait_for()
    assert await weak_pairs(page) == {}
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
