"""Measures of understanding: exact values, noise, near-duplicates, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.chinese.noise import alike, near, noisy
from bot.chinese.pinyin import syllable, syllable_cost
from bot.evaluation.files import Question, Utterance, read_questions, read_utterances
from bot.evaluation.known import known_texts, training_examples, unknown_names, unknown_policies
from bot.evaluation.metrics import (
    accuracy,
    confusions,
    entity_score,
    interval,
    latency,
    macro_f1,
    per_label,
)
from bot.evaluation.nlu import Parsed, marked, summarise_nlu
from bot.evaluation.overlap import LIMIT, twins
from bot.evaluation.policy import ask, summarise_policy
from bot.knowledge import load_entries
from bot.retrieval import Ranking
from bot.retrieval.types import Candidate
from core.errors import BadInput

DATA = Path(__file__).parents[1] / "data" / "eval"
POLICY = [*sorted(DATA.glob("policy*.jsonl")), DATA / "out_of_scope.jsonl"]
NLU = sorted(DATA.glob("nlu*.jsonl"))


def test_accuracy_and_macro_f1_are_exact() -> None:
    """Three of four right; the F1 of a is 0.8, of b two thirds, a label never true counts for nothing."""
    truth, guess = ["a", "a", "b", "b"], ["a", "a", "b", "a"]
    assert accuracy(truth, guess) == 0.75
    assert macro_f1(truth, guess) == pytest.approx((0.8 + 2 / 3) / 2)
    assert per_label(truth, guess)["b"].recall == 0.5
    assert per_label(truth, guess)["a"].precision == pytest.approx(2 / 3)
    assert per_label(["a"], ["c"]).keys() == {"a"}
    assert accuracy([], []) == macro_f1([], []) == 0.0


def test_confusions_are_ordered_by_count_then_name() -> None:
    """The commonest mistake comes first."""
    assert confusions(["a", "b", "b", "c"], ["b", "a", "a", "c"]) == [("b", "a", 2), ("a", "b", 1)]


def test_entities_are_compared_as_multisets() -> None:
    """One found of two, one invented: precision, recall and F1 are a half."""
    truth = [[("job", "保安"), ("job", "保安")], []]
    score = entity_score(truth, [[("job", "保安")], [("place", "客村")]])
    assert (score.precision, score.recall, score.f1, score.support) == (0.5, 0.5, 0.5, 2)


def test_the_interval_holds_the_mean_and_repeats() -> None:
    """A share of one half of 100 lies within 0.4 to 0.6, and the same seed gives the same interval."""
    values = np.array([0.0, 1.0] * 50)
    low, high = interval(100, lambda chosen: float(values[chosen].mean()))
    assert 0.38 <= low < 0.5 < high <= 0.62
    assert (low, high) == interval(100, lambda chosen: float(values[chosen].mean()))
    assert interval(0, lambda chosen: 1.0) == (0.0, 0.0)


def test_latency_is_median_and_95th_percentile() -> None:
    """Of 1 to 101 ms these are 51 and 96."""
    assert latency([float(value) for value in range(1, 102)]) == {"p50": 51.0, "p95": 96.0}
    assert latency([]) == {"p50": 0.0, "p95": 0.0}


def test_an_nlu_summary_counts_by_variety_and_accepts_the_words_said() -> None:
    """An entity marked with the words said (天河) equals the usual form found for them (天河区)."""
    lines = (
        Utterance("天河", "give_district", (("district", "天河"),), ("天河",), "mandarin"),
        Utterance("好呀", "affirm", (), (), "cantonese"),
    )
    parsed = (
        Parsed("give_district", 0.9, (("district", "天河区"),) * 2, 1.0, ("天河", "天河")),
        Parsed("deny", 0.5, (), 3.0),
    )
    summary = summarise_nlu(lines, parsed)
    assert summary["n"] == 2
    assert summary["intent_accuracy"] == 0.5
    assert summary["entity_f1"] == 1.0
    assert summary["by_variety"]["cantonese"]["intent_accuracy"] == 0.0
    assert summary["by_variety"]["cantonese"]["entity_f1"] is None
    assert summary["confusions"] == [{"truth": "affirm", "guess": "deny", "n": 1}]


def _ranking(decision: str, *ids: str) -> Ranking:
    return Ranking(tuple(Candidate(item, 1.0, 0.5) for item in ids), decision)  # type: ignore[arg-type]


def test_choices_count_for_top3_only_and_context_reaches_the_search() -> None:
    """Answered at once counts as top-1, offered as top-3, turned away for nothing."""
    contexts: list[str] = []
    answers = {
        "甲": _ranking("answer", "a", "b"),
        "乙": _ranking("ask", "b", "c"),
        "丙": _ranking("unknown", "c"),
        "外": _ranking("unknown"),
    }

    def search(question: str, *, context_policy_id: str = "") -> Ranking:
        contexts.append(context_policy_id)
        return answers[question]

    questions = (
        Question("甲", ("a",), "mandarin", (), "web", "ask_policy"),
        Question("乙", ("b",), "mandarin", ("甲",), "web", "ask_policy"),
        Question("丙", ("c",), "cantonese", (), "phone", "ask_policy"),
        Question("外", (), "cantonese", (), "web", "out_of_scope"),
    )
    summary = summarise_policy(ask(questions, search), ["ask_policy"] * 4)
    assert contexts == ["", "", "a", "", ""]
    assert (summary["top1"], summary["top3"], summary["mrr"]) == (0.333, 0.667, 0.667)
    assert (summary["asked"], summary["false_reject"], summary["oos_recall"]) == (0.333, 0.333, 1.0)
    assert summary["intent_accuracy"] == 0.75
    assert summary["confusions"] == [{"truth": "out_of_scope", "guess": "ask_policy", "n": 1}]
    assert summary["by_intent"]["ask_policy"]["recall"] == 1.0
    assert {"truth": "b", "guess": "none", "n": 1} in summary["policy_confusions"]
    assert summary["by_variety"]["cantonese"] == {"known": 1, "top1": 0.0, "top3": 0.0, "mrr": 0.0}
    assert summary["in_context"]["top3"] == 1.0


def test_noise_repeats_by_seed_and_keeps_most_of_the_sound() -> None:
    """The same seed gives the same text; at least one and at most a quarter of the characters change."""
    text = "失业保险金一个月可以领多少钱，要带什么材料？"
    once = noisy(text, seed=3)
    assert once == noisy(text, seed=3)
    assert {noisy(text, seed=seed) for seed in range(5)} != {once}
    plain = "失业保险金一个月可以领多少钱要带什么材料"
    assert once != plain
    assert len(plain) - 3 <= len(once) <= len(plain)
    if len(once) == len(plain):
        assert sum(a != b for a, b in zip(plain, once, strict=True)) <= 5
    assert noisy("ok 123", seed=1) == "ok123"


def test_homophones_sound_alike_and_near_ones_almost() -> None:
    """业 may become 页 but not itself; a near homophone costs something, but at most a half."""
    assert "页" in alike("业")
    assert "业" not in alike("业")
    costs = [syllable_cost(syllable("资"), syllable(char)) for char in near("资")]
    assert costs
    assert all(0 < cost <= 0.5 for cost in costs)


def test_near_duplicates_are_found_across_scripts_and_short_lines_are_left_alone() -> None:
    """A line in traditional characters repeats its simplified twin; 好的 cannot help being 好的."""
    found = twins(["失業登記要帶什麼材料", "好的", "今天天气很好呀"], ["失业登记要带什么材料？", "好的"])
    assert [(twin.line, twin.likeness) for twin in found] == [("失業登記要帶什麼材料", 1.0)]


def test_files_of_others_are_read_as_they_come(tmp_path: Path) -> None:
    """A byte-order mark, empty lines, nulls, names without place or form, context as turns."""
    path = tmp_path / "theirs.jsonl"
    path.write_text(
        '\ufeff{"text": "我想做保安", "intent": "x", "entities": [{"entity": "job", "value": "保安"}]}\r\n'
        '\r\n{"text": "天河", "intent": "x", "variety": null, "entities": [{"type": "district", "start": 0, '
        '"end": 2}]}\n{"text": "好\u2028的", "intent": "affirm", "entities": null}\n',
        encoding="utf-8",
    )
    first, second, third = read_utterances([path])
    assert (first.entities, first.surfaces) == ((("job", "保安"),), ("保安",))
    assert (second.entities, second.variety) == ((("district", "天河"),), "unspecified")
    assert third.entities == ()
    turns = [
        {"role": "user", "content": "失业金怎么领"},
        {"role": "assistant", "content": "在网上"},
        "那材料呢",
    ]
    line = {"question": "多久", "policy_ids": None, "context": turns, "channel": None}
    path.write_text(json.dumps(line), encoding="utf-8")
    (question,) = read_questions([path])
    assert question.context == ("失业金怎么领", "那材料呢")
    assert (question.policy_ids, question.channel, question.intent) == ((), "web", "out_of_scope")


def test_names_that_we_do_not_know_are_counted_and_do_not_stop_the_measuring() -> None:
    """Intents, entity types and policies that only the file has are reported."""
    lines = (Utterance("你好", "hello", (("city", "广州"),), ("广州",), "mandarin"),) * 2
    assert unknown_names(lines) == {"unknown_intents": {"hello": 2}, "unknown_entities": {"city": 2}}
    asked = (Question("问", ("nowhere", "ui_apply"), "mandarin", (), "web", "ask_policy"),)
    assert unknown_policies(asked, load_entries()) == {"unknown_policies": {"nowhere": 1}}


def test_a_name_found_in_the_same_words_is_right_whatever_its_usual_form() -> None:
    """跑滴滴 marked as 司机 and found as 网约车司机 is the same name; other words are not."""
    line = Utterance("我跑滴滴", "status_flexible", (("job", "司机"),), ("跑滴滴",), "mandarin")
    found = Parsed("status_flexible", 0.9, (("job", "网约车司机"),), 1.0, ("跑滴滴",))
    assert marked(line, found) == (("job", "网约车司机"),)
    other = Parsed("status_flexible", 0.9, (("job", "网约车司机"),), 1.0, ("滴滴",))
    assert marked(line, other) == (("job", "司机"),)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not a JSON object"),
        ('{"text": "好"}', "'intent' is missing"),
        ('{"text": " ", "intent": "affirm"}', "text must be text"),
        (
            '{"text": "天河", "intent": "x", "entities": '
            '[{"type": "d", "value": "v", "start": 0, "end": 9}]}',
            "outside the text",
        ),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    """The error says which file and line, and what is wrong."""
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "好", "intent": "affirm"}\n\n' + line, encoding="utf-8")
    with pytest.raises(BadInput, match=rf"bad\.jsonl, line 3: .*{reason}"):
        read_utterances([path])


def test_policy_files_need_lists_of_texts(tmp_path: Path) -> None:
    """policy_ids and context are lists; an empty file is refused."""
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"question": "问", "policy_ids": "a"}), encoding="utf-8")
    with pytest.raises(BadInput, match="line 1: policy_ids"):
        read_questions([path])
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(BadInput, match="no lines"):
        read_questions([path])


def test_the_test_sets_are_large_varied_and_use_known_ids() -> None:
    """400 known policy questions, 150 foreign ones, 600 messages, about a third of them Cantonese."""
    questions, lines = read_questions(POLICY), read_utterances(NLU)
    known = [item for item in questions if item.policy_ids]
    assert len(known) >= 400
    assert len(questions) - len(known) >= 150
    assert len(lines) >= 600
    for items in (known, lines):
        assert sum(item.variety == "cantonese" for item in items) >= 0.3 * len(items)
    ids = {entry.id for entry in load_entries()}
    assert all(set(item.policy_ids) <= ids for item in questions)
    assert len({(item.question, item.context) for item in questions}) == len(questions)
    assert {item.intent for item in lines} == {intent for _, intent in training_examples()}


def test_the_test_sets_do_not_repeat_what_the_system_has_seen() -> None:
    """Near-duplicates of training examples and knowledge stay within the limit, file by file."""
    known = known_texts()
    for path in NLU:
        texts = [item.text for item in read_utterances([path])]
        assert len(twins(texts, known)) <= LIMIT * len(texts), path.name
    for path in POLICY[1:]:
        texts = [item.question for item in read_questions([path]) if not item.context]
        assert len(twins(texts, known)) <= LIMIT * len(texts), path.name
