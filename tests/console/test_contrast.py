"""The console's text stands out from its background, on a desktop and on a narrow window."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from casework.staff import hash_password
from casework.store import Store
from console.app import check_static, create_app
from core.clock import VirtualClock
from core.settings import Settings
from tests.console import seed
from tests.console.conftest import _StillClock
from tests.contrast import weak_pairs

pytestmark = [pytest.mark.browser, pytest.mark.net, pytest.mark.slow]

_ONE_TIME = "abcd-efgh-jkmn-pqrs"


@pytest.fixture
async def address(console_settings: Settings, store: Store, clock: VirtualClock) -> AsyncIterator[str]:
    """A served console; its address."""
    check_static()
    server = TestServer(create_app(console_settings, store, None, clock=_StillClock(clock)))
    async with server:
        yield str(server.make_url("")).rstrip("/")


async def _log_in(page: Page, user: str, password: str) -> None:
    await page.get_by_label("账号").fill(user)
    await page.get_by_label("密码").fill(password)
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_selector(".bar")


@pytest.mark.parametrize("width", [1280, 820])
async def test_text_is_readable(chromium_page: Page, address: str, store: Store, width: int) -> None:
    """Every page reaches 4.5 to 1 (WCAG AA): login and its failure, lists, a call being heard, errors."""
    page = chromium_page
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(f"{address}/login")
    assert await weak_pairs(page) == {}
    await page.get_by_label("账号").fill(seed.USER)
    await page.get_by_label("密码").fill("wrong wrong wrong")
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_selector(".notice-error")
    assert await weak_pairs(page) == {}
    await _log_in(page, seed.USER, seed.PASSWORD)
    for path in ("/calls", "/calls?since=2026-11-22", "/intentions", "/password", "/calls/att_none"):
        await page.goto(address + path)
        assert (path, await weak_pairs(page)) == (path, {})
    await page.goto(f"{address}/calls/{seed.CALL_ID}")
    assert await weak_pairs(page) == {}
    await page.locator("#line-11 .words").click()
    await page.wait_for_selector("#line-11[aria-current=true]")
    assert await weak_pairs(page) == {}


async def test_one_time_password_is_changed_in_the_browser(
    chromium_page: Page, address: str, store: Store, clock: VirtualClock
) -> None:
    """Logging in with it leads to 修改密码; after that the new password opens the list."""
    page, mine = chromium_page, "my own long password"
    await store.add_staff("new.here", hash_password(_ONE_TIME), one_time=True)
    await page.goto(f"{address}/login")
    await _log_in(page, "new.here", _ONE_TIME)
    assert page.url == f"{address}/password"
    assert await weak_pairs(page) == {}
    await page.get_by_label("当前密码").fill(_ONE_TIME)
    await page.get_by_label("新密码", exact=True).fill(mine)
    await page.get_by_label("再输一次新密码").fill(mine)
    clock.advance_ms(1000)
    await page.get_by_role("button", name="保存").click()
    await page.get_by_text("密码已修改").wait_for()
    await _log_in(page, "new.here", mine)

    assert page.url == f"{address}/calls"


async def test_days_are_chosen_in_chinese(chromium_page: Page, address: str) -> None:
    """The filter by day is read in Chinese whatever the browser's language, and takes 2026/11/21."""
    page = chromium_page
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{address}/login")
    await _log_in(page, seed.USER, seed.PASSWORD)
    day = page.get_by_label("到", exact=True)
    assert await day.get_attribute("placeholder") == "年-月-日"
    assert await page.locator("#days option").first.inner_text() == "今天　周日"
    await day.fill("2026/11/21")
    await page.get_by_role("button", name="筛选").click()
    await page.wait_for_url("**until=2026**")

    assert await page.locator("tr[data-key]").count() == 1
