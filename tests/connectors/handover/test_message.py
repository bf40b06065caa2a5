"""Taking a message, and the few words the door listens for. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.handover.types import Contact
from connectors.handover.message import FIRST, Step, advance, phone_in
from connectors.handover.texts import load_handover_texts

TEXTS = load_handover_texts({"agency": "中心", "hotline": "12333"})


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800138000", "13800138000"),
        ("我的手机是 138-0013-8000，谢谢", "13800138000"),
        ("＋86 138 0013 8000", "13800138000"),
        ("020-12345678", "02012345678"),
        ("1380013", ""),
        ("138001380001", ""),
        ("440100199001011234", ""),  # an identity number is no telephone
        ("没有", ""),
    ],
)
def test_numbers_are_found_and_nothing_else(text: str, phone: str) -> None:
    """Mobile and fixed numbers in any spelling; parts of longer numbers are none."""
    assert phone_in(text) == phone


@pytest.mark.parametrize("text", ["不等了", "不等", "算了吧", "取消。", " 我不等啦！", "唔等喇"])
def test_words_that_end_the_waiting(text: str) -> None:
    """With signs and particles, also in Cantonese."""
    assert TEXTS.means("no_waiting", text)


@pytest.mark.parametrize("text", ["不等我也行吗", "我的申请被取消了怎么办", "不用社保卡可以办吗", ""])
def test_sentences_that_only_hold_such_words_do_not(text: str) -> None:
    """What a resident wants staff to read is not taken for a wish to leave."""
    assert not TEXTS.means("no_waiting", text)


def test_every_step_asks_one_thing_and_ends() -> None:
    """Matter, name, number; a number that is none is asked for once more."""
    step = Step(Contact(), FIRST)
    for said, question in (
        ("补贴", "name"),
        ("我姓陈", "phone"),
        ("一三八", "phone_again"),
        ("算了", ""),
    ):
        step = advance(step, said, TEXTS)
        assert step.question == question
    assert step.contact == Contact("补贴", "陈", "")
    assert advance(Step(Contact(), FIRST), "不留了", TEXTS).given_up


@given(st.lists(st.text(max_size=2_000), min_size=4, max_size=4))
def test_whatever_is_said_the_message_ends_within_four_answers(answers: list[str]) -> None:
    """No input keeps a resident in it, and what is kept has its limits."""
    step = Step(Contact(), FIRST)
    for said in answers:
        if step.question:
            step = advance(step, said, TEXTS)
    assert step.question == ""
    assert len(step.contact.about) <= 500
    assert len(step.contact.name) <= 20
    assert len(step.contact.phone) <= 12
