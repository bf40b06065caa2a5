"""Cutting replies, the door's own word lists, and what can be rendered ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.types import CallAction, Reply
from voice.clauses import LONG_CHARS, clauses_of, split_clauses
from voice.fixed import fixed_sentences
from voice.words import EMERGENCIES, load_words

WORDS = load_words()


def test_sentences_are_cut_at_their_ends() -> None:
    """Marks stay with their sentence; nothing is said twice."""
    assert split_clauses("您好。请问您是本人吗？\n谢谢！") == ("您好。", "请问您是本人吗？", "谢谢！")


def test_a_long_sentence_is_cut_at_a_comma() -> None:
    """The listener need not wait until all of it is rendered."""
    parts = split_clauses(
        "我们是公共就业服务中心，想了解您现在的就业情况，看看有什么可以帮到您，不收任何费用。"
    )
    assert len(parts) > 1
    assert all(len(part) <= LONG_CHARS for part in parts)


@given(st.text(alphabet="我你好，。？！； \nab", max_size=120))
def test_no_word_is_lost(text: str) -> None:
    """All letters come out in order, whatever the punctuation."""
    letters = [char for char in text if char in "我你好ab"]
    assert [char for char in "".join(split_clauses(text)) if char in "我你好ab"] == letters


def test_the_spoken_variant_is_said_and_endings_are_protected() -> None:
    """``spoken`` wins over ``text``; a goodbye cannot be cut off by "好的"."""
    replies = (
        Reply("看的。", spoken="说的。"),
        Reply("通知。", protected=True),
        Reply("再见。", call=CallAction.HANGUP),
    )
    assert [(clause.text, clause.protected) for clause in clauses_of(replies)] == [
        ("说的。", False),
        ("通知。", True),
        ("再见。", True),
    ]


def test_every_emergency_has_a_sentence() -> None:
    """What the door may have to say is there, and ends politely."""
    assert all(WORDS.emergency[key].endswith("再见。") for key in EMERGENCIES)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[]", "mapping"),
        ("emergency: {dialogue_down: 再见}", "cannot_hear"),
        ("{", "YAML"),
        ("emergency: 1", "emergency"),
    ],
)
def test_a_broken_word_file_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    """The worker does not start with half its sentences."""
    path = tmp_path / "voice.yml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        load_words(path)


def test_hints_hold_the_callees_name() -> None:
    """The recogniser expects the name where it is asked for, and nothing empty."""
    assert "陈小明" in WORDS.hints_for("identity", "陈小明")
    assert "" not in WORDS.hints_for("identity", "")
    assert "天河区" in WORDS.hints_for("district", "")


DOMAIN = """
version: "3.1"
responses:
  utter_ask:
    - text: 请问您是{name}本人吗？请讲。
    - text: 请问您是{name}吗？请讲。
      channel: phone
  utter_sum:
    - text: 核对一下，您在{district}，对吗？
  utter_word_x:
    - text: 白班
"""


def test_what_can_be_known_is_rendered_ahead(tmp_path: Path) -> None:
    """Phone variants win; clauses with values of the conversation are left out, fixed ones are not."""
    (tmp_path / "a.yml").write_text(DOMAIN)
    assert fixed_sentences({}, domain=tmp_path) == ("请讲。", "核对一下，", "对吗？")
    assert fixed_sentences({"name": "陈小明"}, only="name", domain=tmp_path) == ("请问您是陈小明吗？",)


def test_the_notice_and_the_identity_question_are_ready_before_the_answer() -> None:
    """The repository's own domain: everything of the first audio is known while it rings."""
    known = {"agency": "测试中心", "hotline": "12333", "name": "陈小明"}
    fixed = fixed_sentences(known)
    assert any("测试中心" in clause for clause in fixed)
    assert any("陈小明" in clause for clause in fixed)
