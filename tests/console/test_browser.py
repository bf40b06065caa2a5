"""The console in a real Chromium, with its built front end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from playwright.async_api import Page

from casework.store import Store
from console.app import check_static, create_app
from console.live import connect
from core.clock import SystemClock
from core.settings import Settings
from core.streams import RESULTS_STREAM, RedisStreamQueue
from core.types import Result
from tests.console import seed

pytestmark = [pytest.mark.browser, pytest.mark.net, pytest.mark.slow]


class _Noon(SystemClock):
    """Real waiting on the day of the seeded calls."""

    def now(self) -> datetime:
        return seed.START + timedelta(hours=1)


@pytest.fixture
async def address(console_settings: Settings, store: Store, redis_url: str) -> AsyncIterator[str]:
    """A served console; its address."""
    check_static()
    redis = connect(redis_url)
    app = create_app(console_settings, store, redis, clock=_Noon())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
    await redis.aclose()


async def _log_in(page: Page, address: str, wanted: str = "/calls") -> None:
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(address + wanted)
    await page.get_by_label("账号").fill(seed.USER)
    await page.get_by_label("密码").fill(seed.PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_selector(".bar")


async def _wait_for_time(page: Page, low_s: float, high_s: float) -> None:
    await page.wait_for_function(
        "([low, high]) => { const t = document.querySelector('#audio').currentTime;"
        " return t >= low && t <= high; }",
        arg=[low_s, high_s],
    )


async def test_staff_find_a_call_and_hear_its_lines(chromium_page: Page, address: str) -> None:
    """Log in, open a call from the list, click a line: it sounds, and the line is marked."""
    page = chromium_page
    await _log_in(page, address)
    await page.get_by_role("link", name="陈小明").click()
    line = seed.talk()[11]
    await page.locator("#line-11 .words").click()

    await _wait_for_time(page, line.start_ms / 1000 + 0.2, line.end_ms / 1000 + 2)
    assert await page.locator("#line-11[aria-current=true]").count() == 1
    assert await page.get_by_role("button", name="暂停").count() == 1


async def test_evidence_plays_its_words_and_stops(chromium_page: Page, address: str) -> None:
    """A click on evidence plays that stretch, lights up the words, and stops where they end."""
    page = chromium_page
    await _log_in(page, address, f"/calls/{seed.CALL_ID}")
    line = seed.talk()[1]
    await page.locator('.evidence[data-field="identity"]').click()
    await page.wait_for_selector('mark[data-field="identity"].lit')
    await page.wait_for_function("() => document.querySelector('#audio').currentTime > 0")
    await page.wait_for_function("() => document.querySelector('#audio').paused")

    stopped = await page.evaluate("document.querySelector('#audio').currentTime")
    assert line.end_ms / 1000 <= stopped <= line.end_ms / 1000 + 1
    assert await page.locator("mark.lit").count() == 0


async def test_keys_drive_the_player(chromium_page: Page, address: str) -> None:
    """Down walks to the next line, right skips five seconds, space pauses."""
    page = chromium_page
    await _log_in(page, address, f"/calls/{seed.CALL_ID}")
    await page.wait_for_function("() => document.querySelector('#total').textContent === '1:37'")
    lines = seed.talk()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await _wait_for_time(page, lines[1].start_ms / 1000, lines[1].end_ms / 1000 + 1)
    await page.keyboard.press("ArrowRight")
    await _wait_for_time(page, lines[1].start_ms / 1000 + 5, lines[1].end_ms / 1000 + 9)
    await page.keyboard.press("Space")

    await page.wait_for_function("() => document.querySelector('#audio').paused")
    # The button hears of the pause by an event of its own, a moment after the audio has stopped.
    await page.get_by_role("button", name="播放", exact=True).wait_for()


async def test_new_result_appears_by_itself(
    chromium_page: Page, address: str, store: Store, redis_url: str
) -> None:
    """A call that is stored and published shows up on the open list."""
    page = chromium_page
    await _log_in(page, address)
    await page.wait_for_selector(".live.on")
    before = await page.locator("tr[data-key]").count()
    record = seed.short_call(40)
    await store.save_call(record, seed.result_for(record))
    redis = connect(redis_url)
    await RedisStreamQueue(redis, RESULTS_STREAM, Result).publish(seed.result_for(record))
    await redis.aclose()

    await page.wait_for_selector(f'tr.fresh[data-key="{record.call_id}"]')
    assert await page.locator("tr[data-key]").count() == before + 1


async def test_number_shows_after_a_click(chromium_page: Page, address: str) -> None:
    """The masked number becomes whole, and hostile words on another page stay words."""
    page = chromium_page
    await _log_in(page, address, f"/calls/{seed.CALL_ID}")
    assert await page.locator("#phone").inner_text() == "138****8001"
    await page.get_by_role("button", name="显示号码").click()
    await page.wait_for_function("() => document.querySelector('#phone').textContent === '13800138001'")

    await page.goto(f"{address}/calls/{seed.HOSTILE_CALL_ID}")
    assert await page.locator(".words").inner_text() == seed.hostile_call().utterances[0].text
