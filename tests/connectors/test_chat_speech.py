"""Speaking to the chat page, being read to, and choosing the language, in a real browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from core.dialogue import ScriptedDialogue
from tests.connectors.conftest import Door, StartDoor
from tests.connectors.script import QUESTIONS, script
from tests.connectors.test_web_voice import SAID, ListEars

pytestmark = [pytest.mark.browser, pytest.mark.net]

Arrive = Callable[..., Awaitable[tuple[Page, Door]]]

# A device with a Mandarin and a Cantonese voice that keeps what it was to say; speech ends when told to.
_VOICES = """
window.spoken = [];
const voices = [{lang: "en-US", name: "e"}, {lang: "zh-HK", name: "y"}, {lang: "zh-CN", name: "m"}];
window.SpeechSynthesisUtterance = function (text) { this.text = text; };
Object.defineProperty(window, "speechSynthesis", {value: {
  getVoices: () => voices,
  speak: (one) => { window.spoken.push([one.voice.lang, one.text]); window.current = one; },
  cancel: () => { window.spoken.push(["", "cancel"]); },
}});
"""


@pytest.fixture
def arrive(start_door: StartDoor, chromium_page: Page) -> Arrive:
    """Open the page on a fresh server and wait for the greeting."""

    async def arrived(query: str = "", ears: ListEars | None = None) -> tuple[Page, Door]:
        door = await start_door(ScriptedDialogue(script), hearing=ears)
        await chromium_page.goto(f"{door.url}/{query}")
        await expect(chromium_page.get_by_text("您好，我是暖业")).to_be_visible()
        return chromium_page, door

    return arrived


async def test_speech_is_written_down_checked_and_sent(arrive: Arrive) -> None:
    """What Chromium really records is heard; the words can be corrected before they are sent."""
    ears = ListEars()
    page, _ = await arrive(ears=ears)
    await page.context.grant_permissions(["microphone"])
    await page.get_by_role("button", name="按一下说话").click()
    end = page.get_by_role("button", name="说完了")
    await expect(end).to_be_focused()
    await expect(page.locator(".speaking")).to_contain_text("还能说 58 秒")
    await end.click()
    field = page.get_by_label("输入您的问题")
    await expect(field).to_have_value(SAID)
    await expect(field).to_be_focused()
    await expect(page.get_by_text("您说的话写好了")).to_be_visible()
    assert len(ears.heard[0]) > 16_000
    await page.keyboard.type("？")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(f"收到：{SAID}？")).to_be_visible()


async def test_a_recording_can_be_thrown_away(arrive: Arrive) -> None:
    """Escape sends nothing and gives the button its focus back."""
    ears = ListEars()
    page, _ = await arrive(ears=ears)
    await page.context.grant_permissions(["microphone"])
    await page.clock.install()
    speak = page.get_by_role("button", name="按一下说话")
    await speak.click()
    await expect(page.locator(".speaking")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator(".speaking")).to_be_hidden()
    await expect(speak).to_be_focused()
    assert ears.heard == []


async def test_refusals_are_told_in_words(arrive: Arrive) -> None:
    """A forbidden microphone and a recogniser that is away: both say to write instead."""
    ears = ListEars(says="")
    page, _ = await arrive(ears=ears)
    speak = page.get_by_role("button", name="按一下说话")
    await speak.click()
    await expect(page.get_by_role("status").get_by_text("用不了麦克风")).to_be_visible()
    await page.context.grant_permissions(["microphone"])
    await speak.click()
    await expect(page.locator(".speaking")).to_contain_text("还能说 58 秒")
    await page.get_by_role("button", name="说完了").click()
    await expect(page.get_by_role("status").get_by_text("没听清")).to_be_visible()
    await expect(speak).to_be_enabled()


async def test_without_a_microphone_or_recogniser_there_is_no_button(
    arrive: Arrive, chromium_page: Page
) -> None:
    """An old WebView has no MediaRecorder; then nothing is offered that does not work."""
    page, _ = await arrive()
    await expect(page.get_by_role("button", name="按一下说话")).to_have_count(0)
    await chromium_page.add_init_script("delete window.MediaRecorder")
    page, _ = await arrive(ears=ListEars())
    await expect(page.get_by_role("button", name="按一下说话")).to_have_count(0)


async def test_answers_are_read_aloud_sentence_by_sentence(arrive: Arrive, chromium_page: Page) -> None:
    """The device's Mandarin voice reads; pressing again stops; another answer takes over."""
    await chromium_page.add_init_script(_VOICES)
    page, _ = await arrive()
    read = page.get_by_role("button", name="朗读")
    await read.click()
    stop = page.get_by_role("button", name="停止朗读")
    await expect(stop).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("spoken") == [["zh-CN", "您好，我是暖业，就业服务智能助手。"]]
    await page.evaluate("current.onend()")
    assert (await page.evaluate("spoken"))[1] == ["zh-CN", "您可以问我就业政策，也可以告诉我想找什么工作。"]
    await stop.click()
    await expect(page.get_by_role("button", name="朗读", exact=True)).to_be_visible()
    assert (await page.evaluate("spoken"))[-1] == ["", "cancel"]
    await page.get_by_role("button", name="朗读").click()
    await page.evaluate("current.onend(), current.onend()")
    await expect(stop).to_have_count(0)


