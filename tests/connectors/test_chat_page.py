"""The chat page in a real browser, against a real server with scripted answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from core.dialogue import ScriptedDialogue
from core.types import Answer, Reply, Turn, TurnEvent
from tests.connectors.conftest import Door, GatedDialogue, StartDoor
from tests.connectors.script import ANSWER, QUESTIONS, script
from tests.eventually import eventually

pytestmark = [pytest.mark.browser, pytest.mark.net]

expect.set_options(timeout=15_000)

OpenChat = Callable[..., Awaitable[tuple[Page, Door]]]


@pytest.fixture
async def open_chat(start_door: StartDoor, chromium_page: Page) -> AsyncIterator[OpenChat]:
    """Open the page on a fresh server and wait for the greeting. Nothing may reach the console."""
    printed: list[str] = []

    async def open_it(dialogue: object = None, query: str = "") -> tuple[Page, Door]:
        door = await start_door(dialogue or ScriptedDialogue(script))
        await chromium_page.goto(f"{door.url}/{query}")
        # Chromium itself reports connections that are refused; what the page says is what counts.
        chromium_page.on("console", lambda m: printed.append(m.text) if "net::ERR" not in m.text else None)
        await expect(chromium_page.get_by_text("您好，我是暖业")).to_be_visible()
        return chromium_page, door

    yield open_it
    assert [line for line in printed if "WebSocket" not in line] == []


async def ask(page: Page, text: str) -> None:
    await page.get_by_label("输入您的问题").fill(text)
    await page.get_by_role("button", name="发送", exact=True).click()


async def bubbles(page: Page) -> list[str]:
    """The texts of all bubbles without what only a screen reader says."""
    return await page.eval_on_selector_all(
        ".bubble", "all => all.map(one => Array.from(one.childNodes).filter(n => n.nodeType === 3)"
        ".map(n => n.data).join(''))"
    )  # fmt: skip


async def test_a_question_is_answered_with_a_source_that_unfolds(open_chat: OpenChat) -> None:
    """The answer keeps its lines; document, date and link appear when the source is opened."""
    page, _ = await open_chat()
    await ask(page, "社保补贴怎么领")
    answer = page.locator(".bubble", has_text="先缴后补")
    await expect(answer).to_be_visible()
    assert (await bubbles(page))[1:3] == ["社保补贴怎么领", ANSWER]
    assert await answer.evaluate("node => getComputedStyle(node).whiteSpace") == "pre-wrap"
    document = page.get_by_text("粤人社规〔2026〕20号")
    await expect(document).to_be_hidden()
    await page.get_by_text("依据和来源（1）").click()
    await expect(document).to_be_visible()
    await expect(page.get_by_text("截至 2026-06-17")).to_be_visible()
    link = page.get_by_role("link", name="查看原文")
    assert (await link.get_attribute("rel") or "").split()[:2] == ["noopener", "noreferrer"]


async def test_buttons_send_their_text_and_give_way_to_the_next_question(open_chat: OpenChat) -> None:
    """A suggestion is asked as if typed; its answer's buttons vanish once something else is said."""
    page, door = await open_chat()
    await page.get_by_role("button", name=QUESTIONS[0]).click()
    await page.get_by_role("button", name="需要哪些材料").click()
    await expect(page.get_by_text("收到：需要哪些材料？")).to_be_visible()
    await expect(page.get_by_role("button", name="需要哪些材料")).to_have_count(0)
    await expect(page.get_by_role("button", name=QUESTIONS[0])).to_be_visible()
    assert (await bubbles(page))[1] == QUESTIONS[0]
    assert door.port


async def test_the_keyboard_alone_is_enough(open_chat: OpenChat) -> None:
    """Skip link, writing, sending, a line break, unfolding a source and starting over without a pointer."""
    page, _ = await open_chat()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="跳到输入框")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("输入您的问题")).to_be_focused()
    await page.keyboard.type("社保")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("补贴")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("还想了解哪一项？")).to_be_visible()
    assert (await bubbles(page))[1] == "社保\n补贴"
    await page.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("粤人社规〔2026〕20号")).to_be_visible()
    await page.get_by_role("button", name="重新开始").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog")
    await expect(dialog.get_by_role("button", name="不了")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_role("button", name="清除并重新开始")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("button", name="重新开始")).to_be_focused()


