"""The words alone say whether a turn is over; the evaluation names what is wrong in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import BadInput
from nuanye.commands.eval import app
from voice import endings_fit
from voice.endings_fit import words_with_endings
from voice.endpointing import Pace, pace_of
from voice.evaluation import Judged, Labelled, judge_all, read_turns, summarise_turns
from voice.turns import Turn, judge
from voice.words import VoiceWords, load_words

WORDS = load_words()
OWN_SET = Path(__file__).parents[1] / "data" / "eval" / "turns.jsonl"


@pytest.mark.parametrize(
    "text",
    [
        "是啊",
        "冇呀",
        "唔使喇",
        "我想找保安",
        "三千五",
        "一万二左右",
        "打给我",
        "下午三点以后",
        "谢谢你",
        "13800138001",
    ],
)
def test_a_whole_answer_is_finished(text: str) -> None:
    """Short answers in both varieties, amounts, and phrases that end like a beginning."""
    assert judge(text, WORDS) is Turn.FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "嗯…",
        "即系",
        "因为",
        "不过",
        "我想做",
        "电话是",
        "一三八零零",
        "我做过保安、",
        "除了保安",
        "我不",
        "",
        "，",
    ],
)
def test_a_trailing_thought_is_unfinished(text: str) -> None:
    """Fillers, trailing conjunctions, numbers under way, rising lists, and no word at all."""
    assert judge(text, WORDS) is Turn.UNFINISHED


@pytest.mark.parametrize("text", ["等等", "停一下", "等阵先", "你先听我讲", "稍等，我接个电话"])
def test_somebody_who_holds_us_is_waited_for(text: str) -> None:
    """Requests to stop or to hold on, short ones, with whatever stands around them."""
    assert judge(text, WORDS) is Turn.WAIT


@pytest.mark.parametrize(
    "text", ["等通知", "我还在等面试结果", "等下午再打给我", "他让我等一下结果后来就没有消息了"]
)
def test_waiting_that_is_told_is_no_request(text: str) -> None:
    """Somebody who waits for something, or tells of it, does not hold us."""
    assert judge(text, WORDS) is not Turn.WAIT


@pytest.mark.parametrize("text", ["等一下", "我想做", "因为"])
def test_what_is_not_over_gets_the_patient_pause(text: str) -> None:
    """The end-pointer takes its pause from the same judgement."""
    assert pace_of(text, WORDS) is Pace.PATIENT


def test_own_set_meets_the_bars() -> None:
    """Finished .95, unfinished and wait .88, three milliseconds each (issue: turn labels)."""
    found = summarise_turns(judge_all(read_turns([OWN_SET]), WORDS))
    assert found["n"] >= 200
    assert found["finished"] >= 0.95
    assert min(found["unfinished"], found["wait"]) >= 0.88
    assert found["latency_ms"]["p50"] <= 3


def test_shares_are_of_each_label_and_an_absent_label_has_none() -> None:
    """Two of finished, one right; none of wait."""
    finished = Labelled("好", Turn.FINISHED)
    judged = [Judged(finished, Turn.FINISHED, 1.0), Judged(finished, Turn.WAIT, 3.0)]
    found = summarise_turns(judged)
    assert (found["n"], found["finished"], found["wait"]) == (2, 0.5, None)
    assert found["latency_ms"] == {"p50": 2.0, "p95": 2.9, "max": 3.0}


@pytest.mark.parametrize(
    "row",
    ["{", "[]", "7", '{"text": "好"}', '{"text": "好", "label": "over"}', '{"text": 7, "label": "wait"}'],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: str) -> None:
    """File, line number and the known labels stand in the message."""
    file = tmp_path / "mine.jsonl"
    file.write_text('{"text": "好", "label": "finished"}\n' + row + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.jsonl, line 2: .*finished, unfinished, wait"):
        read_turns([file])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_file_without_lines_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, blank and undecodable files say so."""
    file = tmp_path / "mine.jsonl"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"mine\.jsonl"):
        read_turns([file])


def test_the_command_prints_one_object(tmp_path: Path) -> None:
    """Shares and latency as JSON; a mark at the head of the file is no part of the first line."""
    file = tmp_path / "mine.jsonl"
    file.write_text('\ufeff{"text": "停一下", "label": "wait"}\n', encoding="utf-8")
    shown = CliRunner().invoke(app, ["turns", str(file), "--json"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert (found["n"], found["wait"], found["finished"]) == (1, 1.0, None)


@pytest.fixture(scope="session")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> VoiceWords:
    """The word lists with the model of endings, learnt from the examples that ship."""
    return words_with_endings(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(
    "text",
    [
        "我想找一份",
        "我住在天河区的",
        "因为我之前",
        "呢个月我",
        "我电话系一三八",
        "我女儿今年刚上",
        "我想揾份近",
        "帮我查一下我的",
    ],
)
def test_what_breaks_off_is_unfinished_also_where_no_list_knows_it(text: str, learnt: VoiceWords) -> None:
    """The model knows sentences that stop in mid-word or mid-phrase."""
    assert judge(text, learnt) is Turn.UNFINISHED


@pytest.mark.parametrize(
    "text", ["我是做保洁的", "我住喺荔湾嗰边", "没人要我啊", "工资大概六千块左右", "有冇包食宿㗎", "天河区"]
)
def test_the_model_takes_whole_sentences_for_finished(text: str, learnt: VoiceWords) -> None:
    """What ends like a beginning but is whole stays finished."""
    assert judge(text, learnt) is Turn.FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "等一下",
        "等等先",
        "你先别说",
        "唔好嘈住",
        "停一停",
        "我拎支笔先",
        "别再重复了",
        "先别念我听不清",
        "唔好再讲喇",
    ],
)
def test_who_holds_us_is_waited_for(text: str, learnt: VoiceWords) -> None:
    """Stopping and holding on, in ways that no list exhausts."""
    assert judge(text, learnt) is Turn.WAIT


def test_the_model_is_learnt_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process reads the weights; a damaged file is learnt anew."""
    fits: list[int] = []

    def learn(*_: object) -> dict[str, float]:
        fits.append(1)
        return {"bias": 1.0}

    monkeypatch.setattr(endings_fit, "fit", learn)
    first = endings_fit.load_endings(tmp_path)
    assert endings_fit.load_endings(tmp_path).weights == first.weights == {"bias": 1.0}
    (path,) = (tmp_path / "endings").iterdir()
    path.write_text("{", encoding="utf-8")
    endings_fit.load_endings(tmp_path)
    assert len(fits) == 2


def test_the_bars_hold_on_the_shipped_lines_and_each_takes_under_3_ms(learnt: VoiceWords) -> None:
    """The three labels' bars, and the time of one judgement."""
    lines = read_turns([OWN_SET])
    summary = summarise_turns(judge_all(lines, learnt))
    assert summary["finished"] >= 0.95
    assert summary["unfinished"] >= 0.88
    assert summary["wait"] >= 0.88
    assert summary["latency_ms"]["p95"] <= 3
