"""Numbers, pay, times, pronunciation and cleaning, as pure functions."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chinese.gazetteer import Gazetteer
from bot.chinese.moments import parse_moment, parse_since
from bot.chinese.money import parse_pay
from bot.chinese.numbers import find_numbers, parse_number
from bot.chinese.pinyin import closest
from bot.chinese.text import has_content, normalise, strip_fillers
from core.clock import CHINA

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=CHINA)  # a Monday


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("三千五", 3500),
        ("3千5", 3500),
        ("一万二", 12000),
        ("1.2万", 12000),
        ("三千零五十", 3050),
        ("十二", 12),
        ("5k", 5000),
        ("二零二五", 2025),
        ("两百三", 230),
        ("一百零五", 105),
        ("十", 10),
        ("20", 20),
    ],
)
def test_numbers_as_people_write_and_say_them(said: str, value: float) -> None:
    """A colloquial number has its value."""
    assert parse_number(said) == value


def test_neighbouring_digits_are_a_range() -> None:
    """四五千 is between four and five thousand."""
    number = find_numbers("要四五千吧")[0]
    assert (number.low, number.high) == (4000, 5000)


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ("四千块左右", 4000, 4000),
        ("三到五千", 3000, 5000),
        ("三千到五千", 3000, 5000),
        ("3000-5000", 3000, 5000),
        ("最少三千五", 3500, None),
        ("五千以下", None, 5000),
        ("三千多", 3000, 4000),
        ("七八千", 7000, 8000),
        ("唔系三千，系四千", 4000, 4000),
        ("四千蚊一个月", 4000, 4000),
        ("面议", None, None),
        ("是但都得", None, None),
        ("两百一天", 4350, 4350),
        ("20块一个钟", 3480, 3480),
        ("年薪十二万", 10000, 10000),
    ],
)
def test_pay_is_a_monthly_range(said: str, low: int | None, high: int | None) -> None:
    """Floors, ceilings, ranges, day, hour and year rates become yuan a month."""
    pay = parse_pay(said)
    assert pay is not None
    assert (pay.low, pay.high) == (low, high)


def test_a_misheard_amount_is_mended_only_on_request_and_with_less_confidence() -> None:
    """是先 is 四千 when pay was asked for, nothing otherwise."""
    assert parse_pay("是先") is None
    pay = parse_pay("是先", repair=True)
    assert pay is not None
    assert pay.low == 4000
    assert pay.confidence < 0.6


@pytest.mark.parametrize("said", ["晚上八点", "保安", "我住三楼", "做了两年"])
def test_other_numbers_are_not_pay(said: str) -> None:
    """A clock time, a floor or a span is not a wage."""
    assert parse_pay(said) is None


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("听日三点后", "2026-11-24T15:00"),
        ("下个礼拜三", "2026-12-02T10:00"),
        ("晚上八点半", "2026-11-23T20:30"),
        ("周五上午十点", "2026-11-27T10:00"),
        ("三天后", "2026-11-26T10:00"),
        ("过两个小时后", "2026-11-23T12:00"),
        ("听晚八点", "2026-11-24T20:00"),
        ("12月3号", "2026-12-03T10:00"),
        ("等阵先", "2026-11-23T12:00"),
    ],
)
def test_moments_are_found(said: str, at: str) -> None:
    """Days and hours in Mandarin and Cantonese become a time in Guangzhou."""
    moment = parse_moment(said, NOW)
    assert moment is not None
    assert moment.at is not None
    assert moment.at.isoformat()[:16] == at


def test_words_without_a_time_are_no_moment() -> None:
    """不知道 names no time."""
    assert parse_moment("不知道", NOW) is None


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("三个月", "2026-08"),
        ("做咗两年", "2024-11"),
        ("去年五月", "2025-05"),
        ("上个月", "2026-10"),
        ("一年半", "2025-05"),
        ("2025年3月", "2025-03"),
        ("刚刚开始", "2026-11"),
        ("二零二四年", "2024"),
    ],
)
def test_since_is_a_month(said: str, since: str) -> None:
    """A date or a span becomes the month something began."""
    assert parse_since(said, NOW) == since


@pytest.mark.parametrize(
    ("heard", "meant"), [("天和区", "天河区"), ("立湾", "荔湾"), ("北人", "本人"), ("是等", "是的")]
)
def test_misheard_words_sound_like_what_was_meant(heard: str, meant: str) -> None:
    """The homophone errors of the recogniser are near the word by sound."""
    found = closest(heard, [meant, "广州塔"])
    assert found is not None
    assert found.candidate == meant


def test_unlike_words_are_not_mended() -> None:
    """A word that sounds different stays as it is."""
    assert closest("保安", ["天河", "荔湾", "本人"]) is None


def test_a_gazetteer_finds_names_and_mends_only_their_own_parts() -> None:
    """A district is found by sound, a street only by its spelling."""
    names = {"district": {"荔湾区": "荔湾区", "荔湾": "荔湾区", "石滩": "增城区"}}
    gazetteer = Gazetteer(names, ("district",))
    assert [(f.value, f.confidence) for f in gazetteer.find("我在立湾")] == [("荔湾区", 0.8)]
    assert [f.value for f in gazetteer.find("石滩那边")] == ["增城区"]
    assert gazetteer.find("是但") == []


def test_a_name_with_a_reading_of_its_own_is_found_by_that() -> None:
    """番 alone is read fan, in 番禺 pan: 盘鱼区 is 番禺区."""
    gazetteer = Gazetteer({"district": {"番禺区": "番禺区", "番禺": "番禺区"}}, ("district",))
    assert [found.value for found in gazetteer.find("我住盘鱼区")] == ["番禺区"]


def test_what_is_a_word_itself_was_not_misheard() -> None:
    """包洁 is 保洁, 宝安 is a place; a trade without everyday names is not looked for by sound."""
    names = {"job": {"保安": "保安", "看更": "保安", "保洁": "保洁", "扫地": "保洁", "编导": "编导"}}
    alike = Gazetteer(names, ("job",)).sounds_alike(["宝安", "报案", "保安", "天气", "人工智能"])
    assert alike == ["宝安", "报案"]
    gazetteer = Gazetteer(names, ("job",), alike)
    assert gazetteer.find("我住宝安") == []
    assert [found.value for found in gazetteer.find("想做包洁")] == ["保洁"]
    assert gazetteer.find("遍导") == []


def test_what_cuts_two_words_is_no_name() -> None:
    """一家 | 电子厂 holds no 家电; 家电 | 维修 does."""
    gazetteer = Gazetteer({"job": {"家电": "家电"}})
    assert gazetteer.find("一家电子厂", boundaries={0, 2, 5}) == []
    assert [found.value for found in gazetteer.find("家电维修", boundaries={0, 2, 4})] == ["家电"]


def test_longest_name_wins() -> None:
    """天河区 is one name, not 天河 and a rest."""
    gazetteer = Gazetteer({"district": {"天河": "天河区", "天河区": "天河区"}})
    assert [(f.start, f.end) for f in gazetteer.find("去天河区")] == [(1, 4)]


def test_text_is_cleaned() -> None:
    """Width, script, tags, emoji and control characters are normalised away."""
    assert normalise("我想睇下個<b>政策</b>😀ＡＢＣ１２３　\x00ok係") == "我想睇下个 政策 ABC123 ok系"
    assert not has_content("😀😀 \u200b")
    assert strip_fillers("嗯，那个，是的") == "是的"


def test_a_leading_slash_cannot_be_smuggled_in() -> None:
    """A full-width slash does not become Rasa's intent marker."""
    assert normalise("／deny") == "deny"
    assert normalise("/deny") == "/deny"


@given(st.text(max_size=80))
def test_nothing_makes_the_parsers_fail(text: str) -> None:
    """Any text at all is cleaned and parsed without an exception."""
    clean = normalise(text)
    find_numbers(clean)
    parse_pay(clean, repair=True)
    parse_moment(clean, NOW)
    parse_since(clean, NOW)
    assert not clean.startswith("/") or text.startswith("/")