async def test_screen_readers_are_given_roles_and_names(open_chat: OpenChat) -> None:
    """One live log, labelled controls, speakers named in the text, the typing notice announced."""
    dialogue = GatedDialogue()
    dialogue.gate.set()
    page, _ = await open_chat(dialogue)
    log = page.get_by_role("log", name="对话内容")
    await expect(log).to_have_attribute("aria-live", "polite")
    assert await page.locator("html").get_attribute("lang") == "zh-CN"
    await expect(page.get_by_role("heading", level=1)).to_contain_text("暖业")
    await expect(page.get_by_role("list", name="您可以这样问")).to_be_visible()
    dialogue.gate.clear()
    await ask(page, "您好")
    await expect(page.get_by_role("status").get_by_text("暖业正在输入")).to_have_count(1)
    await eventually(lambda: len(dialogue.turns) == 2)
    dialogue.gate.set()
    await expect(log.get_by_text("收到：您好")).to_be_visible()
    await expect(page.get_by_role("status").get_by_text("暖业正在输入")).to_have_count(0)
    assert "您说：您好" in (await log.inner_text()).replace("\n", "")
    unnamed = await page.evaluate(
        "Array.from(document.querySelectorAll('button, a, textarea')).filter(n => !n.textContent.trim()"
        " && !n.getAttribute('aria-label')).length"
    )
    assert unnamed == 0


async def test_the_font_size_is_chosen_and_remembered(open_chat: OpenChat) -> None:
    """Three sizes; the choice survives a reload and never makes a phone's page scroll sideways."""
    page, _ = await open_chat()
    size = "parseFloat(getComputedStyle(document.querySelector('.bubble')).fontSize)"
    sizes = []
    for label in ("标准", "大", "特大"):
        choice = page.get_by_role("button", name=f"字号：{label}", exact=True)
        await choice.click()
        await expect(choice).to_have_attribute("aria-pressed", "true")
        sizes.append(await page.evaluate(size))
        assert await sideways(page) == 0
    assert sizes == sorted(set(sizes))
    assert sizes[0] >= 16
    await page.reload()
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    assert await page.evaluate(size) == sizes[2]


async def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))


async def test_nothing_is_wider_than_a_small_phone(open_chat: OpenChat) -> None:
    """At 360 pixels an endless word wraps and every control is tall enough for a finger."""
    page, _ = await open_chat()
    await ask(page, "补贴" + "x" * 300)
    await expect(page.get_by_text("还想了解哪一项？")).to_be_visible()
    await page.get_by_text("依据和来源").click()
    assert await sideways(page) == 0
    small = await page.evaluate(
        "Array.from(document.querySelectorAll('button, summary, .source-foot a')).filter(n => n.offsetParent)"
        ".map(n => [n.textContent, n.getBoundingClientRect().height]).filter(([, height]) => height < 44)"
    )
    assert small == []


async def test_a_cut_connection_is_resumed_with_one_copy_of_everything(
    open_chat: OpenChat, start_door: StartDoor
) -> None:
    """The server goes away with a question unanswered and another one unsent; both are answered once."""
    dialogue = GatedDialogue()
    dialogue.gate.set()
    page, door = await open_chat(dialogue)
    dialogue.gate.clear()
    await ask(page, "第一问")
    await eventually(lambda: len(dialogue.turns) == 2)
    await door.stop()
    await expect(page.get_by_text("网络断开了")).to_be_visible()
    await ask(page, "第二问")
    await expect(page.get_by_text("正在发送")).to_be_visible()
    await start_door(ScriptedDialogue(script), port=door.port)
    await expect(page.get_by_text("收到：第二问")).to_be_visible()
    await expect(page.get_by_text("网络断开了")).to_be_hidden()
    await asyncio.sleep(0.5)
    texts = await bubbles(page)
    assert sorted(texts[1:]) == ["收到：第一问", "收到：第二问", "第一问", "第二问"]
    await expect(page.get_by_text("正在发送")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("收到：第二问")).to_be_visible()
    assert sorted((await bubbles(page))[1:]) == sorted(texts[1:])


async def test_without_websockets_the_page_polls(open_chat: OpenChat, chromium_page: Page) -> None:
    """Behind a proxy that blocks WebSockets the conversation goes on all the same."""
    await chromium_page.add_init_script("delete window.WebSocket")
    page, _ = await open_chat()
    await ask(page, "您好")
    await expect(page.get_by_text("收到：您好")).to_be_visible()
    assert await bubbles(page) == [*(await bubbles(page))[:1], "您好", "收到：您好"]


