"""The pipeline: n-grams as pure functions, the components through the trained model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.components.ngrams import best_temperature, fit, softmax, terms_of, vector


def test_terms_have_characters_words_and_sounds() -> None:
    """Homophones share their syllables and nothing else."""
    one, other = terms_of("荔湾", ["荔湾"]), terms_of("立湾", ["立湾"])
    assert one["p"] == other["p"] == ["li", "wan", "li-wan"]
    assert "荔湾" in one["c"]
    assert "荔湾" not in other["c"]


def test_each_family_has_length_one() -> None:
    """No family drowns the others, however many terms it has."""
    terms = terms_of("我想找工作", ["我", "想", "找", "工作"])
    vocabulary = fit([terms, terms_of("你好", ["你好"])])
    columns, values = vector(terms, vocabulary)
    names = {column: name for name, column in vocabulary.columns.items()}
    for family in "cwp":
        length = sum(v * v for c, v in zip(columns, values, strict=True) if names[c].startswith(family))
        assert length == pytest.approx(1.0)


def test_unknown_terms_are_left_out() -> None:
    """A text of unknown terms has no features."""
    assert vector(terms_of("xyz", ["xyz"]), fit([terms_of("你好", ["你好"])])) == ([], [])


def test_confident_margins_get_a_high_temperature() -> None:
    """Where held-back margins are right, probabilities may be sharp; where not, they stay soft."""
    scores = np.array([[1.0, -1.0], [-1.0, 1.0]] * 10)
    right = np.array([0, 1] * 10)
    assert best_temperature(scores, right) > best_temperature(scores, 1 - right)
    assert softmax(scores, 1.0).sum(axis=1) == pytest.approx(np.ones(20))


@pytest.mark.rasa
@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("text", "intent", "entity"),
    [
        ("我想喺天河揾份看更工", "start_intention", ("job", "保安")),
        ("立灣", "give_district", ("district", "荔湾区")),
        ("失業金可以領幾個月？", "ask_policy", None),
        ("唔好再打嚟啦", "opt_out", None),
        ("打錯咗電話喇", "wrong_number", None),
        ("轉人工客服", "human", None),
    ],
)
async def test_messages_are_understood(
    core: Any, text: str, intent: str, entity: tuple[str, str] | None
) -> None:
    """Traditional, Cantonese and misheard text get their intent and names."""
    parsed = await core.model.agent.parse_message(text)
    assert parsed["intent"]["name"] == intent
    if entity:
        assert entity in [(found["entity"], found["value"]) for found in parsed["entities"]]


@pytest.mark.rasa
@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
async def test_unknown_words_are_not_given_an_intent(core: Any) -> None:
    """Text without a known term falls back instead of being guessed."""
    parsed = await core.model.agent.parse_message("สวัสดีครับ")
    assert parsed["intent"]["name"] in (None, "nlu_fallback")


@pytest.mark.rasa
@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("text", "jobs"),
    [
        ("帮我转接客服", []),
        ("我在开车，等下再打", []),
        ("你们真是收钱不办事，气死人", []),
        ("我想做客服", ["客服"]),
        ("我开车的，想找工作", ["司机"]),
        ("想找份包洁的工作", ["保洁"]),
    ],
)
async def test_everyday_words_are_trades_where_work_is_talked_about(
    core: Any, text: str, jobs: list[str]
) -> None:
    """开车 is a trade in 我开车的, and none in 我在开车."""
    parsed = await core.model.agent.parse_message(text)
    assert [found["value"] for found in parsed["entities"] if found["entity"] == "job"] == jobs
