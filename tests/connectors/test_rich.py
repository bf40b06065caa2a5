"""Answers as plain text: numbers, sources, pieces. Everything here is pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.platform_texts import load_platform_texts
from connectors.rich import compose, groups, number_in, split_text
from connectors.types import Event, EventType
from connectors.wechat.api import menu_button
from connectors.wechat.passive import Pulse
from core.clock import VirtualClock
from core.errors import KnowledgeError
from core.types import Button
from tests.connectors.script import SOURCE

TEXTS = load_platform_texts({"agency": "中心", "hotline": "12333"})
AT = datetime(2026, 11, 23, tzinfo=UTC)


def reply(text: str, message_id: str = "m1", index: int = 0, of: int = 1) -> Event:
    return Event(EventType.REPLY, AT, message_id, text, index=index, of=of, id=f"{len(text)}-{index}")


def notice(code: str, message_id: str = "m1") -> Event:
    return Event(EventType.NOTICE, AT, message_id, code, code=code)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("2", 2), ("２", 2), (" 2 ", 2), ("第2个", 2), ("选3", 3), ("2。", 2), ("9", 9)]
    + [(text, 0) for text in ("0", "10", "22", "2个孩子", "两", "", "一", "2000", "②1")],
)
def test_a_number_counts_only_alone(typed: str, number: int) -> None:
    """ "2", full-width or with a measure word, is a choice; a number in a sentence is not."""
    assert number_in(typed) == number


def test_an_answer_is_written_in_full() -> None:
    """Text, source with its address, and numbered choices, in the order of the answer."""
    events = [
        replace(reply("可以领。", of=2), sources=(SOURCE,)),
        replace(reply("还想了解什么？", index=1, of=2), buttons=(Button("材料", "需要哪些材料？"),)),
    ]
    composed = compose(events, TEXTS, links=True)
    assert composed.text == (
        "可以领。\n\n依据：灵活就业社会保险补贴（粤人社规〔2026〕20号，截至 2026-06-17）\n"
        f"原文：{SOURCE.url}\n\n还想了解什么？\n\n回复数字就可以选：\n1. 材料"
    )
    assert composed.choices == ("需要哪些材料？",)
    assert SOURCE.url not in compose(events, TEXTS, links=False).text


def test_a_source_is_not_said_twice() -> None:
    """An answer that names its source itself gets no second line."""
    said = replace(reply(f"可以领。来源：{SOURCE.title}"), sources=(SOURCE,))
    assert compose([said], TEXTS, links=True).text == said.text


def test_ten_choices_become_nine() -> None:
    """One digit tells them apart."""
    buttons = tuple(Button(f"选项{number}", f"选项{number}") for number in range(12))
    composed = compose([replace(reply("选哪个？"), buttons=buttons)], TEXTS, links=True)
    assert len(composed.choices) == 9
    assert "10." not in composed.text


def test_an_apology_for_slowness_is_not_delivered_after_the_answer() -> None:
    """Answers stay whole, the citizen's own words and late apologies are left out."""
    said = Event(EventType.MESSAGE, AT, "m1", "问")
    whole = [reply("一", index=0, of=2), reply("二", index=1, of=2)]
    assert groups([said, notice("slow"), *whole]) == [tuple(whole)]
    assert groups([said, notice("slow")]) == [(notice("slow"),)]
    assert groups([notice("slow"), notice("failed")]) == [(notice("failed"),)]
    assert groups([notice("slow", "m2"), *whole]) == [(notice("slow", "m2"),), tuple(whole)]


@given(st.text(max_size=3_000), st.integers(min_value=64, max_value=2_048))
def test_pieces_fit_and_lose_only_space(text: str, limit: int) -> None:
    """Whatever the text, every piece fits and, space aside, nothing is lost or changed."""
    pieces = split_text(text, limit)
    assert all(0 < len(piece.encode(errors="surrogatepass")) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_pieces_end_between_sentences() -> None:
    """A paragraph's end is better than a sentence's, that better than a comma."""
    sentence = "请带好身份证和社保卡，到街道办理。"
    pieces = split_text(sentence * 30, 200)
    assert all(piece.endswith("。") for piece in pieces)
    assert split_text(f"{'一' * 40}，{'二' * 20}。\n\n{'三' * 40}", 250)[0].endswith("。")
    commas = split_text("我们先登记，" * 40, 100)
    assert all(piece.endswith("，") for piece in commas)


def test_joined_emoji_stay_joined() -> None:
    """A family is not torn into its members."""
    family = "👨‍👩‍👧‍👦"
    pieces = split_text(family * 20, 100)
    assert all(piece.replace(family, "") == "" for piece in pieces)


def test_a_stall_ends_with_the_first_answer() -> None:
    """Three in vain make a stall; requests then wait briefly until one is answered in time."""
    clock = VirtualClock()
    pulse = Pulse(clock)
    for key in "abc":
        pulse.begin(key)
    assert not pulse.in_vain("a")
    clock.advance_ms(700)
    assert all(pulse.in_vain(key) for key in "abc")
    for key in "abc":
        pulse.end(key, answered=False)
    pulse.begin("d")
    assert not pulse.in_vain("d")
    clock.advance_ms(700)
    assert pulse.in_vain("d")
    pulse.end("d", answered=True)
    pulse.begin("e")
    clock.advance_ms(4_000)
    assert not pulse.in_vain("e")


def test_the_menu_fits_the_platform() -> None:
    """Three entries of at most four characters, five below each of at most eight, keys of 128 bytes."""
    assert 1 <= len(TEXTS.menu) <= 3
    for entry in TEXTS.menu:
        assert len(entry.name) <= 4
        assert len(entry.items) <= 5
        assert bool(entry.say) != bool(entry.items)
        assert all(len(item.name) <= 8 and item.say for item in entry.items)
        assert menu_button(entry)["name"] == entry.name


def test_a_missing_sentence_is_named(tmp_path: Path) -> None:
    """A file without one of the sentences does not start the process."""
    path = tmp_path / "platforms.yml"
    names = ("choose", "pick", "source", "original", "open_original", "chosen", "staff_says")
    words = "".join(f"{name}: a\n" for name in names) + "nearest: {head: a}\n"
    path.write_text(f"notices: {{image: 好}}\n{words}said: {{}}\nmenu: []\n", "utf-8")
    with pytest.raises(KnowledgeError, match="voice_long"):
        load_platform_texts({}, path)