async def test_markup_is_shown_never_run(open_chat: OpenChat) -> None:
    """What a citizen or the core writes is text, in bubbles, buttons and sources."""
    page, _ = await open_chat()
    await ask(page, "<img src=x onerror=document.title='hacked'><b>好</b>")
    await expect(page.get_by_text("收到：<img src=x")).to_be_visible()
    assert await page.locator(".log img, .log b").count() == 0
    assert await page.title() == "暖业 · 广州市公共就业服务中心"


async def test_a_text_that_is_too_long_is_counted_and_kept(open_chat: OpenChat) -> None:
    """The page says by how much, sends nothing and keeps what was written."""
    page, _ = await open_chat()
    await ask(page, "字" * 2_003)
    await expect(page.get_by_text("已超出 3 字，请分成几句发")).to_be_visible()
    assert len(await bubbles(page)) == 1
    assert len(await page.get_by_label("输入您的问题").input_value()) == 2_003


async def test_a_refused_message_can_be_sent_again(open_chat: OpenChat) -> None:
    """A fast writer sees which message did not go out, and one press sends it."""
    page, _ = await open_chat()
    for number in range(20):
        await ask(page, f"第{number}句")
        if number < 19:
            await expect(page.get_by_text(f"收到：第{number}句")).to_be_visible()
    await expect(page.get_by_text("您发得有点快")).to_be_visible()
    await expect(page.get_by_text("没有发出")).to_be_visible()
    await page.get_by_role("button", name="重新发送").click()
    await expect(page.get_by_text("您发得有点快")).to_have_count(2)
    assert (await bubbles(page)).count("第19句") == 1


async def test_starting_over_clears_the_conversation(open_chat: OpenChat) -> None:
    """After the confirmation only a new greeting is left, also after a reload."""
    page, _ = await open_chat()
    await ask(page, "您好")
    await expect(page.get_by_text("收到：您好")).to_be_visible()
    await page.get_by_role("button", name="重新开始").click()
    await page.get_by_role("button", name="清除并重新开始").click()
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    await expect(page.get_by_text("收到：您好")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("您好，我是暖业")).to_be_visible()
    assert len(await bubbles(page)) == 1


async def test_a_station_screen_clears_itself_for_the_next_person(
    open_chat: OpenChat, chromium_page: Page
) -> None:
    """Two idle minutes bring a question, twenty more seconds a fresh conversation; touching keeps it."""
    await chromium_page.clock.install()
    page, _ = await open_chat(query="?kiosk=1")
    await ask(page, "您好")
    await expect(page.get_by_text("收到：您好")).to_be_visible()
    await page.clock.run_for(121_000)
    await page.get_by_role("button", name="我还在").click()
    await page.clock.run_for(60_000)
    await expect(page.get_by_text("收到：您好")).to_be_visible()
    await page.clock.run_for(61_000)
    await expect(page.get_by_text("您还在吗")).to_be_visible()
    await page.clock.run_for(21_000)
    await expect(page.get_by_text("收到：您好")).to_have_count(0)


async def test_a_long_answer_does_not_pull_the_reader_away(open_chat: OpenChat) -> None:
    """Who has scrolled up stays there and is offered the way to the newest message."""

    def talk(turn: Turn) -> Answer:
        if turn.event is TurnEvent.SESSION_START:
            return script(turn)
        return Answer((Reply("\n".join(f"第{line}行" for line in range(40))),))

    dialogue = GatedDialogue()
    dialogue.gate.set()
    dialogue.script = talk
    page, _ = await open_chat(dialogue)
    await ask(page, "您好")
    await expect(page.get_by_text("第39行")).to_be_attached()
    dialogue.gate.clear()
    await ask(page, "再问")
    await eventually(lambda: len(dialogue.turns) == 3)
    scroll = page.locator(".conversation")
    await scroll.evaluate("node => { node.scrollTop = 0; }")
    dialogue.gate.set()
    latest = page.get_by_role("button", name="看最新消息")
    await expect(latest).to_be_visible()
    assert await scroll.evaluate("node => node.scrollTop") == 0
    await latest.click()
    await expect(latest).to_be_hidden()
    assert await scroll.evaluate("node => node.scrollHeight - node.scrollTop - node.clientHeight") < 2