async def test_the_language_changes_everything_that_is_read(arrive: Arrive, chromium_page: Page) -> None:
    """Page, earlier answers, buttons and voice turn Cantonese and back; a draft stays."""
    await chromium_page.add_init_script(_VOICES)
    page, _ = await arrive()
    await page.get_by_label("输入您的问题").fill("补贴")
    choice = page.get_by_label("语言")
    await choice.select_option(label="粵語")
    await expect(page.get_by_text("您好，我是暖業，就業服務智能助手。")).to_be_visible()
    await expect(page.get_by_text("由智能幫手回答")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "yue-HK"
    field = page.get_by_label("寫低您想問嘅嘢")
    await expect(field).to_have_value("补贴")
    await expect(page.locator("select.language")).to_be_focused()
    await page.get_by_role("button", name="讀出嚟").click()
    assert (await page.evaluate("spoken"))[0][0] == "zh-HK"
    await expect(page.get_by_role("button", name="靈活就業社保補貼怎麼領？")).to_be_visible()
    await page.get_by_role("button", name="發送").click()
    await expect(page.get_by_text("還想了解哪一項？")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("還想了解哪一項？")).to_be_visible()
    await page.get_by_label("語言").select_option(label="普通话")
    await expect(page.get_by_text("还想了解哪一项？")).to_be_visible()
    await expect(page.get_by_role("button", name=QUESTIONS[0])).to_be_visible()


async def test_a_station_screen_is_given_back_as_it_was(arrive: Arrive, chromium_page: Page) -> None:
    """Font, language, draft and conversation of one person are gone for the next; controls are large."""
    await chromium_page.set_viewport_size({"width": 1280, "height": 900})
    await chromium_page.clock.install()
    page, _ = await arrive("?kiosk=1")
    small = await page.evaluate(
        "Array.from(document.querySelectorAll('button, select')).filter(n => n.offsetParent)"
        ".map(n => [n.textContent, n.getBoundingClientRect().height]).filter(([, height]) => height < 60)"
    )
    assert small == []
    await page.get_by_role("button", name="字号：特大").click()
    await page.get_by_label("语言").select_option(label="繁體")
    await page.get_by_label("輸入您的問題").fill("我的身份证")
    await page.clock.run_for(121_000)
    await expect(page.get_by_text("您還在嗎")).to_be_visible()
    await page.clock.run_for(21_000)
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    await expect(page.get_by_label("输入您的问题")).to_have_value("")
    await expect(page.get_by_role("button", name="字号：标准")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("[localStorage.length, sessionStorage.getItem('nuanye.language')]") == [
        0,
        None,
    ]
